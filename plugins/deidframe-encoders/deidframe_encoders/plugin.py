"""What this plugin brings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl

Point = Annotated[tuple[float, float], Field(strict=False)]


class OnnxParams(Params):
    """Which network, and how it wants its faces."""

    path: Path = Field(strict=False)
    """The ONNX file: one picture input, one output of `(N, D)`."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Refuse any other file."""
    size: int = Field(default=112, ge=16, le=1024)
    """Side of its input in pixels."""
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: float = Field(default=127.5, strict=False)
    scale: float = Field(default=127.5, gt=0, strict=False)
    """Pixels go in as (value - mean) / scale."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    template: Literal["arcface", "ffhq"] | Annotated[tuple[Point, ...], Field(min_length=5, max_length=5, strict=False)] = (
        "arcface"
    )
    """Where the five landmarks lie in its input: a known template, or five points as fractions of the side."""
    precision: Literal["f32", "bf16"] = "f32"


class PcaParams(Params):
    """How much is kept."""

    components: int = Field(default=64, ge=1, le=1024)
    """At most the number of faces less one."""
    size: int = Field(default=48, ge=8, le=128)
    """Side of the grey pictures that are decomposed."""
    sample: int = Field(default=4000, ge=10, le=100_000)
    """Faces that are learned from, spread over the database."""


class PixelsParams(Params):
    """How small the picture is."""

    size: int = Field(default=24, ge=4, le=64)


@hookimpl
def deidframe_encoders() -> list[Component]:
    """Bring `onnx`, `pca` and `pixels`."""
    return [
        Component(
            name="onnx",
            make="deidframe_encoders.onnx_file:OnnxFile",
            params=OnnxParams,
            summary="any recogniser as an ONNX file: ArcFace, MobileFaceNet, EdgeFace and the like, by parameters alone",
            example='encoder = { use = "onnx", params = { path = "w600k_r50.onnx", size = 112, mean = 127.5, scale = 127.5 } }\n',
            spaces=("onnx",),
            contract=2,
        ),
        Component(
            name="pca",
            make="deidframe_encoders.pca:Eigenfaces",
            params=PcaParams,
            summary="eigenfaces, fitted on the database at hand",
            example='encoder = { use = "pca", params = { components = 64 } }\n',
            spaces=("pca",),
            reference="Turk, Pentland, Eigenfaces for recognition, J. Cognitive Neuroscience 3(1), 1991",
            contract=2,
        ),
        Component(
            name="pixels",
            make="deidframe_encoders.pixels:GreyPixels",
            params=PixelsParams,
            summary="small grey pictures as they are: the floor that an encoder must beat",
            example='encoder = { use = "pixels" }\n',
            spaces=("pixels",),
            contract=2,
        ),
    ]
