"""CenterFace: a face is a peak of a heatmap; size, place inside the cell and landmarks are read beside it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Detections, Photos
from deidframe.models import Network, read_graph, weights_path
from deidframe_centerface.plugin import CenterFaceParams

STRIDE = 4
"""Pixels of the picture for each place of the heatmap."""
Faces = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


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
        faces = [(photo_id, *self._find(photos.open(photo_id))) for photo_id in photos]
        faces = [face for face in faces if len(face[3])]
        if not faces:
            return Detections.none(photos.ids)
        return Detections(
            photos.ids,
            tuple(photo_id for photo_id, _, _, scores in faces for _ in scores),
            np.concatenate([boxes for _, boxes, _, _ in faces]),
            np.concatenate([marks for _, _, marks, _ in faces]),
            np.concatenate([scores for _, _, _, scores in faces]),
        )

    def _find(self, picture: NDArray[np.uint8]) -> Faces:
        """Return boxes `(M, 4)`, landmarks `(M, 5, 2)` and scores `(M,)` by falling score, in pixels of the picture."""
        scale = min(1.0, self.params.max_side / max(picture.shape[:2]))
        if scale < 1:
            size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        height, width = picture.shape[:2]
        padded = np.zeros((1, 3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
        padded[0, :, :height, :width] = picture.transpose(2, 0, 1)  # it was trained on RGB 0 to 255
        heat, extent, offset, points = (output[0] for output in self._network(padded))
        boxes, marks, scores = decode(heat[0], extent, offset, points, self.params.min_score)
        if len(scores):
            rectangles = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).tolist()
            kept = np.asarray(cv2.dnn.NMSBoxes(rectangles, scores.tolist(), 0.0, self.params.overlap)).reshape(-1)
            kept = kept[np.argsort(-scores[kept], kind="stable")]
            boxes, marks, scores = boxes[kept], marks[kept], scores[kept]
        return boxes / np.float32(scale), marks / np.float32(scale), scores


def decode(
    heat: NDArray[np.float32], extent: NDArray[np.float32], offset: NDArray[np.float32], points: NDArray[np.float32], least: float
) -> Faces:
    """Return the faces of one picture in the network's own pixels.

    Args:
        heat: `(h, w)` confidence. extent: `(2, h, w)` log of height and width in cells. offset: `(2, h, w)` of the centre in
            its cell, y and x. points: `(10, h, w)` y and x of the five landmarks as shares of the box. least: confidence.
    """
    rows, columns = np.nonzero(heat >= least)
    scores = heat[rows, columns].astype(np.float32)
    tall, wide = np.exp(np.clip(extent[:, rows, columns], -10, 10)) * STRIDE
    top = (rows + offset[0, rows, columns] + 0.5) * STRIDE - tall / 2
    left = (columns + offset[1, rows, columns] + 0.5) * STRIDE - wide / 2
    boxes = np.stack([left, top, left + wide, top + tall], axis=1).astype(np.float32)
    shares = points[:, rows, columns].reshape(5, 2, -1)
    marks = np.stack([shares[:, 1] * wide + left, shares[:, 0] * tall + top], axis=-1).transpose(1, 0, 2).astype(np.float32)
    return boxes, marks, scores
