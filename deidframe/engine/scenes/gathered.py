"""The faces of a database of scenes: where each is, how its mesh lies, and the views by which people are told apart."""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo, UnreadablePhoto
from deidframe.contract.photos import Photos
from deidframe.contract.stacks import Stack
from deidframe.engine.intake.crop_store import CropStore
from deidframe.engine.intake.crops import SIZE, CropStack
from deidframe.engine.intake.take_in import Intake
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.film import LEAST_EYES, see_film
from deidframe.engine.scenes.films import TWICE
from deidframe.engine.scenes.look import Looker, Sighted, look
from deidframe.engine.scenes.posed import SURE
from deidframe.engine.scenes.shapes import Mark, Shapes, shapes_of
from deidframe.record.write import write_bytes
from deidframe.words import counted

SHARD = 64
"""Photos whose faces are kept in one file."""


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
class FilmViews:
    """The views of one video; the rest of what was seen of it lies in its folder.

    Args:
        name, path, work: of the video.
        rows: view -> row of its tracks.
        track_of: view -> track.
    """

    name: str
    path: Path
    work: Path
    rows: Mapping[str, int]
    track_of: Mapping[str, int]


@dataclass(frozen=True)
class Gathered:
    """All faces of a database of photos and videos.

    Args:
        photos: the database.
        intake: a view for each face by which somebody can be told, under its photo's id and a number.
        place_of: view -> its photo, and its row among the faces of that photo.
        parts: photo -> file of its part, and its number there.
        sighted: how many faces were seen in photos.
        unread: file -> why it is neither a photo nor a video that can be looked at.
        films: the videos, by id.
        tracks: of each view the track that it is of, None where there are photos alone.
    """

    photos: Photos
    intake: Intake
    place_of: Mapping[str, tuple[str, int]]
    parts: Mapping[str, tuple[Path, int]]
    sighted: int
    unread: Mapping[str, str] = field(default_factory=dict)
    films: Mapping[str, FilmViews] = field(default_factory=dict)
    tracks: tuple[str, ...] | None = None

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
    digests: Mapping[str, str],
    lookers: Sequence[Looker],
    film_lookers: Sequence[Looker],
    mark: Mark,
    told: str,
    folder: Path,
    reporter: Reporter,
    exempt: Collection[str] = (),
) -> Gathered:
    """Look at every photo and every video, and lay a mesh over every face; what a run that was cut short has seen is taken over.

    Args:
        photos: the database.
        fingerprints: of the photos.
        digests: of the videos, by id.
        lookers: the detectors; film_lookers: the same, for videos.
        mark: asks a landmarker.
        told: lookers and landmarker in words, by which what was seen is known again.
        folder: private, for what is seen.
        exempt: files in which people are left as they are: they are hidden by nobody, and hide nobody, so they have no view.

    Raises:
        NothingToDo: there is no face by which anybody can be told.
    """
    folder.mkdir(parents=True, exist_ok=True)
    withheld = {file: why for file, why in photos.skipped.items() if file not in photos.films}
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
                for row in [] if photo in exempt else np.flatnonzero(own.told).tolist():
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
    tracks = list(ids)
    known = set(photos.ids)
    unread = {file: why for file, why in withheld.items() if file not in known}
    places, beside = np.array(matrices).reshape(-1, 2, 3), dict(enumerate(bystanders))
    stacks: list[Stack] = [CropStack(photos, tuple(photo_ids), places, beside, CropStore(folder, SIZE))]
    films: dict[str, FilmViews] = {}
    seen_twice: dict[str, str] = {}
    for name, path in photos.films.items():
        if seen_twice.setdefault(digests[name], name) != name:
            withheld[name] = TWICE
            continue
        key = "|".join([told, name, digests[name]]).encode("utf-8", "surrogateescape")
        try:
            film = see_film(name, path, folder / hashlib.sha256(key).hexdigest()[:32], film_lookers, mark, reporter)
        except UnreadablePhoto as error:
            withheld[name] = str(error)
            continue
        if name in exempt:
            films[name] = FilmViews(name, path, film.work, {}, {})
            continue
        of_film = [film.view_name(place) for place in range(len(film.views))]
        of = film.tracks.track[film.views].tolist()
        rows_of = dict(zip(of_film, film.views.tolist(), strict=True))
        films[name] = FilmViews(name, path, film.work, rows_of, dict(zip(of_film, of, strict=True)))
        ids += of_film
        tracks += [film.track_name(row) for row in film.views.tolist()]
        marks += list(film.marks)
        stacks.append(film.crops)
    if not ids:
        what = f"{counted(len(photos), 'photo')} and {counted(len(photos.films), 'video')}"
        raise NothingToDo(f"no face by which anybody can be told in {what}; nothing was released")
    faces = FaceSet(tuple(ids), JoinedStack(tuple(stacks)), np.stack(marks), tuple(ids))
    intake = Intake(faces, withheld, len(ids) + len(withheld))
    return Gathered(photos, intake, place_of, parts, sighted, unread, films, tuple(tracks) if films else None)


class JoinedStack:
    """Several stacks of pictures of one size, one after another.

    Args:
        parts: the stacks.
    """

    def __init__(self, parts: tuple[Stack, ...]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, 256, 256, 3)`."""
        return (len(self), SIZE, SIZE, 3)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows = np.arange(len(self))[key].reshape(-1)
        out = np.empty((len(rows), SIZE, SIZE, 3), np.uint8)
        part_of = np.searchsorted(self._ends, rows, side="right")
        for number in np.unique(part_of).tolist():
            own = np.flatnonzero(part_of == number)
            first = int(self._ends[number - 1]) if number else 0
            out[own] = self._parts[number][rows[own] - first]
        return out
