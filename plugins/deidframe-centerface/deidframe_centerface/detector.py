"""CenterFace: a face is a peak of a heatmap; size, place inside the cell and landmarks are read beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Detections, Photos, boxes
from deidframe.models import Network, read_graph, weights_path
from deidframe_centerface.plugin import CenterFaceParams

STRIDE = 4
"""Pixels of the picture for each place of the heatmap."""


class CenterFace:
    """Detector `centerface`.

    Args:
        params: confidence, overlap and size limits.
        context: gives access to the weights.
    """

    def __init__(self, params: CenterFaceParams, context: Context) -> None:
        self.params = params
        model = weights_path("deidframe_centerface", "centerface", context).read_bytes()
        self._network = Network(read_graph(model), [(-1, 3, -1, -1)])

    def detect(self, photos: Photos) -> Detections:
        """Find the faces of a batch of pictures, each looked at by itself so that its neighbours cannot matter."""
        return Detections.join([Detections.one(photo_id, *self._find(photos.open(photo_id))) for photo_id in photos])

    def _find(self, picture: NDArray[np.uint8]) -> boxes.Found:
        """Return the faces of one picture by falling score, in its pixels."""
        # it was trained on RGB, 0 to 255
        padded, scale = boxes.network_input(picture, self.params.max_side)
        heat, extent, offset, points = (output[0] for output in self._network(padded[None]))
        found, marks, scores = decode(heat[0], extent, offset, points, self.params.min_score)
        found, marks, scores = boxes.best_boxes(found, marks, scores, self.params.min_score, self.params.overlap)
        return found / np.float32(scale), marks / np.float32(scale), scores


def decode(
    heat: NDArray[np.float32], extent: NDArray[np.float32], offset: NDArray[np.float32], points: NDArray[np.float32], least: float
) -> boxes.Found:
    """Return the faces of one picture in the network's own pixels.

    Args:
        heat: `(h, w)` confidence.
        extent: `(2, h, w)` log of height and width in cells.
        offset: `(2, h, w)` of the centre in its cell, y and x.
        points: `(10, h, w)` y and x of the five landmarks as shares of the box.
        least: confidence.
    """
    rows, columns = np.nonzero(heat >= least)
    scores = heat[rows, columns].astype(np.float32)
    tall, wide = np.exp(np.clip(extent[:, rows, columns], -10, 10)) * STRIDE
    top = (rows + offset[0, rows, columns] + 0.5) * STRIDE - tall / 2
    left = (columns + offset[1, rows, columns] + 0.5) * STRIDE - wide / 2
    found = np.stack([left, top, left + wide, top + tall], axis=1).astype(np.float32)
    shares = points[:, rows, columns].reshape(5, 2, -1)
    marks = np.stack([shares[:, 1] * wide + left, shares[:, 0] * tall + top], axis=-1).transpose(1, 0, 2).astype(np.float32)
    return found, marks, scores
