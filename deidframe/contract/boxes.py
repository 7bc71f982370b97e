"""What detectors share: a picture brought to a size that a network takes, and one box for each face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MULTIPLE = 32
"""Sides that networks of several strides take are multiples of this."""
Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Boxes `(M, 4)`, landmarks `(M, 5, 2)` and scores `(M,)`."""


def network_input(picture: NDArray[np.uint8], max_side: int, *, bgr: bool = False) -> tuple[NDArray[np.float32], float]:
    """Return the picture as `(3, H, W)` float32, shrunk where its longer side is above `max_side`, and the scale applied.

    Sides are padded with zeros at the right and at the bottom to multiples of 32, so that places stay where they are.

    Args:
        picture: `(h, w, 3)` uint8.
        max_side: in pixels.
        bgr: the network wants blue first.
    """
    import cv2

    scale = min(1.0, max_side / max(picture.shape[:2]))
    if scale < 1:
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = picture.shape[:2]
    padded = np.zeros((3, -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE), np.float32)
    for channel in range(3):  # three times as fast as one copy of the transposed picture
        padded[channel, :height, :width] = picture[..., 2 - channel if bgr else channel]
    return padded, scale


def best_boxes(
    boxes: NDArray[np.float32], marks: NDArray[np.float32], scores: NDArray[np.float32], least: float, overlap: float
) -> Found:
    """Return the faces that are sure enough, of overlapping ones the best-scoring, by falling score.

    Args:
        boxes: `(M, 4)` as x0, y0, x1, y1.
        marks: `(M, 5, 2)`.
        scores: `(M,)`.
        least: score.
        overlap: intersection over union above which two boxes are one face.
    """
    import cv2

    sure = np.flatnonzero(scores >= least)
    boxes, marks, scores = boxes[sure], marks[sure], scores[sure]
    if len(sure):
        rectangles = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).tolist()
        kept = np.asarray(cv2.dnn.NMSBoxes(rectangles, scores.tolist(), least, overlap)).reshape(-1)
        kept = kept[np.argsort(-scores[kept], kind="stable")]
        boxes, marks, scores = boxes[kept], marks[kept], scores[kept]
    return boxes, marks, scores
