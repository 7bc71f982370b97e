"""Originals that come back in another guise: turned, mirrored, inverted, in one channel, in some bits, or in pieces.

Each released picture is compared with every original in three ways that need no network and see no identity:

- contours: 24 x 24 luminance with its local contrast made even, less the mean face of the originals, by cosine; the released
  picture in eight orientations, as it is and inverted, in luminance and in each channel;
- bits: how much of an original's contours any mixture of the eight bit planes of a channel explains (the largest R^2 of a linear
  regression), so that an original in the lowest bits, or under an XOR with a constant, is seen;
- tones: the joint histogram of colours by the Bhattacharyya coefficient, which no shuffling of pixels or blocks changes.

The bounds lie between what copies reach and what the shipped methods that promise something do; `docs/explanation/promises.md`
has the figures. What is hidden in other ways (edges alone, tones and places changed at once) is not seen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 24
"""Pixels of a descriptor's side: fine enough to tell people apart, coarse enough for a shift of a few pixels."""
CONTRAST = 2.0
"""Grey levels that are added to a local deviation, so that a flat place stays flat."""
CHANNELS = 4
"""Luminance, red, green, blue."""
BINS = 8
"""Of each colour channel."""
CONTOURS, BITS, TONES = 0.9, 0.75, 0.985
"""From which on a picture counts as an original: a cosine, a share explained, and a coefficient."""
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
AT_ONCE = 1024
"""Originals that a picture is held against at once, so that what is made of them stays near the processor."""
SOME = 200
"""Originals by which it is seen how alike the colours of different people are."""
Picture = NDArray[np.uint8]
Rows = NDArray[np.float32]
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Likeness:
    """How near a picture comes to the original that it is nearest to, in each of the three ways.

    Args:
        contours, bits, tones: as above, at most 1.
    """

    contours: float
    bits: float
    tones: float


class Originals:
    """What is kept of the originals: 1,088 numbers each.

    Args:
        pictures: the `N` originals, each `(H, W, 3)`.
        subjects: whom each shows.
        each: applies a function to one picture after the other, as `map` does; several may be at work at a time.

    `tones_from` is the bound on tones: higher where pictures of different people have nearly the same colours anyway.
    """

    def __init__(self, pictures: Iterable[Picture], subjects: Sequence[str], each: Each = map) -> None:
        plain, self._tones = _described(pictures, each)
        self._mean = plain.mean(axis=0) if len(plain) > 1 else np.zeros_like(plain[0])
        self._contours = _unit(plain - self._mean)
        self.tones_from = self._tones_bound(np.array(subjects))

    def __len__(self) -> int:
        return len(self._tones)

    def others(self, pictures: Iterable[Picture]) -> Originals:
        """Return other originals, with the same mean face and the same bounds."""
        made = copy(self)
        plain, made._tones = _described(pictures)
        made._contours = _unit(plain - self._mean)
        return made

    def _tones_bound(self, subjects: NDArray[np.str_]) -> float:
        """Return the usual bound, or half way to 1 from where the nearest picture of somebody else lies in 19 of 20 cases."""
        some = np.unique(np.linspace(0, len(self) - 1, min(SOME, len(self))).astype(np.int64))
        apart = np.where(subjects[some, None] == subjects[None], 0, self._tones[some] @ self._tones.T)
        usual = float(np.quantile(apart.max(axis=1), 0.95))
        return max(TONES, (1 + usual) / 2 if usual > TONES else 0)

    def look(self, picture: Picture) -> Guises:
        """Return all guises in which a released picture may show an original; it can be held against several sets of them."""
        found = _contours(_channels_and_planes(picture))
        whole, planes = found[:CHANNELS], found[CHANNELS:].reshape(CHANNELS, 8, -1)
        views = _turned(whole)
        views = _unit(np.concatenate([views - self._mean, -views - self._mean]))
        spans = _turned(_spans(planes).reshape(-1, planes.shape[2]))  # turning moves pixels, and no product of two planes
        return Guises(views, spans, _tones(picture))

    def shown_by(self, picture: Picture | Guises) -> bool:
        """Return whether a released picture shows one of them."""
        found = self.likeness(picture)
        return found.contours >= CONTOURS or found.bits >= BITS or found.tones >= self.tones_from

    def likeness(self, picture: Picture | Guises) -> Likeness:
        """Return how near a released picture comes to an original."""
        looked = picture if isinstance(picture, Guises) else self.look(picture)
        both, count = np.concatenate([looked.views, looked.spans]), len(looked.views)
        contours = bits = 0.0
        for start in range(0, len(self), AT_ONCE):
            near = both @ self._contours[start : start + AT_ONCE].T
            contours = max(contours, float(near[:count].max()))
            explained = near[count:]
            explained *= explained
            bits = max(bits, float(explained.reshape(-1, 8, explained.shape[1]).sum(axis=1).max()))
        return Likeness(contours, bits, float((self._tones @ looked.tones).max()))


