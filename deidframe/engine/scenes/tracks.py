"""Faces through time: sightings of a shot are joined to tracks, gaps are filled from both ends, and ends are drawn out.

A detector that looks at frames one by one misses a face for a moment whenever it turns, blurs or is half hidden, and one frame is
enough to know somebody. Whatever was sighted and is in no track is covered as well, in its own frame and its neighbours.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

SURE, PATIENCE = 0.6, 25
"""Score from which on a sighting begins a track, and frames for which a track waits for the next one."""
GROW = 1.25
"""Of the boxes whose overlap is taken: a face that moves by its own width between frames still meets itself."""
WORST = 0.95
"""Cost from which on two sightings are not one face: 0 for equal boxes, 1 for boxes that only touch."""
ENDS, UNSURE = 5, 1
"""Frames by which the ends of a track are drawn out: one with a sure sighting, and one without."""
SMALL = (64, 36)
"""Size of the grey pictures by which cuts are found."""
CUT = 0.55
"""Correlation of small pictures below which one shot ends and another begins."""
SHOTS_BACK = 12
SEEN, FILLED, EXTENDED = 0, 1, 2
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sightings:
    """What detectors saw in the frames of one video, by frame.

    Args:
        frame: `(M,)` rising.
        boxes, landmarks, scores: `(M, 4)`, `(M, 5, 2)`, `(M,)`.
        count: frames that were looked at.
    """

    frame: NDArray[np.int64]
    boxes: Floats
    landmarks: Floats
    scores: Floats
    count: int


@dataclass(frozen=True)
class Tracks:
    """Where each face is in each frame, a row for each.

    Args:
        track, frame: `(R,)`; a track has a row for every frame from its first to its last and crosses no cut.
        boxes, landmarks: `(R, 4)`, `(R, 5, 2)`.
        kind: `(R,)` `SEEN`, `FILLED` between sightings, or `EXTENDED` beyond them.
        shots: first frame of each shot.
    """

    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    boxes: Floats
    landmarks: Floats
    kind: NDArray[np.int8]
    shots: NDArray[np.int64]

    def each(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield each track with its rows, in the order of frames."""
        order = np.argsort(self.track, kind="stable")  # rows are in the order of frames
        starts = np.flatnonzero(np.diff(self.track[order], prepend=-1))
        for own in np.split(order, starts[1:]) if len(order) else ():
            yield int(self.track[own[0]]), own

    def none(self) -> Tracks:
        """Return the same without any face."""
        rows = np.zeros(0, np.int64)
        kept = {name: getattr(self, name)[rows] for name in ("track", "frame", "boxes", "landmarks", "kind")}
        return replace(self, **kept)


def small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey picture of `SMALL` by which cuts are found."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA), np.uint8)


