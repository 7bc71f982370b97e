"""What a covered picture has to stand, whoever drew it: a photo, or a frame of a video."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.engine.scenes.covers import Cover, Face, union_of
from deidframe.engine.scenes.look import Looker, Sighted, look
from deidframe.engine.scenes.regions import GROW, Region

REPAIRS = 2
"""How often a released picture in which a face shows is covered further before it is withheld."""
NO_FACE = "no face was seen in it"
STILL_A_FACE = "a face still shows after repairs"
HANDED_BACK = "the cover left a face as it was"
NOT_BLIND = "what was drawn depends on what was erased"
UNCHANGED = 2.0
"""Mean difference of grey levels below which an inner face is what it was; JPEG alone makes about one."""
FLAT = 3.0
"""Standard deviation of the fine part of an inner face that has nothing to change, such as one that was seen in a wall."""
INNER, HALF, FEATURES = 0.7, 0.5, 3
"""A face of whose inner part (its box's oval, so many times as large) less than half is covered is a leak, unless three of its
landmarks are."""
Pixels = NDArray[np.uint8]


Planned = Callable[[str], tuple[Sighted, list[Face]]]


@dataclass(frozen=True)
class Wanted:
    """How photos are covered.

    Args:
        cover: of regions.
        named: its name.
        blind: it never reads what it covers, which is checked.
        allow_faceless: photos in which nobody is seen are released as they are.
        told: the cover with its parameters, by which a run that goes on is known.
        exempt: photo ids in which people are left as they are, with the owner's reason.
        planned: photo id -> its faces as they were seen before, and what is drawn over each; None where a photo is looked at when
            it is covered.
    """

    cover: Cover
    named: str
    blind: bool
    allow_faceless: bool = False
    exempt: tuple[tuple[str, str], ...] = ()
    told: str = ""
    planned: Planned | None = None

    def signature(self, names: Sequence[str], lookers: Sequence[Looker], *more: object) -> str:
        """Return a text that changes when the outcome would, for files that stay what they are."""
        facts = [self.named, self.told, self.blind, self.allow_faceless, self.exempt, [one.told for one in lookers], names, more]
        return hashlib.sha256(json.dumps(facts).encode("utf-8", "surrogateescape")).hexdigest()


class Withheld(Exception):
    """A photo is not released; the text says why."""


def faces_of(sighted: Sighted) -> list[Face]:
    """Return what is to be covered of each sighting."""
    each = zip(sighted.boxes, sighted.landmarks, strict=True)
    return [Face(Region.of(box, marks), marks) for box, marks in each]


def leaks(released: Pixels, lookers: Sequence[Looker], regions: Sequence[Region]) -> tuple[Sighted, Sighted]:
    """Return the faces that detectors still see in a released picture outside of what was drawn, and those that they surely see.

    Where a detector is sure, half of a face has to be covered; where it only guesses, a quarter that was drawn explains it.
    """
    sure, guessed = (look(released, lookers, turns=False, eager=eager) for eager in (False, True))
    found = (outside(sure, regions, released.shape, HALF), outside(guessed, regions, released.shape, HALF / 2))
    return Sighted.joined(found), sure


def outside(sighted: Sighted, regions: Sequence[Region], shape: tuple[int, ...], least: float) -> Sighted:
    """Return the faces that regions do not hold: neither so much of the inner part nor three of five landmarks.

    What a detector sees where something was drawn is the drawing: a fill can look like a face, and a surrogate has to.
    """
    union = union_of(shape, regions)
    rows = []
    for row, (box, marks) in enumerate(zip(sighted.boxes, sighted.landmarks, strict=True)):
        inner = Region.of(box, marks, INNER)
        window = inner.window(shape)
        if window is None or float(union[window][inner.mask(window)].mean()) >= least:
            continue
        x, y = np.rint(marks).astype(np.int64).T
        there = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
        if int(union[y[there], x[there]].sum()) < FEATURES:
            rows.append(row)
    return sighted.take(rows)


def found_again(faces: Sequence[Face], shown: Sighted) -> list[NDArray[np.float32] | None]:
    """Return for each face the landmarks of the one that a detector sees there now, None where it sees none."""
    middles = shown.boxes.reshape(-1, 2, 2).mean(axis=1)
    out: list[NDArray[np.float32] | None] = []
    for face in faces:
        depth = face.region.depth(middles) if len(middles) else np.zeros(0)
        near = int(depth.argmin()) if len(depth) else -1
        out.append(shown.landmarks[near] if near >= 0 and depth[near] < 0.5 else None)
    return out


def check_cover(before: Pixels, after: Pixels, faces: Sequence[Face], wanted: Wanted) -> int:
    """Refuse a picture in which the cover did not do its work, and return the number of faces of which that was checked.

    Of a blind cover it is that what stands in a region follows from outside alone, which hands nothing back; of another one, that
    the inner part of no face is what it was.

    Raises:
        Withheld: it did not.
    """
    if wanted.blind:
        check_blind(before, after, faces, wanted.cover)
    else:
        check_changed(before, after, faces)
    return len(faces)


def check_changed(before: Pixels, after: Pixels, faces: Sequence[Face]) -> None:
    """Refuse a picture in which the inner part of a covered face is what it was.

    Raises:
        Withheld: it is.
    """
    for face in faces:
        inner = face.region.grown(INNER / GROW)
        window = inner.window(before.shape)
        if window is None:
            continue
        mask = inner.mask(window)
        was, now = (one[window].astype(np.float32) for one in (before, after))
        fine = (was - cv2.GaussianBlur(was, (0, 0), max(1.0, inner.across / 5)))[mask]
        if len(fine) and float(fine.std()) > FLAT and float(np.abs(was - now)[mask].mean()) < UNCHANGED:
            raise Withheld(HANDED_BACK)


def check_blind(before: Pixels, covered: Pixels, faces: Sequence[Face], cover: Cover) -> None:
    """Overwrite every region by noise, cover again, and refuse where the outcome is another.

    Raises:
        Withheld: it is.
    """
    noisy = before.copy()
    rng = np.random.default_rng(20260106)
    for face in faces:
        window = face.region.window(before.shape)
        if window is not None:
            mask = face.region.mask(window)
            noisy[window][mask] = rng.integers(0, 256, (int(mask.sum()), 3), np.uint8)
    cover(noisy, faces)
    if not np.array_equal(noisy, covered):
        raise Withheld(NOT_BLIND)
