"""What a second detector must not see: a face that nobody protected, or one as near to its original as a copy."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

COPY_SHARE = 0.95
"""Of light copies of originals, this share lies within the bound."""
SCORES = 2**24
"""Cosines that are held at once."""
OVERLAP = 0.3
"""Intersection over union from which two boxes are one face."""
Boxes = NDArray[np.float32]


def unmatched(boxes: Boxes, known: Boxes) -> NDArray[np.int64]:
    """Return the rows of `boxes` that are none of the known faces: little overlap, and neither's centre in the other.

    Args:
        boxes: `(M, 4)` as x0, y0, x1, y1.
        known: `(K, 4)` likewise.
    """
    if not len(boxes) or not len(known):
        return np.arange(len(boxes))
    a, b = boxes[:, None].astype(np.float64), known[None].astype(np.float64)
    sides = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0)
    shared = sides.prod(axis=2)
    areas = (a[..., 2:] - a[..., :2]).prod(axis=2) + (b[..., 2:] - b[..., :2]).prod(axis=2) - shared
    same = (shared >= OVERLAP * areas) | _holds(a, b) | _holds(b, a)
    return np.flatnonzero(~same.any(axis=1))


def _holds(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.bool_]:
    centre = (inner[..., :2] + inner[..., 2:]) / 2
    return np.asarray(((centre >= outer[..., :2]) & (centre <= outer[..., 2:])).all(axis=-1))


def light_copy(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture that anybody would call the same: an eighth smaller and back, three pixels aside, JPEG at quality 75."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width * 7 // 8, height * 7 // 8), interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    moved = cv2.warpAffine(back, np.array([[1.0, 0, 3], [0, 1.0, 3]]), (width, height), borderMode=cv2.BORDER_REPLICATE)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(moved, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 75])
    read = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert done and read is not None, "what was encoded can be decoded"
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)


def nearest(vectors: NDArray[np.float32], originals: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return `(M,)` how far each encoding lies from the nearest original's, whoever that shows.

    Args:
        vectors: `(M, D)` unit encodings of released pictures.
        originals: `(N, D)` of originals, N at least 1.
    """
    out = np.empty(len(vectors))
    step = max(1, SCORES // len(originals))
    for start in range(0, len(vectors), step):
        part = vectors[start : start + step]
        best = (part @ originals.T).argmax(axis=1)  # rounding in the product decides between equals alone
        out[start : start + step] = np.linalg.norm(part.astype(np.float64) - originals[best], axis=1)
    return out


def copy_bound(distances: NDArray[np.float64]) -> float:
    """Return the distance within which 95 % of light copies lie from their originals.

    Args:
        distances: `(N,)`, N at least 1.
    """
    return float(np.quantile(distances, COPY_SHARE))
