"""The residual gate: a released face is not its original handed back."""

from __future__ import annotations

import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ReleaseRefused
from deidframe.guard.hygiene import decode_jpeg, encode_jpeg

UNCHANGED = 2.0
"""Mean absolute difference, in grey levels of 255, below which a picture counts as unchanged."""
BATCH = 64


def unchanged_faces(originals: FaceSet, released: FaceSet) -> tuple[str, ...]:
    """Return the ids whose released picture is the original's, give or take a little.

    Originals are compared as the file format would show them, so that its losses do not hide one that was handed back.

    Args:
        originals, released: the same ids in the same order, pictures of one size.
    """
    same: list[str] = []
    for start in range(0, len(released), BATCH):
        stop = min(start + BATCH, len(released))
        before = np.stack([decode_jpeg(encode_jpeg(face)) for face in originals.images[start:stop]]).astype(np.int16)
        after = np.asarray(released.images[start:stop], np.int16)
        differs = np.abs(before - after).mean(axis=(1, 2, 3))
        same.extend(released.ids[start + n] for n in np.flatnonzero(differs < UNCHANGED).tolist())
    return tuple(same)


def check_residual(originals: FaceSet, released: FaceSet, method: str) -> None:
    """Refuse a release that holds an original.

    Raises:
        ReleaseRefused: at least one released picture is its original.
    """
    same = unchanged_faces(originals, released)
    if same:
        raise ReleaseRefused(f"{method}: {len(same)} of {len(released)} released pictures are the originals; nothing is released")
