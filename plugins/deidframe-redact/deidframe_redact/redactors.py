"""The incumbents. Each works on a batch of aligned faces in memory."""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, align
from deidframe_redact.plugin import BlurParams, MaskParams, NoneParams, PixelateParams, Region
from deidframe_redact.undo import unblock, unblur

Pixels = NDArray[np.uint8]
Box = tuple[slice, slice]
WIDE = 6.0
"""Standard deviation from which on a blur is two products with a matrix: a convolution takes time with its width."""
REACH = 4
"""Standard deviations after which a Gaussian is cut off."""


def face_oval(landmarks: NDArray[np.float32] | None, side: int) -> NDArray[np.uint8]:
    """Return the `(side, side)` uint8 region of a face, 1 inside: an oval from above the brows to below the chin.

    Args:
        landmarks: `(5, 2)` pixels, or None for a face at the template's place.
        side: of the picture in pixels.
    """
    marks = align.template(side) if landmarks is None else landmarks
    recognizer, mouth = marks[:2].mean(axis=0), marks[3:].mean(axis=0)
    down = mouth - recognizer
    length = float(np.hypot(*down))
    centre = recognizer + 0.45 * down
    angle = float(np.degrees(np.arctan2(-down[0], down[1])))
    mask = np.zeros((side, side), np.uint8)
    axes = (round(1.35 * length), round(1.75 * length))
    cv2.ellipse(mask, (round(float(centre[0])), round(float(centre[1]))), axes, angle, 0, 360, 1, -1)
    return mask


def _apply(faces: FaceSet, region: Region, change: Callable[[Pixels, Box], Pixels]) -> FaceSet:
    """Put into each picture what `change` makes of the part in a box."""
    pictures = np.array(faces.images[:])
    for row, picture in enumerate(pictures):
        if region == "face":
            oval = face_oval(None if faces.landmarks is None else faces.landmarks[row], picture.shape[0])
            box = _box(oval)
            cv2.copyTo(np.ascontiguousarray(change(picture, box)), oval[box], picture[box])
        else:
            picture[:] = change(picture, (slice(0, picture.shape[0]), slice(0, picture.shape[1])))
    return FaceSet(faces.ids, pictures, faces.landmarks)


def _box(region: Pixels) -> Box:
    x, y, width, height = cv2.boundingRect(region)
    return slice(y, y + height), slice(x, x + width)


def blurred(picture: Pixels, box: Box, sigma: float) -> Pixels:
    """Return what a Gaussian blur of the whole picture, mirrored at its edges, shows in a box.

    Args:
        picture: `(H, W, 3)`.
        box: rows and columns.
        sigma: standard deviation in pixels.
    """
    if sigma < WIDE:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)[box]
    height, width = picture.shape[:2]
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32)
    made = _smoothing(height, sigma)[box[0]] @ planes @ _smoothing(width, sigma)[box[1]].T
    return np.rint(made).astype(np.uint8).transpose(1, 2, 0)


@functools.lru_cache(maxsize=8)
def _smoothing(side: int, sigma: float) -> NDArray[np.float32]:
    """Return `(side, side)`: row i holds the weights of all pixels of a line in its i-th pixel after a blur."""
    reach = round(REACH * sigma)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * np.square(steps / sigma))
    at = np.arange(side)[:, None] + steps
    period = max(1, 2 * (side - 1))
    mirrored = np.abs((at + side - 1) % period - (side - 1))
    made = np.zeros((side, side))
    np.add.at(made, (np.arange(side)[:, None], mirrored), weights / weights.sum())
    return made.astype(np.float32)


def _undone(faces: FaceSet, region: Region, undo: Callable[[Pixels, Pixels], Pixels]) -> FaceSet:
    """Undo a redaction where it was applied; a face without landmarks lies at the template's place."""
    pictures = np.array(faces.images[:])
    for row, picture in enumerate(pictures):
        side = picture.shape[0]
        marks = None if faces.landmarks is None else faces.landmarks[row]
        where = face_oval(marks, side) if region == "face" else np.ones(picture.shape[:2], np.uint8)
        pictures[row] = undo(picture, where)
    return FaceSet(faces.ids, pictures, faces.landmarks)


class GaussianBlur:
    """Redactor `gaussian-blur`."""

    def __init__(self, params: BlurParams, context: Context) -> None:
        self._params = params

    def redact(self, faces: FaceSet) -> FaceSet:
        """Convolve with a Gaussian of the given standard deviation."""
        sigma = self._params.sigma
        return _apply(faces, self._params.region, lambda p, box: blurred(p, box, sigma))

    def invert(self, faces: FaceSet) -> FaceSet:
        """Return what the blur was made of, as far as it can be told."""
        return _undone(faces, self._params.region, lambda p, region: unblur(p, region, self._params.sigma))


class Pixelate:
    """Redactor `pixelate`."""

    def __init__(self, params: PixelateParams, context: Context) -> None:
        self._params = params

    def redact(self, faces: FaceSet) -> FaceSet:
        """Replace each block by its mean colour."""
        return _apply(faces, self._params.region, self._blocks)

    def invert(self, faces: FaceSet) -> FaceSet:
        """Return what the blocks were made of, as far as it can be told."""
        return _undone(faces, self._params.region, lambda p, region: unblock(p, region, self._params.block))

    def _blocks(self, picture: Pixels, box: Box) -> Pixels:
        height, width = picture.shape[:2]
        block = self._params.block
        coarse = cv2.resize(picture, (max(1, width // block), max(1, height // block)), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)[box]


class SolidMask:
    """Redactor `solid-mask`."""

    def __init__(self, params: MaskParams, context: Context) -> None:
        self._params = params

    def redact(self, faces: FaceSet) -> FaceSet:
        """Paint one grey."""
        grey = self._params.grey
        return _apply(faces, self._params.region, lambda p, box: np.full_like(p[box], grey))


class Untouched:
    """Redactor `none`: hands the faces back, so that every comparison shows what no protection means."""

    def __init__(self, params: NoneParams, context: Context) -> None:
        pass

    def redact(self, faces: FaceSet) -> FaceSet:
        """Return the faces as they are."""
        return faces
