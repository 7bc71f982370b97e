"""Read back what a run keeps under `private`: who is on which face, and the scores of its attacks."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import UsageError


def people_of(folder: Path, slug: str) -> dict[str, str]:
    """Return face -> person of one method's private mapping, {} where there is none."""
    path = folder / "private" / "mapping" / f"{slug}.json"
    if not path.is_file():
        return {}
    return {one["face"]: one["person"] for one in json.loads(path.read_text("utf-8", "surrogateescape"))}


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an `.npz` of ours; nothing in it is ever unpickled.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"{str(path)!r} is damaged: {error}") from None
