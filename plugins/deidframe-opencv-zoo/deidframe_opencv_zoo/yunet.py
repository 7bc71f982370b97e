"""YuNet: every face of a picture, with five landmarks, from its raw outputs at three strides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Detections, Photos, boxes
from deidframe.models import Network, read_graph, weights_path
from deidframe.models.fold import fold
from deidframe_opencv_zoo.plugin import YuNetParams

STRIDES = (8, 16, 32)
BATCH = 16


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
        found: dict[str, boxes.Found] = {}
        by_size: dict[tuple[int, int], list[tuple[str, NDArray[np.float32], float]]] = {}
        for photo_id in photos:
            # it was trained on BGR, 0 to 255
            padded, scale = boxes.network_input(photos.open(photo_id), self.params.max_side, bgr=True)
            waiting = by_size.setdefault(padded.shape[1:], [])
            waiting.append((photo_id, padded, scale))
            if len(waiting) == BATCH:
                found.update(self._run(waiting))
                waiting.clear()
        for waiting in by_size.values():
            found.update(self._run(waiting))
        return Detections.join([Detections.one(photo_id, *found[photo_id]) for photo_id in photos.ids])

    def _run(self, waiting: list[tuple[str, NDArray[np.float32], float]]) -> dict[str, boxes.Found]:
        if not waiting:
            return {}
        outputs = self._network.named(np.stack([padded for _, padded, _ in waiting]))
        height, width = waiting[0][1].shape[1:]
        places, marks, scores = _decode(outputs, height, width)
        least, overlap = self.params.min_score, self.params.overlap
        return {
            photo_id: boxes.best_boxes(places[row] / scale, marks[row] / scale, scores[row], least, overlap)
            for row, (photo_id, _, scale) in enumerate(waiting)
        }


def _decode(outputs: Mapping[str, NDArray[np.float32]], height: int, width: int) -> boxes.Found:
    """Return boxes `(B, A, 4)`, landmarks `(B, A, 5, 2)` and scores `(B, A)` of all A grid places of a batch."""
    places: list[NDArray[Any]] = []
    marks: list[NDArray[Any]] = []
    scores: list[NDArray[Any]] = []
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2).astype(np.float32)
        box, points = outputs[f"bbox_{stride}"], outputs[f"kps_{stride}"]
        centre = (grid + box[..., :2]) * stride
        half = np.exp(np.clip(box[..., 2:], -10, 10)) * stride / 2
        places.append(np.concatenate([centre - half, centre + half], axis=-1))
        marks.append((grid[:, None] + points.reshape(*points.shape[:2], 5, 2)) * stride)
        scores.append(np.sqrt(np.clip(outputs[f"cls_{stride}"], 0, 1) * np.clip(outputs[f"obj_{stride}"], 0, 1))[..., 0])
    return np.concatenate(places, axis=1), np.concatenate(marks, axis=1), np.concatenate(scores, axis=1)
