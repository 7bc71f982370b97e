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

from collections.abc import Iterable, Sequence
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
BINS = 8
"""Of each colour channel."""
CONTOURS, BITS, TONES = 0.9, 0.75, 0.985
"""From which on a picture counts as an original: a cosine, a share explained, and a coefficient."""
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
SOME = 200
"""Originals by which it is seen how alike the colours of different people are."""
Picture = NDArray[np.uint8]
Rows = NDArray[np.float32]


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

    `tones_from` is the bound on tones: higher where pictures of different people have nearly the same colours anyway.
    """

    def __init__(self, pictures: Iterable[Picture], subjects: Sequence[str]) -> None:
        plain, self._tones = _described(pictures)
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

    def shown_by(self, picture: Picture) -> bool:
        """Return whether a released picture shows one of them."""
        found = self.likeness(picture)
        return found.contours >= CONTOURS or found.bits >= BITS or found.tones >= self.tones_from

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
        return Likeness(float(contours.max()), float(bits.max()), float(tones.max()))


def _described(pictures: Iterable[Picture]) -> tuple[Rows, Rows]:
    found = [(_contours(picture @ LUMINANCE), _tones(picture)) for picture in pictures]
    return np.stack([one for one, _ in found]), np.stack([one for _, one in found])


def _contours(channel: NDArray[np.float32]) -> Rows:
    """Return `(SIDE * SIDE,)` of zero mean and unit length: a channel's deviations from its surroundings, all equally strong."""
    small = cv2.resize(np.ascontiguousarray(channel, np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    apart = small - cv2.GaussianBlur(small, (0, 0), SIDE / 6)
    spread = np.sqrt(cv2.GaussianBlur(apart * apart, (0, 0), SIDE / 6))
    made: Rows = _unit((apart / (spread + CONTRAST)).reshape(1, -1))[0]
    return made


def _unit(rows: NDArray[Any]) -> Rows:
    centred: Rows = rows - rows.mean(axis=1, keepdims=True)
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
