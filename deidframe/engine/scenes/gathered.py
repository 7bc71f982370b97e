"""The faces of a database of scenes: where each is, how its mesh lies, and the views by which people are told apart."""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo, UnreadablePhoto
from deidframe.contract.photos import Photos
from deidframe.engine.intake.crops import SIZE, CropStack
from deidframe.engine.intake.take_in import Intake
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.look import Looker, Sighted, look
from deidframe.engine.scenes.posed import SURE
from deidframe.engine.scenes.shapes import Mark, Shapes, shapes_of
from deidframe.record.write import write_bytes

SHARD = 64
"""Photos whose faces are kept in one file."""
LEAST_EYES = 8.0
"""Pixels between the eyes below which a face is covered and nobody is told by it: encodings of so few pixels all look alike."""


@dataclass(frozen=True)
class Rows:
    """Faces in scenes, a row each.

    Args:
        scene: `(R,)` which photo of the part.
        boxes, landmarks, scores: `(R, 4)`, `(R, 5, 2)`, `(R,)`.
        by: `(R,)` detector.
        shapes: where their meshes lie.
    """

    scene: NDArray[np.int64]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]
    by: NDArray[np.str_]
    shapes: Shapes

    @property
    def told(self) -> NDArray[np.bool_]:
        """`(R,)` whether somebody can be told by it."""
        eyes = np.linalg.norm(self.landmarks[:, 1] - self.landmarks[:, 0], axis=1)
        out: NDArray[np.bool_] = (self.shapes.presence >= SURE) & (eyes >= LEAST_EYES)
        return out

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """Return these."""
        return Rows(
            self.scene[rows],
            self.boxes[rows],
            self.landmarks[rows],
            self.scores[rows],
            self.by[rows],
            self.shapes.take(rows),
        )

    def sighted(self) -> Sighted:
        """Return them as what detectors saw."""
        return Sighted(self.boxes, self.landmarks, self.scores, tuple(self.by.tolist()))

    def arrays(self) -> dict[str, Any]:
        """Return it as plain arrays."""
        return {name: getattr(self, name) for name in PLAIN} | self.shapes.arrays()

    @classmethod
    def of(cls, held: Mapping[str, NDArray[Any]]) -> Rows:
        """Return what `arrays` gave."""
        scene, boxes, landmarks, scores, by = (held[name] for name in PLAIN)
        return cls(scene, boxes, landmarks, scores, by, Shapes.of(held))


PLAIN = ("scene", "boxes", "landmarks", "scores", "by")


@dataclass(frozen=True)
class Gathered:
    """All faces of a database of photos.

    Args:
        photos: the database.
        intake: a view for each face by which somebody can be told, under its photo's id and a number.
        place_of: view -> its photo, and its row among the faces of that photo.
        parts: photo -> file of its part, and its number there.
        sighted: how many faces were seen.
    """

    photos: Photos
    intake: Intake
    place_of: Mapping[str, tuple[str, int]]
    parts: Mapping[str, tuple[Path, int]]
    sighted: int

    def rows(self, photo: str) -> Rows:
        """Return the faces of one photo."""
        path, number = self.parts[photo]
        whole, _ = _read(path)
        return whole.take(np.flatnonzero(whole.scene == number))


@functools.lru_cache(maxsize=4)
def _read(path: Path) -> tuple[Rows, dict[str, str]]:
    with np.load(path) as held:
        return Rows.of(held), json.loads(bytes(held["unread"]))


def _look_at(photos: Photos, names: Sequence[str], lookers: Sequence[Looker], mark: Mark, path: Path) -> None:
    """Look at the photos of one part, and keep what was seen; written whole or not at all."""
    unread: dict[str, str] = {}
    parts: list[Sighted] = []
    shapes: list[Shapes] = []
    scene: list[int] = []
    for number, photo in enumerate(names):
        try:
            picture = photos.open(photo)
        except UnreadablePhoto as error:
            unread[str(number)] = str(error)
            continue
        seen = look(picture, lookers)
        parts.append(seen)
        shapes.append(shapes_of(picture, seen.landmarks, mark))
        scene += [number] * len(seen)
    every = Sighted.none()
    for part in parts:
        every = every.with_more(part)
    rows = Rows(
        np.array(scene, np.int64),
        every.boxes,
        every.landmarks,
        every.scores,
        np.array(every.by, np.str_),
        Shapes.joined(shapes),
    )
    out = io.BytesIO()
    np.savez(out, unread=np.frombuffer(json.dumps(unread).encode(), np.uint8), **rows.arrays())
    write_bytes(path, out.getvalue(), private=True)


def gather(
    photos: Photos,
    fingerprints: Sequence[str],
    lookers: Sequence[Looker],
    mark: Mark,
    told: str,
    folder: Path,
    reporter: Reporter,
) -> Gathered:
    """Look at every photo and lay a mesh over every face; what a run that was cut short has seen is taken over.

    Args:
        photos: the database.
        fingerprints: of the photos.
        lookers: the detectors.
        mark: asks a landmarker.
        told: lookers and landmarker in words, by which what was seen is known again.
        folder: private, for what is seen.

    Raises:
        NothingToDo: there is no face by which anybody can be told.
    """
    folder.mkdir(parents=True, exist_ok=True)
    withheld = dict(photos.skipped)
    ids: list[str] = []
    photo_ids: list[str] = []
    matrices: list[NDArray[np.float64]] = []
    marks: list[NDArray[np.float32]] = []
    bystanders: list[NDArray[np.float32]] = []
    place_of: dict[str, tuple[str, int]] = {}
    parts: dict[str, tuple[Path, int]] = {}
    target = align.template(SIZE)
    sighted = 0
    with reporter.task("find faces in photos", len(photos)) as advance:
        for start in range(0, len(photos), SHARD):
            names = photos.ids[start : start + SHARD]
            key = "|".join([told, *names, *fingerprints[start : start + SHARD]]).encode("utf-8", "surrogateescape")
            path = folder / f"{hashlib.sha256(key).hexdigest()[:32]}.npz"
            if not path.exists():
                _look_at(photos, names, lookers, mark, path)
            advance(len(names))
            rows, unread = _read(path)
            sighted += len(rows.scene)
            for number, photo in enumerate(names):
                if str(number) in unread:
                    withheld[photo] = unread[str(number)]
                    continue
                parts[photo] = (path, number)
                own = rows.take(np.flatnonzero(rows.scene == number))
                for row in np.flatnonzero(own.told).tolist():
                    try:
                        matrix = align.similarity(own.landmarks[row], target)
                    except ValueError:
                        continue
                    view = f"{photo}#{row + 1}"
                    ids.append(view)
                    photo_ids.append(photo)
                    matrices.append(matrix)
                    marks.append(align.apply(matrix, own.landmarks[row]))
                    bystanders.append(np.delete(own.boxes, row, axis=0))
                    place_of[view] = (photo, row)
    if not ids:
        raise NothingToDo(f"no face by which anybody can be told in {len(photos)} photos; nothing was released")
    stack = CropStack(photos, tuple(photo_ids), np.stack(matrices), tuple(bystanders))
    faces = FaceSet(tuple(ids), stack, np.stack(marks), tuple(ids))
    intake = Intake(faces, withheld, len(ids) + len(withheld))
    return Gathered(photos, intake, place_of, parts, sighted)
