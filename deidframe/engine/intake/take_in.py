"""Read the database once: find the face of each photo, and withhold, with its reason, whatever cannot be protected."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo, UnreadablePhoto
from deidframe.contract.photos import Detections, Photos
from deidframe.engine.cache.shards import Shard, fingerprints_of, shards_of
from deidframe.engine.cache.stage_cache import StageCache
from deidframe.engine.components.detections import rows_by_photo, which_face
from deidframe.engine.intake.crop_store import LARGE, CropStore
from deidframe.engine.intake.crops import SIZE, CropStack, cut
from deidframe.engine.intake.look_again import Faces, look_again, turned_back
from deidframe.engine.runtime.progress import Reporter
from deidframe.guard.audit import unmatched
from deidframe.words import counted

BATCH = 32
BYTES_IN_FLIGHT = 256 * 1024 * 1024
NO_FACE = "no face found"
NOT_IN_BOX = "no face found where the box is"
Detect = Callable[[Photos], Detections]


@dataclass(frozen=True)
class Intake:
    """The faces that a run works on.

    Args:
        faces: aligned, lazily cut, with subjects.
        withheld: photo or file id -> why it is not among them.
        total: how many ids came in; `len(faces) + len(withheld) == total`.
        shards: the faces in parts, as they are kept.
        beside: other faces that only the second detector saw, covered.
        unseen: pictures without a face in which it saw one.
        found: row of a face -> all faces that were found in its picture, and which was taken; only where there are several.
        again: how faces were found that a first look missed, and how many.
    """

    faces: FaceSet
    withheld: dict[str, str]
    total: int
    shards: tuple[Shard, ...] = ()
    beside: int = 0
    unseen: int = 0
    found: Mapping[int, Found] = field(default_factory=dict)
    again: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The faces of one picture.

    Args:
        faces: all that the detector found, in the picture's pixels.
        meant: which of them is taken.
        more: `(B, 4)` boxes of faces that only the second detector saw.
    """

    faces: Faces
    meant: int
    more: NDArray[np.float32]

    @property
    def bystanders(self) -> NDArray[np.float32]:
        """Boxes of everybody else, `(B, 4)`."""
        others = np.arange(len(self.faces.scores)) != self.meant
        return np.concatenate([self.faces.boxes[others], self.more])

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """`(5, 2)` of the face that is meant."""
        marks: NDArray[np.float32] = self.faces.landmarks[self.meant]
        return marks


