"""The residual gate: a released face is not its original handed back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ReleaseRefused
from deidframe.guard.hygiene import POOL, Written, decode_jpeg, encode_jpeg
from deidframe.guard.release import Release

UNCHANGED = 2.0
"""Mean absolute difference, in grey levels of 255, below which a picture counts as unchanged."""
MAYBE = 16.0
"""The same against the undecoded original: further away than this no loss of the file format can have brought it.

Rounding a block's coefficients by half a step of JPEG's tables at quality 95 moves luminance by at most 3.4 and chrominance by
4.6 (root mean square), so red, green and blue by 9.8, 8.2 and 11.4, on average 9.8; to that come `UNCHANGED` and what rounding
takes.
"""
FAULT = 0.2
"""From this share of originals on a method is refused, and not the single pictures."""
HANDED_BACK = "its protected picture is its original"


@dataclass(frozen=True)
class Residual:
    """What the files of a method showed when each was held against its original.

    Args:
        compared: ids of the faces whose file was; same: of those whose file shows the original.
    """

    compared: frozenset[str]
    same: frozenset[str]


NOTHING_COMPARED = Residual(frozenset(), frozenset())


def unchanged(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bool:
    """Return whether a released picture is the original's, give or take a little.

    The original is compared as the file format would show it, so that its losses do not hide one that was handed back.

    Args:
        before, after: `(H, W, 3)`.
    """
    return _far(before, after) < MAYBE and _far(decode_jpeg(encode_jpeg(before)), after) < UNCHANGED


def compare_written(written: Iterable[Written], originals: FaceSet) -> tuple[str, ...]:
    """Return the ids of the faces whose file shows their original.

    Args:
        written: the files; originals: the untouched faces of those files, in their order.
    """
    files = tuple(written)
    shown = {file.digest: file.data for file in files}
    pictures = dict(zip(shown, POOL.map(decode_jpeg, shown.values()), strict=True))
    pairs = zip(files, originals.images[:], strict=True)
    return tuple(file.face for file, before in pairs if unchanged(before, pictures[file.digest]))


def handed_back(release: Release, residual: Residual) -> Mapping[str, str]:
    """Return, for each face whose released picture is an original, the reason to withhold it: a shared picture goes as a whole.

    Raises:
        ReleaseRefused: so large a share are originals that the method is at fault.
    """
    same = [face for face in release.faces.ids if face in residual.same]
    if len(same) > FAULT * len(release):
        raise ReleaseRefused(
            f"{release.method}: {len(same)} of {len(release)} released pictures are the originals (a method is at fault from"
            f" {100 * FAULT:.0f} % on); nothing is released"
        )
    pictures = {release.digests.get(face, face) for face in same}
    return {face: HANDED_BACK for face in release.faces.ids if release.digests.get(face, face) in pictures}


def _far(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference of two pictures of one size."""
    return float(cv2.norm(np.ascontiguousarray(a), np.ascontiguousarray(b), cv2.NORM_L1)) / a.size
