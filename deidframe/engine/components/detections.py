"""Which of the faces that a detector found in a picture is meant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.photos import Detections

IN_BOX = 0.4
"""Part of the smaller of both, a face's box and the owner's, that they must share."""


def nearest_to_centre(found: Detections, rows: list[int], width: float, height: float) -> int:
    """Return which of several faces of one picture is meant: the one nearest to the centre (not the largest)."""
    place = which_face(found.boxes[rows], width, height, None, largest=False)
    assert place is not None, "without a box some face is meant"
    return rows[place]


def which_face(
    boxes: NDArray[np.float32], width: float, height: float, box: Sequence[float] | None, *, largest: bool
) -> int | None:
    """Return which of the faces of one picture is meant.

    Args:
        boxes: `(F, 4)` of at least one face.
        width, height: of the picture.
        box: `(x0, y0, x1, y1)` that its owner gave, or None.
        largest: take the largest face, and not the one nearest to the centre.

    Returns:
        Its row; None where no face lies in the owner's box.
    """
    if box is not None:
        wanted = np.array(box, np.float32)
        low, high = np.maximum(boxes[:, :2], wanted[:2]), np.minimum(boxes[:, 2:], wanted[2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        own = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        part = shared / np.maximum(np.minimum(own, np.prod(wanted[2:] - wanted[:2])), 1e-6)
        return int(part.argmax()) if part.max() >= IN_BOX else None
    if largest:
        return int(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).argmax())
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 - np.array([width / 2, height / 2], np.float32)
    return int(np.argmin((middle**2).sum(axis=1)))


def rows_by_photo(found: Detections) -> dict[str, list[int]]:
    """Return the rows of each photo in which something was found."""
    rows: dict[str, list[int]] = {}
    for row, photo in enumerate(found.photo_ids):
        rows.setdefault(photo, []).append(row)
    return rows
