"""What this plugin brings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from deidframe.contract import Component, Need, Params, hookimpl


class FaceNetParams(Params):
    """Which weights, and what runs them."""

    weights: Path | None = Field(default=None, strict=False)
    """A state dictionary of InceptionResnetV1, `20180402-114759-vggface2.pt` or `20180408-102900-casia-webface.pt`."""
    release: Literal["vggface2", "casia-webface"] | None = None
    """Instead of a path: fetch them from facenet-pytorch's releases once; their hash is recorded then and holds from then on."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Refuse any other file. Two public hashes of the VGGFace2 file disagree, so the hash of what was used is always logged."""
    engine: Literal["openvino", "torch"] = "openvino"
    """`openvino`: exported once from the module, several times faster on a CPU; `torch`: on the context's device."""
    device: str | None = None
    """With `torch`: a torch device; when not given, `cuda` or `mps` where there is one."""
    precision: Literal["f32", "bf16"] = "f32"
    """With `openvino`."""
    purpose: Literal["use", "test"] = "use"
    """`test` takes random weights when none are given; nothing that they say of a face is true."""


class MtcnnParams(Params):
    """How small a face may be, and how sure it must be."""

    min_face: int = Field(default=20, ge=12, le=500)
    """Pixels."""
    min_score: float = Field(default=0.9, ge=0.1, le=0.999)


@hookimpl
def deidframe_encoders() -> list[Component]:
    """Bring `facenet`."""
    return [
        Component(
            name="facenet",
            make="deidframe_facenet.encoder:FaceNet",
            params=FaceNetParams,
            summary="FaceNet (InceptionResnetV1): 512-D encodings; the weights are yours to bring",
            example='encoder = { use = "facenet", params = { weights = "20180402-114759-vggface2.pt" } }\n',
            needs=frozenset({Need.WEIGHTS}),
            spaces=("facenet",),
            reference="Schroff, Kalenichenko, Philbin, FaceNet: a unified embedding for face recognition, CVPR 2015",
        )
    ]


@hookimpl
def deidframe_detectors() -> list[Component]:
    """Bring `mtcnn`."""
    return [
        Component(
            name="mtcnn",
            make="deidframe_facenet.mtcnn:Mtcnn",
            params=MtcnnParams,
            summary="MTCNN: three small networks in a cascade, boxes and five landmarks; slower than yunet",
            example='[detector]\nuse = "mtcnn"\n',
            reference="Zhang et al., Joint face detection and alignment using multitask cascaded convolutional networks, 2016",
        )
    ]