def shots_of(pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the first frame of each shot.

    A cut is where a frame is like none of the frames just before it; a single flash, after which the picture comes back, is none.

    Args:
        pictures: `(F, 36, 64)` grey.
    """
    count = len(pictures)

    @functools.lru_cache(2 * SHOTS_BACK)  # an hour of them as floats would take a gigabyte
    def row(n: int) -> tuple[Floats, float]:
        """Return a frame with its mean and contrast taken out, and the contrast."""
        flat = pictures[n].reshape(-1).astype(np.float32)
        flat -= flat.mean()
        norm = float(np.linalg.norm(flat))
        return flat / np.float32(max(norm, 1e-3)), norm

    def rows(first: int, last: int) -> Floats:
        return np.stack([row(n)[0] for n in range(first, min(last, count))])

    starts = [0] if count else []
    for n in range(1, count):
        here, norm = row(n)
        before = rows(max(starts[-1], n - SHOTS_BACK), n)
        if norm < 8 or float((before @ here).max()) >= CUT:
            continue
        if n + 1 < count and float((before @ rows(n + 1, n + 3).T).max()) >= CUT:
            continue  # the picture comes back: a flash
        starts.append(n)
    return np.array(starts, np.int64)


def track(seen: Sightings, shots: NDArray[np.int64]) -> Tracks:
    """Return the tracks of a video.

    Args:
        seen: all sightings, also those of which a detector is not sure: they begin no track and continue one.
        shots: first frame of each shot.
    """
    parts: list[tuple[NDArray[Any], ...]] = [_columns([])]
    number = 0
    bounds = [*shots.tolist(), seen.count]
    for start, stop in itertools.pairwise(bounds):
        own = np.flatnonzero((seen.frame >= start) & (seen.frame < stop))
        rows: list[_Row] = []
        for chain in _chains(seen, own):
            rows += _filled(seen, chain, number, start, stop)
            number += 1
        parts.append(_columns(sorted(rows, key=lambda row: (row.frame, row.track))))  # shots follow one another in time
    track_of, frame, boxes, landmarks, kind = (np.concatenate([part[n] for part in parts]) for n in range(5))
    return Tracks(track_of, frame, boxes, landmarks, kind, shots)


@dataclass(frozen=True)
class _Row:
    track: int
    frame: int
    box: Floats
    marks: Floats
    kind: int


def _columns(rows: Sequence[_Row]) -> tuple[NDArray[Any], ...]:
    return (
        np.array([row.track for row in rows], np.int64),
        np.array([row.frame for row in rows], np.int64),
        np.array([row.box for row in rows], np.float32).reshape(-1, 4),
        np.array([row.marks for row in rows], np.float32).reshape(-1, 5, 2),
        np.array([row.kind for row in rows], np.int8),
    )


def _chains(seen: Sightings, own: NDArray[np.int64]) -> list[list[int]]:
    """Return the sightings of each face of a shot, in time: forwards, then backwards over what is left, then what is alone."""
    taken = np.zeros(len(seen.frame), bool)
    chains = _pass(seen, own, taken)
    chains += [chain[::-1] for chain in _pass(seen, own[::-1], taken)]
    chains = _with_ends(seen, own, taken, chains)
    chains += [[row] for row in own.tolist() if not taken[row]]
    return chains


def _pass(seen: Sightings, own: NDArray[np.int64], taken: NDArray[np.bool_]) -> list[list[int]]:
    """Join sightings in the order given: sure ones begin, all continue."""
    chains: list[list[int]] = []
    live: list[int] = []
    frames = seen.frame[own]
    edges = np.flatnonzero(np.diff(frames)) + 1
    for part in np.split(own, edges) if len(own) else []:
        now = int(seen.frame[part[0]])
        free = [row for row in part.tolist() if not taken[row]]
        live = [one for one in live if abs(now - int(seen.frame[chains[one][-1]])) <= PATIENCE]
        if live and free:
            expected = np.array([_ahead(seen, chains[one], now) for one in live])
            cost = costs(expected, seen.boxes[free])
            gone = np.array([abs(now - int(seen.frame[chains[one][-1]])) for one in live], np.float64)
            cost = cost + 0.01 * gone[:, None]
            for a, b in zip(*linear_sum_assignment(cost), strict=True):
                if cost[a, b] < WORST:
                    chains[live[a]].append(free[b])
                    taken[free[b]] = True
        for row in free:
            if not taken[row] and seen.scores[row] >= SURE:
                live.append(len(chains))
                chains.append([row])
                taken[row] = True
    return chains


def _with_ends(seen: Sightings, own: NDArray[np.int64], taken: NDArray[np.bool_], chains: list[list[int]]) -> list[list[int]]:
    """Let each chain take up, backwards from its first sighting, what nobody has taken: faces that came in unsurely."""
    at: dict[int, list[int]] = {}
    for row in own.tolist():
        at.setdefault(int(seen.frame[row]), []).append(row)
    out = []
    for chain in chains:
        head = chain[0]
        grown = list(chain)
        for now in range(int(seen.frame[head]) - 1, int(seen.frame[head]) - PATIENCE, -1):
            free = [row for row in at.get(now, ()) if not taken[row]]
            if not free:
                continue
            cost = costs(seen.boxes[[grown[0]]], seen.boxes[free])[0]
            if cost.min() < WORST:
                grown.insert(0, free[int(cost.argmin())])
                taken[grown[0]] = True
        out.append(grown)
    return out


def _ahead(seen: Sightings, chain: Sequence[int], now: int) -> Floats:
    """Return the box that a chain would have in a frame if it went on as in its last sightings."""
    last = chain[-1]
    box = seen.boxes[last]
    back = chain[-4:]
    span = int(seen.frame[last]) - int(seen.frame[back[0]])
    if span == 0:
        return np.asarray(box, np.float32)
    speed = (_middle(box) - _middle(seen.boxes[back[0]])) / span
    shift = speed * np.clip(now - int(seen.frame[last]), -6, 6)
    return np.asarray(box + np.tile(shift, 2), np.float32)


def _middle(box: Floats) -> Floats:
    return np.asarray((box[:2] + box[2:]) / 2, np.float32)


def costs(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Return `(A, B)` how little boxes are one face's: overlap of grown boxes, distance of middles, ratio of sizes; 0 to 2."""
    wide = [
        np.concatenate([box[:, :2] - g, box[:, 2:] + g], axis=1) for box, g in ((x, (GROW - 1) / 2 * _sides(x)) for x in (a, b))
    ]
    low = np.maximum(wide[0][:, None, :2], wide[1][None, :, :2])
    high = np.minimum(wide[0][:, None, 2:], wide[1][None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(_sides(box), axis=1) for box in wide]
    overlap = shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-6)
    size = np.sqrt(np.prod(_sides(a), axis=1))[:, None], np.sqrt(np.prod(_sides(b), axis=1))[None]
    away = np.linalg.norm(((a[:, None, :2] + a[:, None, 2:]) - (b[None, :, :2] + b[None, :, 2:])) / 2, axis=2)
    far = np.minimum(1.0, away / np.maximum((size[0] + size[1]) / 2, 1e-3) / 1.5)
    ratio = np.abs(np.log(np.maximum(size[0], 1e-3) / np.maximum(size[1], 1e-3)))
    out: NDArray[np.float64] = 0.5 * (1 - overlap) + 0.5 * far + 0.5 * np.clip(ratio - 0.2, 0, 1)
    return out


def _sides(boxes: Floats) -> Floats:
    return np.asarray(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3), np.float32)


