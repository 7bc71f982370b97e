"""What this plugin brings."""

from __future__ import annotations

from pydantic import BaseModel

from deidframe.contract import Component, hookimpl


class NoParams(BaseModel, extra="forbid", strict=True):
    """Takes no parameters."""


@hookimpl
def deidframe_clusterers() -> list[Component]:
    """Bring `fixed-size`."""
    return [
        Component(
            name="fixed-size",
            make="deidframe_ksame.fixed_size:FixedSize",
            params=NoParams,
            summary="groups of k to 2k - 1 people: MDAV, then moves and swaps that lower the SSE",
            example='clusterer = { use = "fixed-size" }\n',
            reference="Domingo-Ferrer, Torra, Ordinal, continuous and heterogeneous k-anonymity through microaggregation, 2005",
        )
    ]


@hookimpl
def deidframe_outlier_handlers() -> list[Component]:
    """Bring `nearest-group` and `withhold`."""
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
