"""What this plugin brings."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from deidframe.contract import Component, Need, Params, hookimpl

DIMENSIONS = 128
"""Of the encoders that come with the project."""


class NoParams(Params):
    """Takes no parameters."""


class FixedSizeParams(Params):
    """How long it searches."""

    passes: int | None = Field(default=None, ge=1, le=100_000)
    """Passes over all people in which a step that raises the SSE may be taken; when not given, by the number of people."""
    starts: int = Field(default=2, ge=1, le=64)
    """Searches of which the best is kept; of more than 6,000 people there is one."""
    seconds: float | None = Field(default=None, gt=0, le=1e6, strict=False)
    """How long it may take, in the place of `passes`; the groups then depend on the machine's speed, too."""
    cells: int = Field(default=1, ge=1, le=4096)
    """Coarse cells within which groups are made (a power of two), for more people than one search takes at once."""

    @model_validator(mode="after")
    def _one_measure(self) -> FixedSizeParams:
        if self.passes is not None and self.seconds is not None:
            raise ValueError("passes and seconds both say how long it searches; give one of them")
        return self


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


class SpreadParams(Params):
    """How far the draw goes, and whose differences it is made of."""

    spread: float = Field(default=1.0, gt=0, le=10, strict=False)
    """In standard deviations of people around their group's mean; with `of = "generated"`, of generated people around theirs."""
    of: Literal["database", "generated"] = "database"
    """`database`: drawn along how the database's own people differ; `generated`: along how people differ who do not exist, so
    that nobody of the database is in the draw and a formal bound holds."""

    def beyond_k(self, k: int) -> str:
        """What the certificate says of it."""
        said = (
            f"each surrogate was aimed at its group's mean moved by a random draw of {self.spread:g} standard deviations, which"
            " nobody can repeat without the run's key: against one who knows the other members this is measured by the attack"
            " `informed`, and no promise"
        )
        if self.of == "database":
            return f"{said}; the draw follows the database's own covariance, so no formal bound is claimed"
        return f"{said}; {formal(k, self.spread)}"


def formal(k: int, spread: float, dimensions: int = DIMENSIONS) -> str:
    """Return the formal bound of a Gaussian draw over a mean of clipped members, in words that say how strong it is.

    A member lies at most sqrt(D) standard deviations from the public mean, so putting another person in the place of one of k
    moves the target by at most 2 sqrt(D) / k of them, and the draw has `spread` of them in each direction: rho = 2 D / (k
    spread)^2 of zero-concentrated differential privacy (Bun, Steinke, TCC 2016, proposition 1.6), from which (epsilon, delta)
    with epsilon = rho + 2 sqrt(rho log(1 / delta)) follows (proposition 1.3).
    """
    rho = 2 * dimensions / (k * spread) ** 2
    epsilon = rho + 2 * math.sqrt(rho * math.log(1e5))
    # Fano: whoever tells m equally likely people apart has success at most (rho + log 2) / log m
    useful = math.exp(min((rho + math.log(2)) / 0.5, 700.0))
    strength = (
        "on paper this is weak: it bounds one who knows all the others to being right in half of the cases only where more than"
        f" {useful:.0e} people could be the last one"
        if useful > 1e3
        else "one who knows all the others is right in at most half of the cases where more than"
        f" {useful:.0f} people could be the last one"
    )
    return (
        f"for the target in one encoder of {dimensions} numbers the draw is zero-concentrated differentially private with rho ="
        f" {rho:.3g} (epsilon = {epsilon:.3g} at delta = 1e-5); {strength}; a face aimed in several encoders has no bound but the"
        " measured one"
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
            contract=2,
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
            contract=2,
        ),
        Component(
            name="withhold",
            make="deidframe_ksame.outliers:Withhold",
            params=NoParams,
            summary="noise and people of too small groups are not released",
            example='outliers = { use = "withhold" }\n',
            contract=2,
        ),
        Component(
            name="own-groups",
            make="deidframe_ksame.outliers:OwnGroups",
            params=NoParams,
            summary="noise and people of too small groups are grouped among themselves",
            example='outliers = { use = "own-groups" }\n',
            contract=2,
        ),
        Component(
            name="split-merge",
            make="deidframe_ksame.outliers:SplitMerge",
            params=NoParams,
            summary="too small groups are dissolved into their neighbours, and groups of 2k and more are split",
            example='outliers = { use = "split-merge" }\n',
            contract=2,
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
            contract=2,
        ),
        Component(
            name="medoid",
            make="deidframe_ksame.members:Medoid",
            params=NoParams,
            summary="the surrogate of a group aims at its most central member",
            shows_person=True,
            example='anonymizer = { use = "medoid" }\n',
            contract=2,
        ),
        Component(
            name="random-weight",
            make="deidframe_ksame.members:RandomWeight",
            params=RandomWeightParams,
            summary="the surrogate of a group aims at a mean of its people with random weights",
            shows_person=True,
            example='anonymizer = { use = "random-weight" }\n',
            contract=2,
        ),
        Component(
            name="spread",
            make="deidframe_ksame.spread:Spread",
            params=SpreadParams,
            summary="the group's mean moved by a keyed random draw, alike in all encoders: for where others of a group are known",
            example='anonymizer = { use = "spread", params = { spread = 1.0 } }\n',
            needs=frozenset({Need.RECOGNIZER}),
            moves_targets=True,
            every_space=True,
            reference="Croft, Sack, Shi, Obfuscation of images via differential privacy, Peer-to-Peer Netw. Appl., 2021",
            contract=2,
        ),
        Component(
            name="interpolate",
            make="deidframe_ksame.alone:Interpolate",
            params=InterpolateParams,
            summary="each person moves part of the way to the group's mean; below the whole way there is no promise of k",
            moves_targets=True,
            example='anonymizer = { use = "interpolate", params = { alpha = 0.5 } }\n',
            contract=2,
        ),
        Component(
            name="dp-laplace",
            make="deidframe_ksame.alone:DpLaplace",
            params=DpLaplaceParams,
            summary="Laplace noise on each person's clipped encoding: differential privacy for an encoding, no promise of k",
            example='anonymizer = { use = "dp-laplace", params = { epsilon = 20.0 } }\n',
            deterministic=False,
            moves_targets=True,
            reference="Dwork, McSherry, Nissim, Smith, Calibrating noise to sensitivity in private data analysis, TCC 2006",
            contract=2,
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
            contract=2,
        )
    ]
