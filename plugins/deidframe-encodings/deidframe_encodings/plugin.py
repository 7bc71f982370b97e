"""What this plugin brings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl


class EncodingsParams(Params):
    """Which file, and how it is read."""

    path: Path = Field(strict=False)
    """`.npz` of `deidframe encode`, `.npy` `(N, D)`, `.parquet` (`id`, `vector`, perhaps `subject`), or a legacy `.pickle`."""
    space: str | None = None
    """Name of the embedding space, where the file does not say it."""
    normalise: bool = False
    """Scale each vector to length 1."""
    memory_mb: int = Field(default=4096, ge=256, le=1_000_000)
    """What the child process that reads a legacy pickle may take."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Refuse any other file."""


@hookimpl
def deidframe_sources() -> list[Component]:
    """Bring `encodings`."""
    return [
        Component(
            name="encodings",
            make="deidframe_encodings.source:EncodingsSource",
            params=EncodingsParams,
            summary="encodings from a file: npz, npy, Parquet, or the original work's pickle, which is never trusted",
            example='[source]\nuse = "encodings"\nsubjects = "one-per-image"\nparams = { path = "enc.npz" }\n',
            contract=2,
        )
    ]
