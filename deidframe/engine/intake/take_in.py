"""Read the database once: find the face of each photo, and withhold, with its reason, whatever cannot be protected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo, UnreadablePhoto
from deidframe.contract.photos import Detections, Photos
from deidframe.engine.cache.shards import Shard, fingerprints_of, shards_of
from deidframe.engine.cache.stage_cache import StageCache
from deidframe.engine.components.detections import nearest_to_centre, rows_by_photo
from deidframe.engine.intake.crops import SIZE, CropStack
from deidframe.engine.runtime.progress import Reporter
from deidframe.guard.audit import unmatched
from deidframe.words import counted

BATCH = 32
BYTES_IN_FLIGHT = 256 * 1024 * 1024
NO_FACE = "no face found"
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
    """

    faces: FaceSet
    withheld: dict[str, str]
    total: int
    shards: tuple[Shard, ...] = ()
    beside: int = 0
    unseen: int = 0


@dataclass(frozen=True)
class _Seen:
    """What a detector saw in the pictures of one shard.

    Args:
        withheld: place in the shard -> reason.
        places: `(M,)` which pictures have a face.
        landmarks: `(M, 5, 2)` of the face that is meant, in photo pixels.
        bystanders: for each of the M the boxes `(B, 4)` of the other faces.
        beside: faces among them that only the second detector saw.
        unseen: pictures without a face in which it saw one.
    """

    withheld: dict[int, str]
    places: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    bystanders: tuple[NDArray[np.float32], ...]
    beside: int
    unseen: int

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return it as plain arrays."""
        reasons = json.dumps({str(place): reason for place, reason in self.withheld.items()}).encode()
        return {
            "withheld": np.frombuffer(reasons, np.uint8),
            "places": self.places,
            "landmarks": self.landmarks,
            "others": np.concatenate([np.zeros((0, 4), np.float32), *self.bystanders]),
            "counts": np.array([len(boxes) for boxes in self.bystanders], np.int64),
            "audit": np.array([self.beside, self.unseen], np.int64),
        }

    @classmethod
    def of(cls, held: Mapping[str, NDArray[Any]]) -> _Seen:
        """Return what `arrays` gave."""
        reasons = {int(place): str(reason) for place, reason in json.loads(bytes(held["withheld"])).items()}
        boxes = np.split(held["others"], np.cumsum(held["counts"])[:-1]) if len(held["counts"]) else []
        beside, unseen = held["audit"].tolist()
        return cls(reasons, held["places"], held["landmarks"], tuple(boxes), beside, unseen)


def take_in(
    photos: Photos,
    people: tuple[str, ...],
    detect: Detect,
    reporter: Reporter,
    keep: StageCache | None = None,
    second: Detect | None = None,
    fingerprints: Sequence[str] | None = None,
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

    Raises:
        NothingToDo: not one face was found.
        ArtifactError: the detector broke its contract.
    """
    person_of = dict(zip(photos.ids, people, strict=True))
    withheld = dict(photos.skipped)
    ids: list[str] = []
    matrices: list[NDArray[np.float64]] = []
    marks: list[NDArray[np.float32]] = []
    others: list[NDArray[np.float32]] = []
    shards: list[Shard] = []
    target = align.template(SIZE)
    if keep is None or fingerprints is None:
        fingerprints = fingerprints_of(photos) if keep else [""] * len(photos)
    kept_before = beside = unseen = 0
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
                seen = _look(part, detect, advance, second)
                if keep and key:
                    keep.put(key, **seen.arrays())
            withheld.update({part.ids[place]: reason for place, reason in seen.withheld.items()})
            beside, unseen = beside + seen.beside, unseen + seen.unseen
            first = len(ids)
            for n, place in enumerate(seen.places.tolist()):
                try:
                    matrix = align.similarity(seen.landmarks[n], target)
                except ValueError as error:
                    withheld[part.ids[place]] = str(error)
                    continue
                ids.append(part.ids[place])
                matrices.append(matrix)
                marks.append(align.apply(matrix, seen.landmarks[n]))
                others.append(seen.bystanders[n])
            shards.append(Shard(key, first, len(ids)))
    if kept_before:
        reporter.say(f"  {kept_before} of {counted(len(photos), 'picture')} seen in an earlier run")
    total = len(photos) + len(photos.skipped)
    if not ids:
        reasons = sorted({f"{list(withheld.values()).count(r)} {r}" for r in withheld.values()})
        raise NothingToDo(f"no face to work on in {total} pictures: {'; '.join(reasons)}; nothing was released")
    stack = CropStack(photos, tuple(ids), np.stack(matrices), tuple(others))
    faces = FaceSet(tuple(ids), stack, np.stack(marks), tuple(person_of[i] for i in ids))
    return Intake(faces, withheld, total, tuple(shards), beside, unseen)


def _look(photos: Photos, detect: Detect, advance: Callable[[int], None], second: Detect | None) -> _Seen:
    """Detect in the pictures of one shard."""
    beside = unseen = 0
    unread: dict[str, str] = {}
    place_of = {photo: place for place, photo in enumerate(photos.ids)}
    withheld: dict[int, str] = {}
    places: list[int] = []
    marks: list[NDArray[np.float32]] = [np.zeros((0, 5, 2), np.float32)]
    others: list[NDArray[np.float32]] = []
    for pictures in _batches(photos, unread, advance):
        batch_ids = tuple(pictures)
        batch = Photos.from_arrays(batch_ids, list(pictures.values()))
        found = detect(batch)
        by_photo = rows_by_photo(found)
        again = second(batch) if second else Detections.none(batch_ids)
        again_by_photo = rows_by_photo(again)
        for photo_id, picture in pictures.items():
            rows = by_photo.get(photo_id)
            more = again.boxes[again_by_photo.get(photo_id, [])]
            if not rows:
                withheld[place_of[photo_id]] = NO_FACE
                unseen += bool(len(more))
                continue
            more = more[unmatched(more, found.boxes[rows])]
            beside += len(more)
            row = nearest_to_centre(found, rows, picture.shape[1], picture.shape[0])
            places.append(place_of[photo_id])
            marks.append(found.landmarks[row : row + 1])
            others.append(np.concatenate([found.boxes[[r for r in rows if r != row]], more]))
    withheld |= {place_of[photo]: reason for photo, reason in unread.items()}
    return _Seen(withheld, np.array(places, np.int64), np.concatenate(marks), tuple(others), beside, unseen)


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
