"""What this plugin brings."""

from __future__ import annotations

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl


class NoParams(Params):
    """Takes no parameters."""


class FixedSizeParams(Params):
    """How long it searches."""

    passes: int | None = Field(default=None, ge=1, le=100_000)
    """Passes over all people in which a step that raises the SSE may be taken; when not given, by the number of people."""


class RandomWeightParams(Params):
    """How uneven the weights are."""

    concentration: float = Field(default=1.0, gt=0, le=1000, strict=False)
    """Of the Dirichlet distribution: 1 takes all weightings as likely, more is more even."""


class InterpolateParams(Params):
    """How far each person moves."""

    alpha: float = Field(ge=0, le=1, strict=False)
    """Share of the way from the person to the group's mean; only 1 keeps the promise of k."""

    @property
    def per_person(self) -> bool:
        """Each person gets a target of its own, so there is no promise of k."""
        return self.alpha < 1

    @property
    def promise(self) -> str:
        """What the certificate says of it."""
        return (
            f"each surrogate was aimed {self.alpha:g} of the way from its person to the group's mean: it keeps part of the person"
        )


class DpLaplaceParams(Params):
    """How much noise."""

    epsilon: float = Field(gt=0, le=1e6, strict=False)
    """Privacy loss for one person's encoding; smaller is more private."""
    clip: float = Field(default=10.0, gt=0, le=1000, strict=False)
    """Sum of absolute values to which an encoding is scaled down; unit encodings of 128 numbers have some 9."""

    @property
    def per_person(self) -> bool:
        """Each person gets a target of its own, so there is no promise of k."""
        return True

    @property
    def promise(self) -> str:
        """What the certificate says of it."""
        return (
            f"the target of each person's surrogate is differentially private with epsilon = {self.epsilon:g} for that person's"
            f" encoding (Laplace noise, L1 sensitivity {2 * self.clip:g}); a picture made from the target alone inherits it"
        )


@hookimpl
def deidframe_clusterers() -> list[Component]:
    """Bring `fixed-size`."""
    return [
        Component(
            name="fixed-size",
            make="deidframe_ksame.fixed_size:FixedSize",
            params=FixedSizeParams,
            summary="groups of k to 2k - 1 people with a small SSE: greedy, then threshold accepting by moves and swaps",
            example='clusterer = { use = "fixed-size" }\n',
            reference="Domingo-Ferrer, Torra, Ordinal, continuous and heterogeneous k-anonymity through microaggregation, 2005",
        )
    ]


@hookimpl
def deidframe_outlier_handlers() -> list[Component]:
    """Bring `nearest-group`, `withhold`, `own-groups` and `split-merge`."""
    return [
        Component(
            name="nearest-group",
            make="deidframe_ksame.outliers:NearestGroup",
            params=NoParams,
            summary="noise and people of too small groups join the nearest group that is large enough",
            example='outliers = { use = "nearest-group" }\n',
        ),
        Component(
            name="withhold",
            make="deidframe_ksame.outliers:Withhold",
            params=NoParams,
            summary="noise and people of too small groups are not released",
            example='outliers = { use = "withhold" }\n',
        ),
        Component(
            name="own-groups",
            make="deidframe_ksame.outliers:OwnGroups",
            params=NoParams,
            summary="noise and people of too small groups are grouped among themselves",
            example='outliers = { use = "own-groups" }\n',
        ),
        Component(
            name="split-merge",
            make="deidframe_ksame.outliers:SplitMerge",
            params=NoParams,
            summary="too small groups are dissolved into their neighbours, and groups of 2k and more are split",
            example='outliers = { use = "split-merge" }\n',
        ),
    ]


@hookimpl
def deidframe_anonymizers() -> list[Component]:
    """Bring `centroid`."""
    return [
        Component(
            name="centroid",
            make="deidframe_ksame.centroid:Centroid",
            params=NoParams,
            summary="the surrogate of a group aims at the mean of its people",
            example='anonymizer = { use = "centroid" }\n',
            reference="Newton, Sweeney, Malin, Preserving privacy by de-identifying face images, IEEE TKDE 17(2), 2005",
        ),
        Component(
            name="medoid",
            make="deidframe_ksame.members:Medoid",
            params=NoParams,
            summary="the surrogate of a group aims at its most central member",
            shows_person=True,
            example='anonymizer = { use = "medoid" }\n',
        ),
        Component(
            name="random-weight",
            make="deidframe_ksame.members:RandomWeight",
            params=RandomWeightParams,
            summary="the surrogate of a group aims at a mean of its people with random weights",
            shows_person=True,
            example='anonymizer = { use = "random-weight" }\n',
        ),
        Component(
            name="interpolate",
            make="deidframe_ksame.alone:Interpolate",
            params=InterpolateParams,
            summary="each person moves part of the way to the group's mean; below the whole way there is no promise of k",
            example='anonymizer = { use = "interpolate", params = { alpha = 0.5 } }\n',
        ),
        Component(
            name="dp-laplace",
            make="deidframe_ksame.alone:DpLaplace",
            params=DpLaplaceParams,
            summary="Laplace noise on each person's clipped encoding: differential privacy for an encoding, no promise of k",
            example='anonymizer = { use = "dp-laplace", params = { epsilon = 20.0 } }\n',
            deterministic=False,
            reference="Dwork, McSherry, Nissim, Smith, Calibrating noise to sensitivity in private data analysis, TCC 2006",
        ),
    ]


@hookimpl
def deidframe_synthesizers() -> list[Component]:
    """Bring `pixel-mean`."""
    return [
        Component(
            name="pixel-mean",
            make="deidframe_ksame.pixel_mean:PixelMean",
            params=NoParams,
            summary="k-Same-Pixel: the mean of the group's aligned pictures, each person weighing the same",
            example='synthesizer = { use = "pixel-mean" }\n',
            one_picture_per_group=True,
            reference="Newton, Sweeney, Malin, Preserving privacy by de-identifying face images, IEEE TKDE 17(2), 2005",
        )
    ]
