"""A release that another tool made: which of its pictures is whose, and the faces in it cut as the originals' are."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo, UnreadablePhoto, UsageError
from deidframe.contract.photos import Photos
from deidframe.engine.components.recognizer import base_of
from deidframe.engine.intake.crops import SIZE, CropStack

THUMB = 24
"""Side of the grey thumbnails by which pictures are compared as wholes."""
ALIKE, APART = 0.85, 0.02
"""Correlation of two thumbnails that show the same scene, and by how much it exceeds that of the next."""
ENOUGH = 0.5
"""Share of the released pictures that a way of pairing has to place."""
CHANCE = 5.0
"""Standard errors by which pictures in one order are more alike than by chance, where the order tells."""
BLOCK = 1024
"""Released pictures that are held against all originals at once."""
SAMPLE = 24
"""Pictures that say whether a release shows whole photos or faces cut out of them."""
COLUMNS = (("released", "original"), ("file", "face"))
"""Heads of a map: of anybody's, and of the mapping that a run keeps."""


@dataclass(frozen=True)
class Pairing:
    """Which released picture shows which original.

    Args:
        how: by what they were paired.
        of: released id -> original id.
        lone: released ids without an original.
        missing: originals that no released picture shows.
        unreadable: released id -> why it cannot be opened.
    """

    how: str
    of: Mapping[str, str]
    lone: tuple[str, ...]
    missing: tuple[str, ...]
    unreadable: Mapping[str, str]


def read_map(path: Path) -> dict[str, str]:
    """Return released -> original of a CSV with the columns `released` and `original`, or `file` and `face`.

    Raises:
        UsageError: no such file or columns, a row without one of them, or a released picture twice.
    """
    try:
        lines = list(csv.DictReader(path.read_text("utf-8-sig", "surrogateescape").splitlines()))
    except (OSError, csv.Error) as error:
        raise UsageError(f"cannot read the map {str(path)!r}: {error}") from None
    names = next((pair for pair in COLUMNS if lines and set(pair) <= set(lines[0])), None)
    if names is None:
        raise UsageError(f"{path.name}:1: expected the columns released and original (or file and face)")
    out: dict[str, str] = {}
    for at, line in enumerate(lines, 2):
        released, original = line[names[0]], line[names[1]]
        if not released or not original:
            raise UsageError(f"{path.name}:{at}: expected a released picture and its original, got {released!r}, {original!r}")
        if released in out:
            raise UsageError(f"{path.name}:{at}: {released!r} is there twice; a released picture shows one original")
        out[released] = original
    return out


def pair(
    released: Photos, originals: Photos, given: Mapping[str, str] | None, times: Mapping[str, tuple[float, float]]
) -> Pairing:
    """Pair by the map, else by the first of name, order, time and looks that places most of the pictures.

    Args:
        released, originals: the pictures.
        given: released -> original, None where there is no map.
        times: of both, see `order_by_time`.

    Raises:
        UsageError: a map names pictures that are not there. NothingToDo: nothing pairs them.
    """
    seen = _Thumbs(released, originals)
    readable = [one for one in released.ids if one not in seen.unreadable]
    if given is not None:
        return _checked_map(given, released, originals, seen)
    for how, of in (
        ("name", {one: one for one in readable}),
        ("name without its ending", _by_stem(readable, originals.ids, whole=True)),
        ("file name alone", _by_stem(readable, originals.ids, whole=False)),
    ):
        found = {one: other for one, other in of.items() if other in set(originals.ids)}
        if len(found) >= ENOUGH * max(len(readable), 1):
            return _pairing(how, found, released, originals, seen)
    if len(readable) == len(originals):
        by_time = (
            sorted(readable, key=lambda one: times[f"released/{one}"]),
            sorted(originals.ids, key=lambda one: times[f"original/{one}"]),
        )
        for how, (ours, theirs) in (
            ("the order of names", (sorted(readable), sorted(originals.ids))),
            ("the order of times", by_time),
        ):
            if seen.more_than_chance(ours, theirs):
                return _pairing(how, dict(zip(ours, theirs, strict=True)), released, originals, seen)
    alike = seen.alike(readable)
    if len(alike) >= ENOUGH * max(len(readable), 1):
        return _pairing("surroundings and looks", alike, released, originals, seen)
    raise NothingToDo(
        f"nothing pairs the {len(released)} released pictures with the {len(originals)} originals: no names, no order, no times,"
        " no looks. That is as it should be; to attack them nevertheless, say which is which with --map"
    )


