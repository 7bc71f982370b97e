"""Read the database once: find the face of each photo, and withhold, with its reason, whatever cannot be protected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo, UnreadablePhoto
from deidframe.contract.photos import Detections, Photos
from deidframe.engine.cut import SIZE, CutStack
from deidframe.engine.progress import Reporter
from deidframe.engine.seam import checked, same_rows

BATCH = 32
BYTES_IN_FLIGHT = 256 * 1024 * 1024
NO_FACE = "no face found"


@dataclass(frozen=True)
class Intake:
    """The faces that a run works on.

    Args:
        faces: aligned, lazily cut, with subjects. withheld: photo or file id -> why it is not among them.
        total: how many ids came in; `len(faces) + len(withheld) == total`.
    """

    faces: FaceSet
    withheld: dict[str, str]
    total: int


def nearest_to_centre(found: Detections, rows: list[int], width: float, height: float) -> int:
    """Return which of several faces of one picture is meant: the one nearest to the centre (not the largest)."""
    boxes = found.boxes[rows]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 - np.array([width / 2, height / 2], np.float32)
    return rows[int(np.argmin((middle**2).sum(axis=1)))]


def rows_by_photo(found: Detections) -> dict[str, list[int]]:
    """Return the rows of each photo in which something was found."""
    rows: dict[str, list[int]] = {}
    for row, photo in enumerate(found.photo_ids):
        rows.setdefault(photo, []).append(row)
    return rows


def take_in(photos: Photos, people: tuple[str, ...], detector: Any, who: str, reporter: Reporter) -> Intake:
    """Detect in every photo, in batches that are forgotten again.

    Args:
        photos: the database. people: the person of each photo. detector: the component. who: its name for errors.
        reporter: shows progress.

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
    target = align.template(SIZE)
    with reporter.task("find faces", len(photos)) as advance:
        for pictures in _batches(photos, withheld, advance):
            batch_ids = tuple(pictures)
            found = checked(detector.detect(Photos.from_arrays(batch_ids, list(pictures.values()))), Detections, who)
            same_rows(found.looked_at, batch_ids, who)
            by_photo = rows_by_photo(found)
            for photo_id, picture in pictures.items():
                rows = by_photo.get(photo_id)
                if not rows:
                    withheld[photo_id] = NO_FACE
                    continue
                row = nearest_to_centre(found, rows, picture.shape[1], picture.shape[0])
                try:
                    matrix = align.similarity(found.landmarks[row], target)
                except ValueError as error:
                    withheld[photo_id] = str(error)
                    continue
                ids.append(photo_id)
                matrices.append(matrix)
                marks.append(align.apply(matrix, found.landmarks[row]))
                others.append(found.boxes[[r for r in rows if r != row]])
    total = len(photos) + len(photos.skipped)
    if not ids:
        reasons = sorted({f"{list(withheld.values()).count(r)} {r}" for r in withheld.values()})
        raise NothingToDo(f"no face to work on in {total} pictures: {'; '.join(reasons)}; nothing was released")
    stack = CutStack(photos, tuple(ids), np.stack(matrices), tuple(others))
    faces = FaceSet(tuple(ids), stack, np.stack(marks), tuple(person_of[i] for i in ids))
    return Intake(faces, withheld, total)


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
