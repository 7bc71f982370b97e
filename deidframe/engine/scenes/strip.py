"""What a reader of a report sees of released scenes: a strip of them, and by how much a drawn face trembles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.engine.scenes.film import Film
from deidframe.engine.scenes.regions import Region
from deidframe.engine.scenes.video_files import read
from deidframe.guard.hygiene import decode_jpeg, encode_jpeg

TALL, WIDE = 240, 1500
"""Height of a strip, and its greatest width, in pixels."""
MOST = 500
"""Frames of a video in which trembling is measured."""
SIDE, INNER = 48, 0.7
"""Side of the inner face that is held against itself, and the part of the oval over a mesh that it is."""
Pixels = NDArray[np.uint8]


def strip(photos: Sequence[Path], videos: Sequence[tuple[Path, int]]) -> bytes | None:
    """Return a JPEG of released photos, and of a frame of each video, side by side; None where there is nothing.

    Args:
        photos: files.
        videos: file and number of the frame.
    """
    shown: list[Pixels] = []
    total = 0
    for path, number in [*((one, -1) for one in photos), *videos]:
        picture = decode_jpeg(path.read_bytes()) if number < 0 else _frame(path, number)
        if picture is None:
            continue
        wide = max(1, round(picture.shape[1] * TALL / picture.shape[0]))
        if total and total + wide > WIDE:
            break
        shown.append(np.asarray(cv2.resize(picture, (wide, TALL), interpolation=cv2.INTER_AREA), np.uint8))
        total += wide
    return encode_jpeg(np.concatenate(shown, axis=1), 85) if shown else None


def _frame(path: Path, number: int) -> Pixels | None:
    return next((frame.planes.rgb() for frame in read(path) if frame.number == number), None)


@dataclass(frozen=True)
class Trembling:
    """By how much the inner part of a face changes from frame to frame where its motion is taken out.

    Args:
        clear, released: sums of mean differences in grey levels, of the video that came in and of what is released.
        count: pairs of frames of a face.
    """

    clear: float = 0.0
    released: float = 0.0
    count: int = 0

    def __add__(self, other: Trembling) -> Trembling:
        return Trembling(self.clear + other.clear, self.released + other.released, self.count + other.count)

    @property
    def ratio(self) -> float | None:
        """How often as much it is in what is released, None where nothing was measured."""
        return self.released / self.clear if self.count and self.clear > 0 else None


def trembling(film: Film, released: Path, fit: NDArray[np.bool_]) -> Trembling:
    """Measure it over the first frames of a video, in the faces that are drawn.

    Args:
        film: as it came in.
        released: the file.
        fit: `(R,)` rows of its tracks that are drawn.
    """
    starts = np.searchsorted(film.tracks.frame, np.arange(film.looked.seen.count + 1))
    before: dict[int, tuple[Pixels, Pixels]] = {}
    sums = Trembling()
    for first, second in zip(read(film.path), read(released), strict=False):
        if first.number >= MOST:
            break
        rows = [row for row in range(int(starts[first.number]), int(starts[first.number + 1])) if fit[row]]
        now: dict[int, tuple[Pixels, Pixels]] = {}
        if rows:
            pictures = first.planes.rgb(), second.planes.rgb()
            for row in rows:
                region = film.shapes.region(row, INNER)
                now[int(film.tracks.track[row])] = (_inner(pictures[0], region), _inner(pictures[1], region))
        for number, (clear, drawn) in now.items():
            if number in before:
                sums += Trembling(_apart(before[number][0], clear), _apart(before[number][1], drawn), 1)
        before = now
    return sums


def _inner(picture: Pixels, region: Region) -> Pixels:
    """Return the inner part of a face, upright and of one size."""
    turn = np.radians(region.angle)
    scale = SIDE / (2 * max(region.across, region.down))
    spin = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    shift = np.array([SIDE / 2, SIDE / 2]) - spin @ (region.x, region.y)
    return np.asarray(cv2.warpAffine(picture, np.column_stack([spin, shift]), (SIDE, SIDE), flags=cv2.INTER_AREA), np.uint8)


def _apart(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())