def _checked_map(given: Mapping[str, str], released: Photos, originals: Photos, seen: _Thumbs) -> Pairing:
    for kind, named, known in (("released", given, released), ("original", given.values(), originals)):
        there = set(known.ids)
        gone = [line for line, name in enumerate(named, 2) if name not in there]
        if gone:  # by line and not by name: what a method failed of is told in a public row
            raise UsageError(f"the map names {len(gone)} {kind} pictures that are not there, the first in line {gone[0]}")
    return _pairing("the map given", {a: b for a, b in given.items() if a not in seen.unreadable}, released, originals, seen)


def _pairing(how: str, of: Mapping[str, str], released: Photos, originals: Photos, seen: _Thumbs) -> Pairing:
    shown = set(of.values())
    lone = tuple(one for one in released.ids if one not in of)
    return Pairing(how, dict(of), lone, tuple(one for one in originals.ids if one not in shown), seen.unreadable)


def _by_stem(ours: Sequence[str], theirs: Sequence[str], *, whole: bool) -> dict[str, str]:
    """Return pairs of pictures that are called alike but for the ending, or but for their folders too; doubles pair nothing."""

    def key(name: str) -> str:
        path = PurePosixPath(name)
        return str(path.with_suffix("")) if whole else path.stem

    left, right = Counter(map(key, ours)), Counter(map(key, theirs))
    of = {key(one): one for one in theirs if right[key(one)] == 1}
    return {one: of[key(one)] for one in ours if left[key(one)] == 1 and key(one) in of}


class _Thumbs:
    """Small grey pictures of both sides, made once."""

    def __init__(self, released: Photos, originals: Photos) -> None:
        self.unreadable: dict[str, str] = {}
        self._released, self._ours = self._made(released, self.unreadable)
        self._originals, self._theirs = self._made(originals, {})

    @staticmethod
    def _made(photos: Photos, unreadable: dict[str, str]) -> tuple[dict[str, int], NDArray[np.float32]]:
        rows: dict[str, int] = {}
        made: list[NDArray[np.float32]] = []
        for photo in photos.ids:
            try:
                picture = photos.open(photo)
            except UnreadablePhoto as error:
                unreadable[photo] = error.reason
                continue
            grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (THUMB, THUMB), interpolation=cv2.INTER_AREA)
            flat = grey.astype(np.float32).ravel()
            flat -= flat.mean()
            rows[photo] = len(made)
            made.append(flat / max(float(np.linalg.norm(flat)), 1e-6))
        return rows, np.array(made, np.float32).reshape(-1, THUMB * THUMB)

    def more_than_chance(self, ours: Sequence[str], theirs: Sequence[str]) -> bool:
        """Return whether pictures in the same place of two orders are more alike than pictures in different places."""
        pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a in self._released and b in self._originals]
        if len(pairs) < 8:
            return False
        left = self._ours[[self._released[a] for a, _ in pairs]]
        right = self._theirs[[self._originals[b] for _, b in pairs]]
        same = (left * right).sum(axis=1)
        other = np.concatenate([(left * np.roll(right, turn, axis=0)).sum(axis=1) for turn in (1, 2, 3)])
        error = np.sqrt(same.var() / len(same) + other.var() / len(other))
        return bool(same.mean() - other.mean() > CHANCE * max(float(error), 1e-6))

    def alike(self, ours: Sequence[str]) -> dict[str, str]:
        """Return pairs that show the same scene: each the other's most alike, and clearly."""
        if not len(self._theirs):
            return {}
        names = list(self._originals)
        rows = np.array([self._released[one] for one in ours], np.int64)
        count = len(self._theirs)
        claim = np.full(count, -2.0, np.float32)  # the best score of each original, and whose it is
        claimed_by = np.full(count, -1, np.int64)
        best, clear = np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
        for start in range(0, len(rows), BLOCK):
            scores = self._ours[rows[start : start + BLOCK]] @ self._theirs.T
            top = scores.argmax(axis=1)
            first = scores[np.arange(len(scores)), top]
            second = np.partition(scores, -2, axis=1)[:, -2] if count > 1 else np.full(len(scores), -1.0)
            here = slice(start, start + len(scores))
            best[here], clear[here] = top, (first >= ALIKE) & (first - second >= APART)
            most = scores.max(axis=0)
            better = most > claim
            claim[better], claimed_by[better] = most[better], start + scores.argmax(axis=0)[better]
        return {one: names[best[n]] for n, one in enumerate(ours) if clear[n] and claimed_by[best[n]] == n}