@dataclass(frozen=True)
class Guises:
    """A released picture in every guise that is looked for.

    Args:
        views: `(64, SIDE * SIDE)` its contours in eight orientations, four channels and both signs.
        spans: `(256, SIDE * SIDE)` orthonormal, eight for each of 32: what the bit planes of a channel span in an orientation.
        tones: of the picture.
    """

    views: Rows
    spans: Rows
    tones: Rows


def _channels_and_planes(picture: Picture) -> NDArray[np.float32]:
    """Return `(36, H, W)`: luminance and colours, then the eight bits of each, 0 or 255."""
    height, width = picture.shape[:2]
    out = np.empty((9 * CHANNELS, height, width), np.float32)
    out[0], out[1:CHANNELS] = picture @ LUMINANCE, np.moveaxis(picture, 2, 0)
    planes = out[CHANNELS:].reshape(CHANNELS, 8, height, width)
    for channel, levels in zip(planes, np.rint(out[:CHANNELS]).astype(np.uint8), strict=True):
        for bit in range(8):  # in bytes, and written as floats once
            channel[bit] = (levels >> bit & 1) * np.uint8(255)
    return out


def _described(pictures: Iterable[Picture], each: Each = map) -> tuple[Rows, Rows]:
    found = list(each(_description, pictures))
    return np.stack([one for one, _ in found]), np.stack([one for _, one in found])


def _description(picture: Picture) -> tuple[Rows, Rows]:
    return _contours((picture @ LUMINANCE)[None])[0], _tones(picture)


def _contours(channels: NDArray[np.float32]) -> Rows:
    """Return `(M, SIDE * SIDE)` of zero mean and unit length: deviations from the surroundings, all equally strong.

    Args:
        channels: `(M, H, W)`.
    """
    small = _area(channels.shape[1]) @ channels @ _area(channels.shape[2]).T
    blur = _smoothing()
    apart = small - blur @ small @ blur.T
    spread = np.sqrt(np.maximum(blur @ (apart * apart) @ blur.T, 0))
    return _unit((apart / (spread + CONTRAST)).reshape(len(channels), -1))


@functools.lru_cache(maxsize=16)
def _area(side: int) -> NDArray[np.float32]:
    """Return `(SIDE, side)`: the share of each of `side` pixels in the mean of each of `SIDE` equal parts of a line."""
    edges = np.linspace(0, side, SIDE + 1)
    low, high = edges[:-1, None], edges[1:, None]
    inside = np.minimum(high, np.arange(side) + 1) - np.maximum(low, np.arange(side))
    return np.asarray(np.maximum(inside, 0) / (side / SIDE), np.float32)


@functools.lru_cache(maxsize=1)
def _smoothing() -> NDArray[np.float32]:
    """Return `(SIDE, SIDE)`: a Gaussian blur of a line, mirrored at its ends."""
    return np.asarray(cv2.GaussianBlur(np.eye(SIDE, dtype=np.float32), (1, 0), 0, sigmaY=SIDE / 6), np.float32)


def _unit(rows: NDArray[Any]) -> Rows:
    centred: Rows = rows - rows.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-9), np.float32)


def _turned(rows: Rows) -> Rows:
    """Return the rows in the eight ways in which a square can lie, one after the other: `(8 * M, SIDE * SIDE)`."""
    squares = rows.reshape(-1, SIDE, SIDE)
    views = [np.rot90(one, turns, axes=(1, 2)) for one in (squares, squares[:, :, ::-1]) for turns in range(4)]
    return np.stack(views).reshape(-1, SIDE * SIDE)


def _spans(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return, for `(C, 8, P)` bit planes, orthonormal bases of what each eight span; a row is 0 where they span less."""
    values, vectors = np.linalg.eigh((planes @ planes.transpose(0, 2, 1)).astype(np.float64))
    scale = np.where(values > 1e-3, 1 / np.sqrt(np.maximum(values, 1e-3)), 0)
    return np.asarray((vectors * scale[:, None]).transpose(0, 2, 1) @ planes, np.float32)


def _tones(picture: Picture) -> Rows:
    """Return the square roots of the shares of `BINS`^3 colours: a dot product of two is their Bhattacharyya coefficient."""
    counts = cv2.calcHist([np.ascontiguousarray(picture)], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3).ravel()
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)
