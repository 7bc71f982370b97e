"""The recipes that travel with deidframe, found by name, and the components that they use, which single commands use too."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli

import deidframe
from deidframe.contract.errors import UsageError


@functools.cache
def packaged() -> Mapping[str, Path]:
    """Return the recipes by name: those in the installed package, or, in a checkout, those beside it."""
    package = Path(deidframe.__file__).parent
    for folder in (package / "recipes", package.parent / "recipes"):
        found = {path.stem: path for path in sorted(folder.glob("*.toml"))}
        if found:
            return found
    return {}


def find_recipe(wanted: str) -> Path:
    """Return the file that is meant: a path, or the name of a packaged recipe where there is no such file.

    Raises:
        UsageError: neither.
    """
    path = Path(wanted)
    if path.exists():
        return path
    known = packaged()
    if wanted in known:
        return known[wanted]
    listed = ", ".join(known) or "none"
    also = f'; did you mean the packaged recipe "{path.stem}"?' if path.stem in known else f"; packaged recipes: {listed}"
    raise UsageError(f"cannot read recipe {wanted!r}: no such file{also}")


@dataclass(frozen=True)
class Usual:
    """Names of the components that the recipe `folder` uses, and of the source that reads encodings in `anonfaces-grouping`.

    Args:
        source: of pictures.
        encodings: a source of encodings.
        detector: of faces.
        detectors: that one, and the second one of the audit.
        encoder: in whose space groups are made.
        judge: encoder with which attacks see.
        synthesizer: of the first method.
    """

    source: str
    encodings: str
    detector: str
    detectors: tuple[str, ...]
    encoder: str
    judge: str
    synthesizer: str


@functools.cache
def usual() -> Usual:
    """Return what single commands use where nothing else is asked for."""
    folder, file = (_read(name) for name in ("folder", "anonfaces-grouping"))
    method = folder["method"][0]
    return Usual(
        source=folder["source"]["use"],
        encodings=file["source"]["use"],
        detector=folder["detector"]["use"],
        detectors=(folder["detector"]["use"], folder["audit"]["detector"]["use"]),
        encoder=method["encoder"][0] if isinstance(method["encoder"], list) else method["encoder"]["use"],
        judge=folder["attack"][0]["encoders"][0],
        synthesizer=method["synthesizer"]["use"],
    )


def _read(name: str) -> dict[str, Any]:
    return tomli.loads(packaged()[name].read_text("utf-8"))
