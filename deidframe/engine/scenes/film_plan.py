"""What is drawn in each frame of a video, made when a frame is asked for: an hour with five faces has half a million of them."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.engine.scenes.covers import Face
from deidframe.engine.scenes.posed import Texture, can_be_drawn, posed
from deidframe.engine.scenes.regions import Region
from deidframe.engine.scenes.shapes import Shapes
from deidframe.engine.scenes.tracks import Tracks

AROUND = 8
"""Frames before and after one in which a face was seen afterwards that are covered with it: it nearly shows there, too."""
SAME = 0.7
"""Late faces of one frame that overlap more than this are one."""
LEAST = 5
"""Frames in a row in which a face has to be fit to be drawn: one that is drawn for a moment and covered again flickers."""
HELD = 1024
"""Frames whose faces are kept at hand."""


@dataclass(frozen=True)
class Late:
    """A face that was seen only in the released file: frame, box `(4,)` and landmarks `(5, 2)`."""

    frame: int
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]

    def around(self, count: int) -> range:
        """Return the frames in which it is covered, of so many."""
        return range(max(0, self.frame - AROUND), min(count, self.frame + AROUND + 1))


@dataclass(frozen=True)
class Players:
    """Who is drawn over the faces of one video.

    Args:
        shapes: where meshes lie, a row for each row of the tracks.
        texture: track -> surrogate of its group, None where it has none.
        grow: of the oval over a mesh that is erased.
    """

    shapes: Shapes
    texture: Callable[[int], Texture | None]
    grow: float


class FilmPlan(Sequence[list[Face]]):
    """The faces of each frame.

    Args:
        tracks: faces through time.
        count: frames.
        extra: faces that were seen only in the released file.
        players: who is drawn; without them all is covered.
    """

    def __init__(self, tracks: Tracks, count: int, extra: Sequence[Late] = (), players: Players | None = None) -> None:
        self._tracks, self._count, self._players = tracks, count, players
        self._starts = np.searchsorted(tracks.frame, np.arange(count + 1))
        self._extra = _by_frame(extra)
        self.fit = steady(tracks, _fit(tracks, players)) if players is not None else np.zeros(len(tracks.frame), bool)
        self._at = functools.lru_cache(HELD)(self._made)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, frame: int) -> list[Face]:  # type: ignore[override]
        """Return what is covered or drawn in a frame: a face for each row of the tracks there, then what was seen late."""
        return self._at(frame)

    def with_extra(self, extra: Sequence[Late]) -> FilmPlan:
        """Return it with other late faces; what is drawn over the others stays."""
        out = copy.copy(self)
        out._extra = _by_frame(extra)
        out._at = functools.lru_cache(HELD)(out._made)
        return out

    def rows(self, frame: int) -> range:
        """Return the rows of the tracks in a frame, in the order of its faces."""
        return range(int(self._starts[frame]), int(self._starts[frame + 1]))

    def _made(self, frame: int) -> list[Face]:
        faces = [self._face(row) for row in self.rows(frame)]
        late = self._extra.get(frame, ())
        return [*faces, *(Face(Region.of(one.box, one.landmarks), one.landmarks) for one in late)]

    def _face(self, row: int) -> Face:
        marks, players = self._tracks.landmarks[row], self._players
        whole = Region.of(self._tracks.boxes[row], marks)
        if not self.fit[row] or players is None:
            return Face(whole, marks)
        return posed(players.shapes, row, whole, players.texture(int(self._tracks.track[row])), players.grow, marks)


def _by_frame(late: Sequence[Late]) -> dict[int, list[Late]]:
    out: dict[int, list[Late]] = {}
    for one in late:
        held = out.setdefault(one.frame, [])
        if not any(_overlap(one.box, other.box) > SAME for other in held):
            held.append(one)
    return out


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the intersection of two boxes over their union."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    return shared / max(1e-6, float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared)


def _fit(tracks: Tracks, players: Players) -> NDArray[np.bool_]:
    """Return `(R,)` in which rows a surrogate can be drawn well."""
    fit = np.zeros(len(tracks.frame), bool)
    for number, rows in tracks.each():
        texture = players.texture(number)
        if texture is None:
            continue
        for row in rows.tolist():
            whole = Region.of(tracks.boxes[row], tracks.landmarks[row])
            fit[row] = can_be_drawn(players.shapes, row, whole, texture, players.grow) is not None
    return fit


def steady(tracks: Tracks, fit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the same without short runs between covers: a track shorter than that may be drawn as a whole."""
    out = fit.copy()
    for _, own in tracks.each():
        edges = np.flatnonzero(np.diff(fit[own].astype(np.int8))) + 1
        for run in np.split(own, edges):
            if fit[run[0]] and len(run) < min(LEAST, len(own)):
                out[run] = False
    return out