@dataclass(frozen=True)
class ForeignFaces:
    """Released faces and their originals, in one order and cut alike.

    Args:
        made: the released faces.
        clear: the originals.
        like: the originals at the released pictures' resolution, by which it is seen whether something changed.
        shows: what a released picture shows.
    """

    made: FaceSet
    clear: FaceSet
    like: FaceSet
    shows: str


def foreign_faces(released: Photos, originals: Photos, pairing: Pairing, faces: FaceSet) -> ForeignFaces:
    """Return the released faces beside their originals.

    Args:
        released, originals: the pictures of both sides.
        pairing: whose the released ones are.
        faces: of the originals.

    Raises:
        NothingToDo: not one released picture shows a face of the database.
    """
    base, rows = base_of(faces)
    assert isinstance(base, CropStack), "faces of a run are cut from photos"
    shown = {original: one for one, original in pairing.of.items()}
    at = [n for n, row in enumerate(rows.tolist()) if base.photo_ids[row] in shown]
    if not at:
        raise NothingToDo("no released picture belongs to an original in which a face was found")
    kept = faces.take(at)
    own = [int(rows[n]) for n in at]
    names = [shown[base.photo_ids[row]] for row in own]
    cut = _Cuts(released, names, base, own, whole=False)
    sample = np.unique(np.linspace(0, len(at) - 1, min(SAMPLE, len(at))).astype(int))
    clear = np.asarray(kept.images[sample]).astype(np.int16)
    far = [float(np.abs(np.asarray(c[sample]).astype(np.int16) - clear).mean()) for c in (cut, cut.as_whole())]
    whole = far[1] < far[0]
    made = FaceSet(kept.ids, cut.as_whole() if whole else cut, kept.landmarks, kept.subjects)
    if whole:
        return ForeignFaces(made, kept, kept, "faces cut out of the photos")
    own_names = [base.photo_ids[row] for row in own]
    sized = _Cuts(originals, own_names, base, own, whole=False, sized=cut)
    return ForeignFaces(made, kept, FaceSet(kept.ids, sized, kept.landmarks, kept.subjects), "whole photos")


class _Cuts:
    """Faces of released pictures `(N, 256, 256, 3)`, cut where the originals' are, or the whole picture where it is a face."""

    def __init__(
        self,
        photos: Photos,
        names: Sequence[str],
        base: CropStack,
        rows: Sequence[int],
        *,
        whole: bool,
        sized: _Cuts | None = None,
    ) -> None:
        self._photos, self._names, self._base, self._rows, self._whole = photos, names, base, rows, whole
        self._sized = sized

    def picture(self, row: int) -> NDArray[np.uint8]:
        """Return the picture behind a row, brought to the size of the other stack's where there is one."""
        picture = self._photos.open(self._names[row])
        if self._sized is None:
            return picture
        height, width = self._sized.picture(row).shape[:2]
        if picture.shape[:2] == (height, width):
            return picture
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    def as_whole(self) -> _Cuts:
        """Return the same pictures, each taken for a face as it is."""
        return _Cuts(self._photos, self._names, self._base, self._rows, whole=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, 256, 256, 3)`."""
        return (len(self._names), SIZE, SIZE, 3)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows = np.arange(len(self))[key].reshape(-1).tolist()
        out = np.empty((len(rows), SIZE, SIZE, 3), np.uint8)
        for place, row in enumerate(rows):
            picture = self.picture(row)
            if self._whole:
                out[place] = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
                continue
            height, width = self._base.photo_size(self._rows[row])
            scale = np.diag([width / picture.shape[1], height / picture.shape[0], 1.0])
            matrix = np.vstack([self._base.matrices[self._rows[row]], [0, 0, 1]]) @ scale
            out[place] = align.warp(picture, matrix[:2], SIZE)
        return out


def order_by_time(kind: str, photos: Photos, time_of: Callable[[str], float]) -> dict[str, tuple[float, float]]:
    """Return, for each picture under `kind/id`, when it was written, and its place for files of one time."""
    return {f"{kind}/{photo}": (time_of(photo), float(n)) for n, photo in enumerate(sorted(photos.ids))}
