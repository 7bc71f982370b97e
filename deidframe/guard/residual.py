"""The residual gate: a released face is not its original handed back."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import ReleaseRefused
from deidframe.guard.hygiene import decode_jpeg, encode_jpeg
from deidframe.guard.release import Release

UNCHANGED = 2.0
"""Mean absolute difference, in grey levels of 255, below which a picture counts as unchanged."""
MAYBE = 40.0
"""The same against the undecoded original: further away than this no loss of the file format can have brought it."""
BATCH = 64


def unchanged_faces(release: Release) -> tuple[str, ...]:
    """Return the ids whose released picture is the original's, give or take a little.

    Originals are compared as the file format would show them, so that its losses do not hide one that was handed back.
    """
    originals, released = release.originals, release.faces
    same: list[str] = []
    for start in range(0, len(released), BATCH):
        stop = min(start + BATCH, len(released))
        pairs = zip(released.ids[start:stop], originals.images[start:stop], released.images[start:stop], strict=True)
        for face, before, after in pairs:
            if _far(before, after) < MAYBE and _far(decode_jpeg(encode_jpeg(before)), after) < UNCHANGED:
                same.append(face)
    return tuple(same)


def _far(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference of two pictures of one size."""
    return float(cv2.norm(np.ascontiguousarray(a), np.ascontiguousarray(b), cv2.NORM_L1)) / a.size


def check_residual(release: Release) -> int:
    """Refuse a release that holds an original, and return how many pictures were compared with theirs.

    Raises:
        ReleaseRefused: at least one released picture is its original.
    """
    same = unchanged_faces(release)
    if same:
        raise ReleaseRefused(
            f"{release.method}: {len(same)} of {len(release)} released pictures are the originals; nothing is released"
        )
    return len(release)