def _filled(seen: Sightings, chain: Sequence[int], number: int, start: int, stop: int) -> list[_Row]:
    """Return a track's rows, from its first frame to its last, with gaps filled and ends drawn out inside the shot."""
    frames = seen.frame[list(chain)]
    boxes, marks = seen.boxes[list(chain)], seen.landmarks[list(chain)]
    rows: list[_Row] = []
    for n in range(len(chain)):
        rows.append(_Row(number, int(frames[n]), boxes[n], marks[n], SEEN))
        if n + 1 < len(chain):
            gap = int(frames[n + 1] - frames[n])
            for step in range(1, gap):
                share = np.float32(step / gap)
                box = (1 - share) * boxes[n] + share * boxes[n + 1]
                # between sightings a face may stray from the straight line: the farther from both, the more is covered
                slack = 0.06 * min(step, gap - step) * _sides(box[None])[0]
                slack = np.minimum(slack, 0.5 * _sides(box[None])[0])
                grown = np.concatenate([box[:2] - slack, box[2:] + slack])
                between = (1 - share) * marks[n] + share * marks[n + 1]
                rows.append(_Row(number, int(frames[n] + step), grown, between, FILLED))
    sure = float(seen.scores[list(chain)].max()) >= SURE
    reach = ENDS if sure else UNSURE
    for at, step in ((0, -1), (len(chain) - 1, 1)):
        speed = _speed(frames, boxes, at)
        for n in range(1, reach + 1):
            frame = int(frames[at]) + step * n
            if not start <= frame < stop:
                break
            shift = np.asarray(speed * step * n, np.float32)
            slack = np.minimum(0.05 * n, 0.4) * _sides(boxes[at][None])[0]
            box = boxes[at] + np.tile(shift, 2)
            rows.append(_Row(number, frame, np.concatenate([box[:2] - slack, box[2:] + slack]), marks[at] + shift, EXTENDED))
    return rows


def _speed(frames: NDArray[np.int64], boxes: Floats, at: int) -> Floats:
    """Return by how much the middle of a face moves in a frame, at one end of its sightings."""
    near = np.arange(max(0, at - 4), at + 1) if at else np.arange(0, min(len(frames), 5))
    if len(near) < 2:
        return np.zeros(2, np.float32)
    middles = (boxes[near, :2] + boxes[near, 2:]) / 2
    span = float(frames[near[-1]] - frames[near[0]])
    return np.asarray((middles[-1] - middles[0]) / max(span, 1.0), np.float32)
