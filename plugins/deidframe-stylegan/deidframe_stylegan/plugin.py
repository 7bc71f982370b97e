"""What this plugin brings."""

from __future__ import annotations

from pydantic import BaseModel, Field

from deidframe.contract import Component, Need, hookimpl


class StyleGanParams(BaseModel, extra="forbid", strict=True):
    """How hard it looks for a good face."""

    candidates: int = Field(default=8, ge=1, le=64)
    """Faces that are weighed for each group: up to three are made for it, the others come from the bank of known faces."""
    min_score: float = Field(default=0.85, ge=0, le=1)
    """A face of which the detector is less sure is taken only if there is no other."""


@hookimpl
def deidframe_synthesizers() -> list[Component]:
    """Bring `stylegan`."""
    return [
        Component(
            name="stylegan",
            make="deidframe_stylegan.surrogate:StyleGan",
            params=StyleGanParams,
            summary="a photograph of nobody for each group, the nearest of some candidates to the group's target encoding",
            example='synthesizer = { use = "stylegan" }\n',
            needs=frozenset({Need.WEIGHTS, Need.EYES}),
            spaces=("dlib-resnet", "sface"),
            weights=(
                "mobilestylegan-mapping-graph",
                "mobilestylegan-mapping",
                "mobilestylegan-synthesis-graph",
                "mobilestylegan-synthesis",
            ),
            shares=True,
            reference="Karras et al., StyleGAN2, CVPR 2020; Belousov, MobileStyleGAN, 2021",
        )
    ]
