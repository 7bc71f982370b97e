"""Originals that come back in another guise: turned, mirrored, inverted, in one channel, in some bits, or in pieces.

Each released picture is compared with every original in three ways that need no network and see no identity:

- contours: 24 x 24 luminance with its local contrast made even, less the mean face of the originals, by cosine; the released
  picture in eight orientations, as it is and inverted, in luminance and in each channel;
- bits: how much of an original's contours any mixture of the eight bit planes of a channel explains (the largest R^2 of a linear
  regression), so that an original in the lowest bits, or under an XOR with a constant, is seen;
- tones: the joint histogram of colours by the Bhattacharyya coefficient, which no shuffling of pixels or blocks changes.

The bounds lie between what copies reach and what the shipped methods that promise something do; `docs/explanation/promises.md` has
the figures. What is hidden in other ways (edges alone, tones and places changed at once) is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 24
"""Pixels of a descriptor's side: fine enough to tell people apart, coarse enough for a shift of a few pixels."""
CONTRAST = 2.0
"""Grey levels that are added to a local deviation, so that a flat place stays flat."""
BINS = 8
"""Of each colour channel."""
CONTOURS, BITS, TONES = 0.9, 0.75, 0.985
"""From which on a picture counts as an original: a cosine, a share explained, and a coefficient."""
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
Picture = NDArray[np.uint8]
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Likeness:
    """How near a picture comes to the original that it is nearest to, in each of the three ways, and which one that is.

    Args:
        contours, bits, tones: as above, at most 1.
        row: of the original to which it comes nearest in relation to the bounds.
    """

    contours: float
    bits: float
    tones: float
    row: int

    @property
    def is_original(self) -> bool:
        """Whether one of the three is beyond its bound."""
        return self.contours >= CONTOURS or self.bits >= BITS or self.tones >= TONES


class Originals:
    """What is kept of the originals: 1,088 numbers each.

    Args:
        pictures: the `N` originals, each `(H, W, 3)`.
    """

    def __init__(self, pictures: Iterable[Picture]) -> None:
        contours, tones = [], []
        for picture in pictures:
            contours.append(_contours(picture @ LUMINANCE))
            tones.append(_tones(picture))
        self._tones = np.stack(tones)
        plain = np.stack(contours)
        self._mean = plain.mean(axis=0) if len(plain) > 1 else np.zeros_like(plain[0])
        self._contours = _unit(plain - self._mean)

    def __len__(self) -> int:
        return len(self._tones)

    def likeness(self, picture: Picture) -> Likeness:
        """Return how near a released picture comes to an original."""
        contours, bits = np.zeros(len(self), np.float32), np.zeros(len(self), np.float32)
        for channel in (picture @ LUMINANCE, *np.moveaxis(picture.astype(np.float32), 2, 0)):
            views = [_contours(view) for view in _orientations(channel)]
            signed = _unit(np.stack([sign * view - self._mean for view in views for sign in (1, -1)]))
            np.maximum(contours, (signed @ self._contours.T).max(axis=0), out=contours)
            planes = [_contours(plane) for plane in _planes(channel)]
            for turned in _turned(np.stack(planes).reshape(8, SIDE, SIDE)):
                span = _span(turned.reshape(8, -1))
                np.maximum(bits, np.square(span @ self._contours.T).sum(axis=0), out=bits)
        tones = self._tones @ _tones(picture)
        row = int(np.argmax(np.maximum(np.maximum(contours / CONTOURS, bits / BITS), tones / TONES)))
        return Likeness(float(contours.max()), float(bits.max()), float(tones.max()), row)


def _contours(channel: NDArray[np.float32]) -> Rows:
    """Return `(SIDE * SIDE,)` of zero mean and unit length: a channel's deviations from its surroundings, all equally strong."""
    small = cv2.resize(np.ascontiguousarray(channel, np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    apart = small - cv2.GaussianBlur(small, (0, 0), SIDE / 6)
    spread = np.sqrt(cv2.GaussianBlur(apart * apart, (0, 0), SIDE / 6))
    return _unit((apart / (spread + CONTRAST)).reshape(1, -1))[0]


def _unit(rows: Rows) -> Rows:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9), np.float32)


def _orientations(channel: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the eight ways in which a square can lie; a picture that is none is squared by the resizing that follows."""
    return [np.rot90(one, turns) for one in (channel, channel[:, ::-1]) for turns in range(4)]


def _turned(planes: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [np.rot90(one, turns, axes=(1, 2)) for one in (planes, planes[:, :, ::-1]) for turns in range(4)]


def _planes(channel: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    levels = np.rint(channel).astype(np.uint8)
    return [((levels >> bit) & 1).astype(np.float32) * 255 for bit in range(8)]


def _span(planes: Rows) -> Rows:
    """Return an orthonormal basis, as rows, of what bit planes span; planes that say nothing have no part in it."""
    values, vectors = np.linalg.eigh((planes @ planes.T).astype(np.float64))
    kept = values > 1e-3
    return np.asarray((vectors[:, kept] / np.sqrt(values[kept])).T @ planes, np.float32)


def _tones(picture: Picture) -> Rows:
    """Return the square roots of the shares of `BINS`^3 colours: a dot product of two is their Bhattacharyya coefficient."""
    counts = cv2.calcHist([np.ascontiguousarray(picture)], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3).ravel()
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)
