"""What this plugin brings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deidframe.contract import Component, Need, Params, SamePerson, hookimpl


class YuNetParams(Params):
    """How sure, and how finely, YuNet looks."""

    min_score: float = Field(default=0.6, ge=0.05, le=0.99)
    """A box below this confidence is no face."""
    overlap: float = Field(default=0.3, gt=0, lt=1)
    """Of boxes that overlap more than this (intersection over union) the best-scoring one is kept."""
    max_side: int = Field(default=640, ge=64, le=4096)
    """A picture whose longer side has more pixels is looked at in this size."""


class SFaceParams(Params):
    """How SFace is run."""

    precision: Literal["f32", "bf16", "int8"] = "f32"
    """`bf16` is faster on CPUs that have it; figures to be compared are made in f32."""


@hookimpl
def deidframe_detectors() -> list[Component]:
    """Bring `yunet`."""
    return [
        Component(
            name="yunet",
            make="deidframe_opencv_zoo.yunet:YuNet",
            params=YuNetParams,
            summary="YuNet: boxes and five landmarks, finds faces of about 10 to 300 pixels",
            example='[detector]\nuse = "yunet"\nparams = { min_score = 0.7 }\n',
            needs=frozenset({Need.WEIGHTS}),
            sure=0.92,  # of 600 upside-down faces one scores more, of upright ones in LFW six of seven
            eager=({"min_score": 0.3}, {"min_score": 0.3, "max_side": 1280}),
            weights=("yunet",),
            reference="Wu, Peng, Yu, YuNet: a tiny millisecond-level face detector, 2023",
            contract=2,
        )
    ]


@hookimpl
def deidframe_encoders() -> list[Component]:
    """Bring `sface`."""
    return [
        Component(
            name="sface",
            make="deidframe_opencv_zoo.sface:SFace",
            params=SFaceParams,
            summary="SFace: 128-D encodings compared by cosine, the strongest recogniser among the defaults",
            example='encoder = { use = "sface" }\n',
            needs=frozenset({Need.WEIGHTS}),
            spaces=("sface",),
            weights=("sface",),
            same_person=SamePerson(
                deviations=5.0,
                cosine=(0.45, 0.55, 0.6),
                certain=0.75,
                stray=0.28,
                stray_few=0.34,
                genuine=((6.9, 1.3), (8.8, 1.6), (9.2, 0.9)),
                measured_on="100 people of LFW and 50 who do not exist, the lower of both",
            ),
            reference="Zhong et al., SFace: sigmoid-constrained hypersphere loss for robust face recognition, 2021",
            contract=2,
        )
    ]
