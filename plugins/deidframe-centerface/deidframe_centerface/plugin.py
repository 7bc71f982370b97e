"""What this plugin brings."""

from __future__ import annotations

from pydantic import Field

from deidframe.contract import Component, Need, Params, hookimpl


class CenterFaceParams(Params):
    """How sure, and how finely, CenterFace looks."""

    min_score: float = Field(default=0.5, ge=0.05, le=0.99)
    """A place of the heatmap below this confidence is no face."""
    overlap: float = Field(default=0.3, gt=0, lt=1)
    """Of boxes that overlap more than this (intersection over union) the best-scoring one is kept."""
    max_side: int = Field(default=640, ge=64, le=4096)
    """A picture whose longer side has more pixels is looked at in this size."""


@hookimpl
def deidframe_detectors() -> list[Component]:
    """Bring `centerface`."""
    return [
        Component(
            name="centerface",
            make="deidframe_centerface.detector:CenterFace",
            params=CenterFaceParams,
            summary="CenterFace: boxes and five landmarks from a heatmap, independent of the default detector",
            example='[detector]\nuse = "centerface"\nparams = { min_score = 0.6 }\n',
            needs=frozenset({Need.WEIGHTS}),
            eager=({"min_score": 0.4}, {"min_score": 0.4, "max_side": 1280}),
            weights=("centerface",),
            reference="Xu, Yan, Yang, Luo, CenterFace: joint face detection and alignment using face as point, 2020",
            contract=2,
        )
    ]