@dataclass(frozen=True)
class _Seen:
    """What a detector saw in the pictures of one shard.

    Args:
        withheld: place in the shard -> reason.
        places: which pictures have a face; found: their faces.
        beside: faces that only the second detector saw.
        unseen: pictures without a face in which it saw one.
        again: how faces were found that a first look missed, and how many.
    """

    withheld: dict[int, str]
    places: list[int]
    found: list[Found]
    beside: int
    unseen: int
    again: Counter[str]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return it as plain arrays."""
        words = {"withheld": {str(place): reason for place, reason in self.withheld.items()}, "again": dict(self.again)}
        empty = np.zeros((0, 4), np.float32)
        return {
            "words": np.frombuffer(json.dumps(words).encode(), np.uint8),
            "places": np.array(self.places, np.int64),
            "meant": np.array([one.meant for one in self.found], np.int64),
            "counts": np.array([len(one.faces.scores) for one in self.found], np.int64),
            "boxes": np.concatenate([empty, *(one.faces.boxes for one in self.found)]),
            "landmarks": np.concatenate([np.zeros((0, 5, 2), np.float32), *(one.faces.landmarks for one in self.found)]),
            "scores": np.concatenate([np.zeros(0, np.float32), *(one.faces.scores for one in self.found)]),
            "more": np.concatenate([empty, *(one.more for one in self.found)]),
            "more_counts": np.array([len(one.more) for one in self.found], np.int64),
            "audit": np.array([self.beside, self.unseen], np.int64),
        }

    @classmethod
    def of(cls, held: Mapping[str, NDArray[Any]]) -> _Seen:
        """Return what `arrays` gave."""
        words = json.loads(bytes(held["words"]))
        ends, more_ends = np.cumsum(held["counts"])[:-1], np.cumsum(held["more_counts"])[:-1]
        split = [np.split(held[name], ends) for name in ("boxes", "landmarks", "scores")]
        each = zip(*split, held["meant"].tolist(), np.split(held["more"], more_ends), strict=True)
        found = [Found(Faces(b, m, s), meant, more) for b, m, s, meant, more in each] if len(held["places"]) else []
        withheld = {int(place): str(reason) for place, reason in words["withheld"].items()}
        beside, unseen = held["audit"].tolist()
        return cls(withheld, held["places"].tolist(), found, beside, unseen, Counter(words["again"]))


def take_in(
    photos: Photos,
    people: tuple[str, ...],
    detect: Detect,
    reporter: Reporter,
    keep: StageCache | None = None,
    second: Detect | None = None,
    fingerprints: Sequence[str] | None = None,
    *,
    sure: float | None = None,
    largest: bool = False,
    every_face: bool = False,
    store: CropStore | None = None,
) -> Intake:
    """Detect in every photo, shard by shard, in batches that are forgotten again.

    Args:
        photos: the database.
        people: the person of each photo.
        detect: asks the detector.
        reporter: shows progress.
        keep: where shards are kept, None keeps nothing.
        second: asks a detector that looks for bystanders whom the first does not see.
        fingerprints: of the photos, where they are known already.
        sure: the score from which on a face is upright, None where the detector does not say.
        largest: of several faces the largest is taken, and not the one nearest to the centre.
        every_face: all faces of a picture are taken; the one that would be taken alone is the labelled person, each of the others
            somebody whom nobody named.
        store: holds the faces of large photos, which are cut out while the photo is in memory; None cuts them later.

    Raises:
        NothingToDo: not one face was found.
        ArtifactError: the detector broke its contract.
    """
    person_of = dict(zip(photos.ids, people, strict=True))
    withheld = dict(photos.skipped)
    ids: list[str] = []
    photo_ids: list[str] = []
    matrices: list[NDArray[np.float64]] = []
    marks: list[NDArray[np.float32]] = []
    several: dict[int, Found] = {}
    bystanders: dict[int, NDArray[np.float32]] = {}
    shards: list[Shard] = []
    again: Counter[str] = Counter()
    target = align.template(SIZE)
    if keep is None or fingerprints is None:
        fingerprints = fingerprints_of(photos) if keep else [""] * len(photos)
    kept_before = beside = unseen = 0

    def each(photo: str, found: Found) -> Iterator[tuple[str, Found]]:
        return _faces_of(photo, found, person_of) if every_face else iter(((photo, found),))

    def at_hand(photo: str, pixels: NDArray[np.uint8], found: Found) -> None:
        if store is None or pixels.shape[0] * pixels.shape[1] < LARGE:
            return
        for _, one in each(photo, found):
            with suppress(ValueError):  # a face without a size is withheld below
                matrix = align.similarity(one.landmarks, target)
                store.put(CropStore.key(photo, matrix, one.bystanders), cut(pixels, matrix, one.bystanders))

    with reporter.task("find faces", len(photos)) as advance:
        for rows in shards_of(fingerprints):
            part = photos.take(rows)
            key = (
                keep.key(photos=fingerprints[rows.start : rows.stop])
                if keep and all(fingerprints[rows.start : rows.stop])
                else ""
            )
            held = keep.get(key) if keep and key else None
            if held is not None:
                seen = _Seen.of(held)
                kept_before += len(rows)
                advance(len(rows))
            else:
                seen = _look(part, detect, advance, second, sure, at_hand, largest=largest)
                if keep and key:
                    keep.put(key, **seen.arrays())
            withheld.update({part.ids[place]: reason for place, reason in seen.withheld.items()})
            beside, unseen = beside + seen.beside, unseen + seen.unseen
            again += seen.again
            first = len(ids)
            for place, found in zip(seen.places, seen.found, strict=True):
                photo = part.ids[place]
                for face, one in each(photo, found):
                    try:
                        matrix = align.similarity(one.landmarks, target)
                    except ValueError as error:
                        withheld[face] = str(error)
                        continue
                    if len(one.faces.scores) > 1:
                        several[len(ids)] = one
                    if len(beside_it := one.bystanders):
                        bystanders[len(ids)] = beside_it
                    ids.append(face)
                    photo_ids.append(photo)
                    matrices.append(matrix)
                    marks.append(align.apply(matrix, one.landmarks))
            shards.append(Shard(key, first, len(ids)))
    if kept_before:
        reporter.say(f"  {kept_before} of {counted(len(photos), 'picture')} seen in an earlier run")
    total = len(photos) + len(photos.skipped) if not every_face else len(ids) + len(withheld)
    if not ids:
        reasons = sorted({f"{list(withheld.values()).count(r)} {r}" for r in withheld.values()})
        raise NothingToDo(f"no face to work on in {total} pictures: {'; '.join(reasons)}; nothing was released")
    if again:
        reporter.say("  found at a second look: " + ", ".join(f"{count} {how}" for how, count in again.most_common()))
    stack = CropStack(photos, tuple(photo_ids), np.stack(matrices), bystanders, store)
    faces = FaceSet(tuple(ids), stack, np.stack(marks), tuple(person_of.get(face, face) for face in ids))
    return Intake(faces, withheld, total, tuple(shards), beside, unseen, several, dict(again))


def _faces_of(photo: str, found: Found, known: Mapping[str, str]) -> Iterator[tuple[str, Found]]:
    """Yield id and face of everybody in a picture: the one who is meant under the picture's id, the others numbered."""
    yield photo, found
    for n in range(len(found.faces.scores)):
        if n != found.meant:
            name = f"{photo}#{n + 1}"
            while name in known:  # a picture may be called so
                name += "#"
            yield name, replace(found, meant=n)


