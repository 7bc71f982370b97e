"""What this plugin brings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl

Region = Literal["face", "picture"]


class BlurParams(Params):
    """How strongly it is blurred."""

    sigma: float = Field(default=8.0, ge=0.5, le=100, strict=False)
    """Standard deviation in pixels of the 256-pixel face picture."""
    region: Region = "face"
    """`face`: the oval from brow to chin and a margin; `picture`: all of it."""


class PixelateParams(Params):
    """How coarse the blocks are."""

    block: int = Field(default=16, ge=2, le=128)
    """Side of a block in pixels of the 256-pixel face picture."""
    region: Region = "face"


class MaskParams(Params):
    """What is painted over the face."""

    grey: int = Field(default=0, ge=0, le=255)
    region: Region = "face"


class NoneParams(Params):
    """Takes no parameters."""


@hookimpl
def deidframe_redactors() -> list[Component]:
    """Bring `gaussian-blur`, `pixelate`, `solid-mask` and `none`."""
    return [
        Component(
            name="gaussian-blur",
            make="deidframe_redact.redactors:GaussianBlur",
            params=BlurParams,
            summary="blurs the face",
            example='redactor = { use = "gaussian-blur", params = { sigma = 8.0 } }\n',
        ),
        Component(
            name="pixelate",
            make="deidframe_redact.redactors:Pixelate",
            params=PixelateParams,
            summary="replaces the face by coarse blocks",
            example='redactor = { use = "pixelate", params = { block = 16 } }\n',
        ),
        Component(
            name="solid-mask",
            make="deidframe_redact.redactors:SolidMask",
            params=MaskParams,
            summary="paints the face over; hair, pose and background stay",
            example='redactor = { use = "solid-mask" }\n',
        ),
        Component(
            name="none",
            make="deidframe_redact.redactors:Untouched",
            params=NoneParams,
            summary="no protection: the baseline, measured and never released",
            example='redactor = { use = "none" }\n',
            protects=False,
        ),
    ]
