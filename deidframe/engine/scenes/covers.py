"""What is put where a face was: a fill from outside, a mosaic, or what a redactor makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.engine.scenes.regions import Region
from deidframe.recipe.model import COVERS

FILL, MOSAIC = COVERS
BLOCKS = 7
"""Blocks of a mosaic across a region: fewer than any recogniser reads from one picture."""
MARGIN = 1.35
"""Of the rectangle around a region from which it is filled."""
SIDE = 256
"""Of the face picture that a redactor is given."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Face:
    """A face that is to be covered: its region, and `(5, 2)` landmarks in pixels of the scene."""

    region: Region
    landmarks: NDArray[np.float32]

    def told(self) -> bytes:
        """Return what is drawn, as bytes that are equal where the outcome is."""
        r = self.region
        return np.array([r.x, r.y, r.across, r.down, r.angle]).tobytes() + self.landmarks.tobytes()


Cover = Callable[[Pixels, Sequence[Face]], None]
"""Changes the pixels of the regions of all faces of a picture in place, and no others."""


def fill(picture: Pixels, faces: Sequence[Face]) -> None:
    """Fill regions from the pixels around them alone: push and pull over a pyramid.

    Source: Gortler, Grzeszczuk, Szeliski, Cohen, The lumigraph, SIGGRAPH 1996, section 3.3.2. Nothing that was inside any region
    is read, so that what stands there afterwards says nothing of whom it covers but where, how large and how turned.
    """
    union = union_of(picture.shape, [face.region for face in faces])
    for face in faces:
        window = face.region.window(picture.shape, MARGIN)
        if window is None:
            continue
        part, own = picture[window], face.region.mask(window)
        part[own] = filled(part, union[window])[own]


def filled(part: Pixels, hidden: NDArray[np.bool_]) -> Pixels:
    """Return a part of a picture whose hidden pixels follow from the others; grey where all are hidden."""
    known = (~hidden).astype(np.float32)
    if not known.any():
        return np.full_like(part, 127)
    colours: NDArray[Any] = np.array(part, np.float32)
    colours[hidden] = 0
    return np.rint(np.clip(_pulled(colours, known), 0, 255)).astype(np.uint8)


def union_of(shape: tuple[int, ...], regions: Sequence[Region]) -> NDArray[np.bool_]:
    """Return `(H, W)` which pixels lie in any region."""
    union = np.zeros(shape[:2], bool)
    for region in regions:
        window = region.window(shape)
        if window is not None:
            union[window] |= region.mask(window)
    return union


def _pulled(colours: NDArray[Any], known: NDArray[Any]) -> NDArray[np.float32]:
    """Return colours everywhere; `colours` are weighted by `known`, 0 where nothing is known."""
    if min(known.shape) <= 2 or (known > 0).all():
        total = float(known.sum())
        mean = colours.reshape(-1, 3).sum(axis=0) / total if total else np.full(3, 127, np.float32)
        weight = known[..., None]
        return np.where(weight > 0, colours / np.maximum(weight, 1e-6), mean).astype(np.float32)
    half = ((known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2)
    small = np.asarray(cv2.resize(colours, half, interpolation=cv2.INTER_AREA))
    less = np.asarray(cv2.resize(known, half, interpolation=cv2.INTER_AREA))
    strength = np.minimum(1.0, 4 * less) / np.maximum(less, 1e-6)  # a quarter that is known is enough to be sure
    coarse = _pulled(small * strength[..., None], np.minimum(1.0, 4 * less).astype(np.float32))
    up: NDArray[Any] = np.asarray(cv2.resize(coarse, (known.shape[1], known.shape[0]), interpolation=cv2.INTER_LINEAR))
    weight = known[..., None]
    return np.asarray(colours + (1 - weight) * up, np.float32)


def mosaic(picture: Pixels, faces: Sequence[Face]) -> None:
    """Replace each region by blocks, seven across, each the mean of its own pixels inside the region."""
    for face in faces:
        window = face.region.window(picture.shape)
        if window is None:
            continue
        part, inside = picture[window], face.region.mask(window)
        side = max(3, int(np.ceil(2 * max(face.region.across, face.region.down) / BLOCKS)))
        rows, columns = (np.arange(size) // side for size in inside.shape)
        block = rows[:, None] * (columns[-1] + 1) + columns[None]
        flat, chosen = block[inside], part[inside].astype(np.float64)
        count = np.bincount(flat, minlength=int(block.max()) + 1)
        for channel in range(3):
            mean = np.bincount(flat, chosen[:, channel], minlength=len(count)) / np.maximum(count, 1)
            part[..., channel][inside] = np.rint(mean[flat]).astype(np.uint8)


def redacted(redact: Callable[[FaceSet], FaceSet]) -> Cover:
    """Return the cover that a redactor makes: it is given the aligned face, and what it gives is laid back into the region.

    Everything is filled from outside first: where a region reaches beyond the face picture nothing of the face is left, and no
    face picture shows a neighbour.
    """

    def cover(picture: Pixels, faces: Sequence[Face]) -> None:
        before = [_cut(picture, face.region) for face in faces]
        fill(picture, faces)
        for face, original in zip(faces, before, strict=True):
            if original is not None:
                _lay(picture, face, original, redact)

    return cover


def _cut(picture: Pixels, region: Region) -> Pixels | None:
    window = region.window(picture.shape)
    return None if window is None else picture[window].copy()


def _lay(picture: Pixels, face: Face, original: Pixels, redact: Callable[[FaceSet], FaceSet]) -> None:
    """Let a redactor work on one face, put back into its filled surroundings, and lay the outcome into the region."""
    around, window = face.region.window(picture.shape, 2.5), face.region.window(picture.shape)
    assert around is not None and window is not None, "a region that was cut is in the picture"
    try:
        matrix = align.similarity(face.landmarks, align.template(SIDE))
    except ValueError:  # landmarks without a size: the fill stays
        return
    source, inside = picture[around].copy(), face.region.mask(window)
    top, left = window[0].start - around[0].start, window[1].start - around[1].start
    source[top : top + inside.shape[0], left : left + inside.shape[1]][inside] = original[inside]
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ np.array([around[1].start, around[0].start], np.float64)  # pixels of the part to face pixels
    crop = align.warp(source, moved, SIDE)
    made = np.asarray(redact(FaceSet(("face",), crop[None], align.apply(matrix, face.landmarks)[None])).images[:])[0]
    back = matrix.copy()
    back[:, 2] += matrix[:, :2] @ np.array([window[1].start, window[0].start], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (inside.shape[1], inside.shape[0])
    laid = np.asarray(cv2.warpAffine(made, back, size, flags=flags, borderMode=cv2.BORDER_CONSTANT))
    whole = np.asarray(cv2.warpAffine(np.full((SIDE, SIDE), 255, np.uint8), back, size, flags=flags))
    use = inside & (whole == 255)
    picture[window][use] = laid[use]


BUILT_IN: dict[str, Cover] = {FILL: fill, MOSAIC: mosaic}
"""Covers that need no plugin."""