def _look(
    photos: Photos,
    detect: Detect,
    advance: Callable[[int], None],
    second: Detect | None,
    sure: float | None,
    at_hand: Callable[[str, NDArray[np.uint8], Found], None],
    *,
    largest: bool,
) -> _Seen:
    """Detect in the pictures of one shard; `at_hand` is given each with its faces while it is in memory."""
    seen = _Seen({}, [], [], 0, 0, Counter())
    beside = unseen = 0
    unread: dict[str, str] = {}
    place_of = {photo: place for place, photo in enumerate(photos.ids)}
    for pictures in _batches(photos, unread, advance):
        batch_ids = tuple(pictures)
        batch = Photos.from_arrays(batch_ids, list(pictures.values()))
        found = detect(batch)
        by_photo = rows_by_photo(found)
        more_found = second(batch) if second else Detections.none(batch_ids)
        more_by_photo = rows_by_photo(more_found)
        for photo_id, picture in pictures.items():
            rows = by_photo.get(photo_id, [])
            first = Faces(found.boxes[rows], found.landmarks[rows], found.scores[rows])
            got = look_again(picture, first, sure, detect, photo_id)
            more = more_found.boxes[more_by_photo.get(photo_id, [])]
            if got.turn and second:
                more = turned_back(picture, got.turn, second, photo_id).boxes
            if not len(got.faces.scores):
                seen.withheld[place_of[photo_id]] = NO_FACE
                unseen += bool(len(more))
                continue
            meant = which_face(got.faces.boxes, picture.shape[1], picture.shape[0], photos.boxes.get(photo_id), largest=largest)
            if meant is None:
                seen.withheld[place_of[photo_id]] = NOT_IN_BOX
                continue
            if got.how:
                seen.again[got.how] += 1
            more = more[unmatched(more, got.faces.boxes)]
            beside += len(more)
            seen.places.append(place_of[photo_id])
            seen.found.append(Found(got.faces, meant, more))
            at_hand(photo_id, picture, seen.found[-1])
    seen.withheld.update({place_of[photo]: reason for photo, reason in unread.items()})
    return replace(seen, beside=beside, unseen=unseen)


def _batches(photos: Photos, withheld: dict[str, str], advance: Callable[[int], None]) -> Iterator[dict[str, NDArray[np.uint8]]]:
    """Decode in threads; a batch ends at so many pictures or so many bytes, whichever comes first."""
    batch: dict[str, NDArray[np.uint8]] = {}
    held = 0

    def attempt(photo_id: str) -> NDArray[np.uint8] | str:
        try:
            return photos.open(photo_id)
        except UnreadablePhoto as error:
            return error.reason

    with ThreadPoolExecutor(2, thread_name_prefix="deidframe-read") as pool:
        for start in range(0, len(photos), 4):
            group = photos.ids[start : start + 4]
            for photo_id, got in zip(group, pool.map(attempt, group), strict=True):
                if isinstance(got, str):
                    withheld[photo_id] = got
                    continue
                batch[photo_id] = got
                held += got.nbytes
            advance(len(group))
            if len(batch) >= BATCH or held > BYTES_IN_FLIGHT:
                yield batch
                batch, held = {}, 0
    if batch:
        yield batch
