"""Which of the faces that a detector found in a picture is meant."""

from __future__ import annotations

import numpy as np

from deidframe.contract.photos import Detections


def nearest_to_centre(found: Detections, rows: list[int], width: float, height: float) -> int:
    """Return which of several faces of one picture is meant: the one nearest to the centre (not the largest)."""
    boxes = found.boxes[rows]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 - np.array([width / 2, height / 2], np.float32)
    return rows[int(np.argmin((middle**2).sum(axis=1)))]


def rows_by_photo(found: Detections) -> dict[str, list[int]]:
    """Return the rows of each photo in which something was found."""
    rows: dict[str, list[int]] = {}
    for row, photo in enumerate(found.photo_ids):
        rows.setdefault(photo, []).append(row)
    return rows
