"""MTCNN of facenet-pytorch: its three networks with weights from the wheel, its cascade written anew for batches of any size.

Source: K. Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", 2016.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Detections, Photos
from deidframe.models import reproducible_torch
from deidframe_facenet.plugin import MtcnnParams
from deidframe_facenet.upstream import module, package_folder

Array = NDArray[np.float32]
FACTOR = 0.709
THRESHOLDS = (0.6, 0.7)


class Mtcnn:
    """Detector `mtcnn`."""

    def __init__(self, params: MtcnnParams, context: Context) -> None:
        import torch

        self._torch, self._params = torch, params
        nets = module("models.mtcnn")
        data = package_folder() / "data"
        self._p, self._r, self._o = (_network(nets, name, data, torch) for name in ("PNet", "RNet", "ONet"))

    def detect(self, photos: Photos) -> Detections:
        """Find the faces of each picture; one too small for the first network has none."""
        parts = [self._one(photo_id, photos.open(photo_id)) for photo_id in photos]
        return Detections.join(parts) if parts else Detections.none(photos.ids)

    def _one(self, photo_id: str, picture: NDArray[np.uint8]) -> Detections:
        boxes = self._proposals(picture)
        boxes, _, _ = self._refined(picture, boxes, self._r, 24, THRESHOLDS[1])
        boxes, scores, marks = self._refined(picture, boxes, self._o, 48, self._params.min_score)
        if not len(boxes):
            return Detections.none((photo_id,))
        kept = _nms(boxes, scores, 0.4)
        count = len(kept)
        return Detections((photo_id,), (photo_id,) * count, boxes[kept], marks[kept], scores[kept])

    def _run(self, network: Any, batch: Array) -> list[Array]:
        with reproducible_torch(), self._torch.inference_mode():
            return [np.asarray(out.numpy(), np.float32) for out in network(self._torch.from_numpy(np.ascontiguousarray(batch)))]

    def _proposals(self, picture: NDArray[np.uint8]) -> Array:
        """Run the first network over a pyramid and return square boxes `(N, 4)`."""
        height, width = picture.shape[:2]
        scale = 12.0 / self._params.min_face
        found: list[Array] = []
        scores: list[Array] = []
        while min(height, width) * scale >= 12:
            size = (max(12, int(width * scale + 1)), max(12, int(height * scale + 1)))
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            offsets, probabilities = self._run(self._p, _scaled(small)[None])
            sure = probabilities[0, 1]
            ys, xs = np.nonzero(sure >= THRESHOLDS[0])
            if len(ys):
                corner = np.stack([xs, ys], axis=1).astype(np.float32) * 2
                box = np.concatenate([(corner + 1) / scale, (corner + 12) / scale], axis=1)
                kept = _nms(box, sure[ys, xs], 0.5)
                moved = box + offsets[0][:, ys, xs].T * (12 / scale)
                found.append(moved[kept])
                scores.append(sure[ys, xs][kept])
            scale *= FACTOR
        if not found:
            return np.zeros((0, 4), np.float32)
        boxes = np.concatenate(found)
        return _square(boxes[_nms(boxes, np.concatenate(scores), 0.7)])

    def _refined(
        self, picture: NDArray[np.uint8], boxes: Array, network: Any, size: int, threshold: float
    ) -> tuple[Array, Array, Array]:
        """Cut the boxes, run a network on them, and return the surer ones, moved, with scores and landmarks."""
        none = np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
        if not len(boxes):
            return none
        outputs = self._run(network, np.stack([_cut(picture, box, size) for box in boxes]))
        scores = outputs[-1][:, 1]
        sure = np.flatnonzero(scores >= threshold)
        if not len(sure):
            return none
        boxes, scores, offsets = boxes[sure], scores[sure], outputs[0][sure]
        side = (boxes[:, 2:] - boxes[:, :2])[:, [0, 1, 0, 1]]
        moved = (boxes + offsets * side).astype(np.float32)
        if len(outputs) == 3:  # the last network also gives five points, all x first
            points = outputs[1][sure].reshape(-1, 2, 5).transpose(0, 2, 1)
            return moved, scores, (boxes[:, None, :2] + points * side[:, None, :2]).astype(np.float32)
        kept = _nms(moved, scores, 0.7)
        return _square(moved[kept]), scores[kept], none[2]


def _network(nets: Any, name: str, data: Any, torch: Any) -> Any:
    """Return one of the three networks with the weights of the wheel, whose hash pip has checked, loaded as plain tensors."""
    network = getattr(nets, name)(pretrained=False)
    network.load_state_dict(torch.load(data / f"{name.lower()}.pt", map_location="cpu", weights_only=True))
    return network.eval()


def _scaled(picture: NDArray[Any]) -> Array:
    return np.asarray((picture.astype(np.float32) - 127.5) / 128.0).transpose(2, 0, 1)


def _square(boxes: Array) -> Array:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2, 0.5)
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def _cut(picture: NDArray[np.uint8], box: Array, size: int) -> Array:
    """Return the box as `(3, size, size)`, black where it reaches outside the picture."""
    x0, y0, x1 = box[:3].tolist()
    scale = size / max(x1 - x0, 1.0)
    matrix = np.array([[scale, 0, -x0 * scale], [0, scale, -y0 * scale]], np.float64)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    inside: NDArray[Any] = picture
    if scale < 0.5:  # area averaging before a strong reduction
        step = int(1 / scale)
        inside = cv2.resize(
            picture, (max(1, picture.shape[1] // step), max(1, picture.shape[0] // step)), interpolation=cv2.INTER_AREA
        )
        sx, sy = picture.shape[1] / inside.shape[1], picture.shape[0] / inside.shape[0]
        matrix = np.array([[scale * sx, 0, -x0 * scale], [0, scale * sy, -y0 * scale]], np.float64)
        flags = cv2.INTER_LINEAR
    return _scaled(np.asarray(cv2.warpAffine(inside, matrix, (size, size), flags=flags & 7), np.uint8))


def _nms(boxes: Array, scores: Array, overlap: float) -> NDArray[np.int64]:
    """Return the rows to keep, best first."""
    rectangles = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).tolist()
    kept = np.asarray(cv2.dnn.NMSBoxes(rectangles, scores.tolist(), 0.0, overlap), np.int64).reshape(-1)
    return kept[np.argsort(-scores[kept], kind="stable")]
