"""YuNet: every face of a picture, with five landmarks, from its raw outputs at three strides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Detections, Photos
from deidframe.models import Network, read_graph, weights_path
from deidframe.models.fold import fold
from deidframe_opencv_zoo.plugin import YuNetParams

STRIDES = (8, 16, 32)
BATCH = 16
Faces = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


class YuNet:
    """Detector `yunet`.

    Args:
        params: confidence, overlap and size limits.
        context: gives access to the weights.
    """

    def __init__(self, params: YuNetParams, context: Context) -> None:
        self.params = params
        model = weights_path("deidframe_opencv_zoo", "yunet", context).read_bytes()
        self._network = Network(read_graph(fold(model)), [(-1, 3, -1, -1)])

    def detect(self, photos: Photos) -> Detections:
        """Find the faces of a batch of pictures; pictures of one size go through the network together."""
        found: dict[str, Faces] = {}
        by_size: dict[tuple[int, int], list[tuple[str, NDArray[np.float32], float]]] = {}
        for photo_id in photos:
            padded, scale = _prepare(photos.open(photo_id), self.params.max_side)
            waiting = by_size.setdefault(padded.shape[1:], [])
            waiting.append((photo_id, padded, scale))
            if len(waiting) == BATCH:
                found.update(self._run(waiting))
                waiting.clear()
        for waiting in by_size.values():
            found.update(self._run(waiting))
        return _joined(photos.ids, found)

    def _run(self, waiting: list[tuple[str, NDArray[np.float32], float]]) -> dict[str, Faces]:
        if not waiting:
            return {}
        outputs = self._network.named(np.stack([padded for _, padded, _ in waiting]))
        height, width = waiting[0][1].shape[1:]
        boxes, marks, scores = _decode(outputs, height, width)
        return {
            photo_id: self._best(boxes[row] / scale, marks[row] / scale, scores[row])
            for row, (photo_id, _, scale) in enumerate(waiting)
        }

    def _best(self, boxes: NDArray[np.float32], marks: NDArray[np.float32], scores: NDArray[np.float32]) -> Faces:
        """Keep the best-scoring box of each overlapping cluster, falling scores."""
        sure = np.flatnonzero(scores >= self.params.min_score)
        boxes, marks, scores = boxes[sure], marks[sure], scores[sure]
        if len(sure):
            rectangles = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).tolist()
            kept = np.asarray(cv2.dnn.NMSBoxes(rectangles, scores.tolist(), self.params.min_score, self.params.overlap)).reshape(
                -1
            )
            kept = kept[np.argsort(-scores[kept], kind="stable")]
            boxes, marks, scores = boxes[kept], marks[kept], scores[kept]
        return boxes, marks, scores


def _prepare(picture: NDArray[np.uint8], max_side: int) -> tuple[NDArray[np.float32], float]:
    """Return `(3, H, W)` float32 BGR 0..255 with sides padded to multiples of 32, and the scale that was applied."""
    scale = min(1.0, max_side / max(picture.shape[:2]))
    if scale < 1:
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = picture.shape[:2]
    padded = np.zeros((3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
    padded[:, :height, :width] = picture[:, :, ::-1].transpose(2, 0, 1)
    return padded, scale


def _decode(outputs: Mapping[str, NDArray[np.float32]], height: int, width: int) -> Faces:
    """Return boxes `(B, A, 4)`, landmarks `(B, A, 5, 2)` and scores `(B, A)` of all A grid places of a batch."""
    boxes: list[NDArray[Any]] = []
    marks: list[NDArray[Any]] = []
    scores: list[NDArray[Any]] = []
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2).astype(np.float32)
        box, points = outputs[f"bbox_{stride}"], outputs[f"kps_{stride}"]
        centre = (grid + box[..., :2]) * stride
        half = np.exp(np.clip(box[..., 2:], -10, 10)) * stride / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=-1))
        marks.append((grid[:, None] + points.reshape(*points.shape[:2], 5, 2)) * stride)
        scores.append(np.sqrt(np.clip(outputs[f"cls_{stride}"], 0, 1) * np.clip(outputs[f"obj_{stride}"], 0, 1))[..., 0])
    return np.concatenate(boxes, axis=1), np.concatenate(marks, axis=1), np.concatenate(scores, axis=1)


def _joined(looked_at: tuple[str, ...], found: Mapping[str, Faces]) -> Detections:
    faces = [(photo_id, *found[photo_id]) for photo_id in looked_at if len(found[photo_id][2])]
    if not faces:
        return Detections.none(looked_at)
    return Detections(
        looked_at,
        tuple(photo_id for photo_id, _, _, scores in faces for _ in scores),
        np.concatenate([boxes for _, boxes, _, _ in faces]).astype(np.float32),
        np.concatenate([marks for _, _, marks, _ in faces]).astype(np.float32),
        np.concatenate([scores for _, _, _, scores in faces]).astype(np.float32),
    )
