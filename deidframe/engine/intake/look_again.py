"""Before a picture is given up: turned, nearer, farther, and with its contrast stretched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.photos import Detections, Photos

Detect = Callable[[Photos], Detections]
Pixels = NDArray[np.uint8]
SMALL = 320
"""Longer side of the picture in which a face that fills it is looked for, in pixels."""
LEAST = 800
"""Longer side from which on a picture is looked at in parts, for faces that are small in it."""
TURNED, FARTHER, NEARER, CONTRAST = "turned", "farther away", "nearer", "contrast stretched"


@dataclass(frozen=True)
class Faces:
    """What was found in one picture, in its own pixels: boxes `(F, 4)`, landmarks `(F, 5, 2)`, scores `(F,)`."""

    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]

    @property
    def best(self) -> float:
        """The highest score, 0 without a face."""
        return float(self.scores.max(initial=0.0))

    def moved(self, matrix: NDArray[np.float64]) -> Faces:
        """Return them after a `(2, 3)` affine map of pixels; boxes are those around the mapped corners."""
        turn, shift = matrix[:, :2], matrix[:, 2]
        x0, y0, x1, y1 = self.boxes.T
        corners = np.stack([np.stack(c, 1) for c in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], 1) @ turn.T + shift
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        return Faces(boxes.astype(np.float32), (self.landmarks @ turn.T + shift).astype(np.float32), self.scores)


@dataclass(frozen=True)
class Again:
    """What was found in the end: the faces, how (empty where the first look was right), and the turn of the picture, 0 to 3."""

    faces: Faces
    how: str = ""
    turn: int = 0


def look_again(picture: Pixels, first: Faces, sure: float | None, detect: Detect, name: str = "view") -> Again:
    """Return the faces of a picture and how they were found.

    A picture without a face, or with a face of which the detector is less sure than of upright ones, is looked at in four turns,
    and the best of the four is taken. Where there is still no face, it is looked for farther away, nearer, and in stretched
    contrast.

    Args:
        picture: `(H, W, 3)` uint8 RGB.
        first: what was found at first.
        sure: the score from which on a face is upright, None where the detector does not say.
        detect: asks the detector.
        name: the picture's id, under which its views are shown.
    """
    if len(first.scores) and (sure is None or first.best >= sure):
        return Again(first)
    turns = [first, *(_in(turned, back, detect, name) for turned, back in _turns(picture))]
    best = max(range(4), key=lambda n: turns[n].best)
    if turns[best].best > 0:
        return Again(turns[best], TURNED if best else "", best)
    for how, views in ((FARTHER, _farther), (NEARER, _nearer), (CONTRAST, _stretched)):
        found = max((_in(view, back, detect, name) for view, back in views(picture)), key=lambda one: one.best, default=first)
        if found.best > 0:
            return Again(found, how)
    return Again(first)


def turned_back(picture: Pixels, turn: int, detect: Detect, name: str = "view") -> Faces:
    """Return what a detector sees in a picture that is turned upright first, in the pixels of the picture as it is."""
    if not turn:
        return _in(picture, np.array([[1, 0, 0], [0, 1, 0]], np.float64), detect, name)
    view, back = list(_turns(picture))[turn - 1]
    return _in(view, back, detect, name)


def _in(view: Pixels, back: NDArray[np.float64], detect: Detect, name: str) -> Faces:
    found = detect(Photos.from_arrays((name,), [np.ascontiguousarray(view)]))
    return Faces(found.boxes, found.landmarks, found.scores).moved(back)


def _turns(picture: Pixels) -> Iterator[tuple[Pixels, NDArray[np.float64]]]:
    """Yield the picture in the other three turns, and the map back."""
    height, width = picture.shape[:2]
    yield np.rot90(picture), np.array([[0, -1, width - 1], [1, 0, 0]], np.float64)
    yield np.rot90(picture, 2), np.array([[-1, 0, width - 1], [0, -1, height - 1]], np.float64)
    yield np.rot90(picture, 3), np.array([[0, 1, 0], [-1, 0, height - 1]], np.float64)


def _farther(picture: Pixels) -> Iterator[tuple[Pixels, NDArray[np.float64]]]:
    """Yield the picture smaller, with room around it: a face that fills it may be too large to be found."""
    scale = min(1.0, SMALL / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rim = max(small.shape[:2]) // 3
    view = cv2.copyMakeBorder(small, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
    yield np.asarray(view, np.uint8), np.array([[1 / scale, 0, -rim / scale], [0, 1 / scale, -rim / scale]], np.float64)


def _nearer(picture: Pixels) -> Iterator[tuple[Pixels, NDArray[np.float64]]]:
    """Yield overlapping quarters of a large picture: detectors shrink what is large."""
    height, width = picture.shape[:2]
    if max(height, width) < LEAST:
        return
    tall, wide = (height * 2 + 2) // 3, (width * 2 + 2) // 3
    for y in (0, height - tall):
        for x in (0, width - wide):
            yield picture[y : y + tall, x : x + wide], np.array([[1, 0, x], [0, 1, y]], np.float64)


def _stretched(picture: Pixels) -> Iterator[tuple[Pixels, NDArray[np.float64]]]:
    """Yield the picture with its lightness equalised, part by part."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[:, :, 0] = cv2.createCLAHE(clipLimit=4.0, tileGridSize=(8, 8)).apply(lab[:, :, 0])
    view = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    yield np.asarray(view, np.uint8), np.array([[1, 0, 0], [0, 1, 0]], np.float64)
