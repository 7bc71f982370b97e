"""See every face of a picture: several detectors, two sizes, tiles, four turns; a face too many is covered and does no harm."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.photos import Detections, Photos
from deidframe.engine.components.identity import told
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.intake.look_again import Faces, look_again

Detect = Callable[[Photos], Detections]
Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]
TILE, LAP = 1280, 320
"""Side of the parts in which a large picture is looked at, and what neighbours share: a face up to the lap is whole in one."""
SAME = 0.4
"""Boxes that overlap more than this (intersection over union) show one face."""
WITHIN = 0.75
"""A box of which so much lies in a surer one shows the same face."""


@dataclass(frozen=True)
class Looker:
    """One detector.

    Args:
        name: of it.
        plain: asks it as a recipe would.
        eager: asks it so that it rather sees a face too many, once for each way.
        sure: the score from which on a face is upright, None where it does not say.
        told: the detector with its code and parameters, by which a run that goes on is known.
    """

    name: str
    plain: Detect
    eager: tuple[Detect, ...]
    sure: float | None
    told: str = ""

    @classmethod
    def of(cls, pool: ComponentPool, plain: Step) -> Looker:
        """Return a detector with its ways to look: the eager ones on top of its own parameters."""
        component, own = plain.loaded.component, plain.params.model_dump(mode="json", exclude_unset=True)
        steps = [Step("detector", plain.loaded, component.params.model_validate({**own, **params})) for params in component.eager]
        eager = tuple(functools.partial(pool.call, step) for step in steps)
        return cls(plain.name, functools.partial(pool.call, plain), eager, component.sure, told(plain))

    def within(self, regions: Sequence[Box]) -> Looker:
        """Return it looking only for faces whose middle lies in one of these `(x0, y0, x1, y1)` of whole frames; () for all."""
        if not regions:
            return self
        told = f"{self.told}|within {sorted(regions)}"
        eager = tuple(_only(ask, regions) for ask in self.eager)
        return replace(self, plain=_only(self.plain, regions), eager=eager, told=told)


def _only(ask: Detect, regions: Sequence[Box]) -> Detect:
    """Return a detector without the faces that lie in none of the regions."""

    def asked(photos: Photos) -> Detections:
        found = ask(photos)
        x, y = ((found.boxes[:, n] + found.boxes[:, n + 2]) / 2 for n in (0, 1))
        inside = np.zeros(len(found.scores), bool)
        for x0, y0, x1, y1 in regions:
            inside |= (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        ids = tuple(photo for photo, kept in zip(found.photo_ids, inside.tolist(), strict=True) if kept)
        return Detections(found.looked_at, ids, found.boxes[inside], found.landmarks[inside], found.scores[inside])

    return asked


@dataclass(frozen=True)
class Sighted:
    """Faces of one picture: boxes `(F, 4)`, landmarks `(F, 5, 2)`, scores `(F,)`, and which detector saw each first."""

    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]
    by: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.by)

    @classmethod
    def none(cls) -> Sighted:
        """No face."""
        return cls(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32), ())

    def take(self, rows: Sequence[int]) -> Sighted:
        """Return these."""
        kept = np.array(rows, np.int64)
        return Sighted(self.boxes[kept], self.landmarks[kept], self.scores[kept], tuple(self.by[row] for row in rows))

    def with_more(self, more: Sighted) -> Sighted:
        """Return these and others, none of them left out."""
        both = [self, more]
        boxes, marks, scores = (np.concatenate([getattr(one, name) for one in both]) for name in ("boxes", "landmarks", "scores"))
        return Sighted(boxes, marks, scores, (*self.by, *more.by))

    @classmethod
    def joined(cls, parts: Sequence[Sighted]) -> Sighted:
        """Return all faces of several looks at one picture, each once, the surest sighting of each."""
        whole = [cls.none(), *parts]
        boxes, marks, scores = (np.concatenate([getattr(p, f) for p in whole]) for f in ("boxes", "landmarks", "scores"))
        every = cls(boxes, marks, scores, tuple(name for part in whole for name in part.by))
        kept: list[int] = []
        for row in np.argsort(-scores, kind="stable").tolist():
            if not kept or not _same(boxes[row], boxes[kept]).any():
                kept.append(row)
        return every.take(kept)


def _same(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    own, their = np.prod(box[2:] - box[:2]), np.prod(others[:, 2:] - others[:, :2], axis=1)
    out: NDArray[np.bool_] = (shared > SAME * (own + their - shared)) | ((shared > WITHIN * own) & (own > 0.4 * their))
    return out


def look(picture: Pixels, lookers: Sequence[Looker], *, turns: bool = True, eager: bool = True) -> Sighted:
    """Return every face that any detector sees in any look.

    Args:
        picture: `(H, W, 3)` uint8 RGB, upright.
        lookers: the detectors.
        turns: where the first detector sees no face of which it is sure, the picture is also turned, and looked at nearer and
            farther.
        eager: as the detectors rather see a face too many, else as a recipe would ask them.
    """
    seen: list[Sighted] = []
    for looker in lookers:
        asks = (looker.eager if eager else ()) or (looker.plain,)
        seen += [_asked(picture, ask, looker.name) for ask in asks]
        if max(picture.shape[:2]) > 1.5 * TILE:
            seen += [_shifted(_asked(view, asks[-1], looker.name), x, y) for view, x, y in tiles(picture)]
    if turns and lookers:
        first = lookers[0]
        best = Sighted.joined(seen)
        found = look_again(picture, Faces(best.boxes, best.landmarks, best.scores), first.sure, first.plain)
        if found.how:
            faces = found.faces
            seen.append(Sighted(faces.boxes, faces.landmarks, faces.scores, (first.name,) * len(faces.scores)))
    return Sighted.joined(seen)


def tiles(picture: Pixels) -> Iterator[tuple[Pixels, int, int]]:
    """Yield overlapping parts of a large picture, and the place of each."""
    for y in _starts(picture.shape[0]):
        for x in _starts(picture.shape[1]):
            yield np.ascontiguousarray(picture[y : y + TILE, x : x + TILE]), x, y


def _starts(size: int) -> list[int]:
    if size <= TILE:
        return [0]
    count = int(np.ceil((size - LAP) / (TILE - LAP)))
    return [int(start) for start in np.rint(np.linspace(0, size - TILE, count))]


def _asked(view: Pixels, ask: Detect, name: str) -> Sighted:
    found = ask(Photos.from_arrays(("view",), [view]))
    return Sighted(found.boxes, found.landmarks, found.scores, (name,) * len(found.scores))


def _shifted(seen: Sighted, x: int, y: int) -> Sighted:
    shift = np.array([x, y], np.float32)
    return Sighted(seen.boxes + np.tile(shift, 2), seen.landmarks + shift, seen.scores, seen.by)
