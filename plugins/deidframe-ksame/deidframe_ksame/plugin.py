"""What this plugin brings."""

from __future__ import annotations

from pydantic import BaseModel, Field

from deidframe.contract import Component, hookimpl


class NoParams(BaseModel, extra="forbid", strict=True):
    """Takes no parameters."""


class FixedSizeParams(BaseModel, extra="forbid", strict=True):
    """How long it searches."""

    passes: int | None = Field(default=None, ge=1, le=100_000)
    """Passes over all people in which a step that raises the SSE may be taken; when not given, by the number of people."""


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
        )
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
            shares=True,
            reference="Newton, Sweeney, Malin, Preserving privacy by de-identifying face images, IEEE TKDE 17(2), 2005",
        )
    ]
