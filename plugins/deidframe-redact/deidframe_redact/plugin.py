"""What this plugin brings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl

Region = Literal["face", "picture"]
SIGMAS = (2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 20.0, 24.0, 32.0, 48.0)
BLOCKS = (4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48)
"""What is tried where an unknown tool is guessed."""


class BlurParams(Params):
    """How strongly it is blurred."""

    sigma: float = Field(default=24.0, ge=0.5, le=100, strict=False)
    """Standard deviation in pixels of the 256-pixel face picture."""
    region: Region = "face"
    """`face`: the oval from brow to chin and a margin; `picture`: all of it."""

    @property
    def caution(self) -> str:
        """What undoing it gave, where that is more than half of the people (`recipes/redactors.toml`, 100 of LFW, SFace)."""
        if self.sigma > 16:
            return ""
        return (
            f"a blur of {self.sigma:g} pixels is undone by whoever knows the tool: of 100 people 57 were named behind one of 16,"
            " 92 behind 12 and all behind 8; 24 left 11"
        )


class PixelateParams(Params):
    """How coarse the blocks are."""

    block: int = Field(default=32, ge=2, le=128)
    """Side of a block in pixels of the 256-pixel face picture."""
    region: Region = "face"

    @property
    def caution(self) -> str:
        """What undoing it gave, where that is more than half of the people (as above)."""
        if self.block > 16:
            return ""
        return (
            f"blocks of {self.block} pixels are undone by whoever knows the tool: of 100 people 78 were named behind blocks of 16"
            " and all behind 8; 24 left 20"
        )


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
            example='redactor = { use = "gaussian-blur", params = { sigma = 24.0 } }\n',
            guesses=tuple({"sigma": s, "region": r} for r in ("face", "picture") for s in SIGMAS),
            contract=2,
        ),
        Component(
            name="pixelate",
            make="deidframe_redact.redactors:Pixelate",
            params=PixelateParams,
            summary="replaces the face by coarse blocks",
            example='redactor = { use = "pixelate", params = { block = 32 } }\n',
            guesses=tuple({"block": b, "region": r} for r in ("face", "picture") for b in BLOCKS),
            contract=2,
        ),
        Component(
            name="solid-mask",
            make="deidframe_redact.redactors:SolidMask",
            params=MaskParams,
            summary="paints the face over; hair, pose and background stay",
            example='redactor = { use = "solid-mask" }\n',
            contract=2,
        ),
        Component(
            name="none",
            make="deidframe_redact.redactors:Untouched",
            params=NoneParams,
            summary="no protection: the baseline, measured and never released",
            example='redactor = { use = "none" }\n',
            protects=False,
            contract=2,
        ),
    ]
