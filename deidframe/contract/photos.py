"""What comes in: photos, opened one at a time, and the faces detected in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.arrays import Ids, checked_array, checked_ids, checked_subjects
from deidframe.contract.errors import ArtifactError, DeidframeError, UnreadablePhoto

Pixels = NDArray[np.uint8]


class ArrayOpener:
    """Opens pictures that already lie in memory, by id."""

    def __init__(self, pictures: Mapping[str, Pixels]) -> None:
        self._pictures = dict(pictures)

    def __call__(self, photo_id: str) -> Pixels:
        """Return the pixels of one id."""
        return self._pictures[photo_id]


@dataclass(frozen=True)
class Photos:
    """A database of pictures: ids, who is on them if known, and a way to open one.

    Args:
        ids: one id for each picture, distinct, in a stable order; unique inside the source, never a full path.
        opener: picklable; id -> `(H, W, 3)` uint8 RGB upright pixels, or raises `UnreadablePhoto(reason)`.
        subjects: the person on each picture, or None when the source does not know.
        fingerprint: id -> a text that changes when that picture's content does (its sha256), "" where it cannot be told; None
            keeps nothing of these pictures for a second run.
        skipped: id -> reason for things found that are no pictures at all (text files, links); each is accounted for.
        folder: where the pictures lie on disk, if they do; nothing is ever written there.
        boxes: id -> `(x0, y0, x1, y1)` in pixels of the face that is meant, where the source knows it.
        columns: id -> what else the owner's table says of the picture, column -> text; it never leaves `private` unasked.
        films: id -> file of each video that was found; each is in `skipped`, too, and taken up where scenes are released whole.
        notes: what the owner should know of how files were taken for pictures and people, a sentence each; said before a run.

    Raises:
        ArtifactError: ids are not distinct, or subjects do not match them.
    """

    ids: Ids
    opener: Callable[[str], Pixels]
    subjects: Ids | None = None
    fingerprint: Callable[[str], str] | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    notes: tuple[str, ...] = ()
    boxes: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    films: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", checked_ids("photos", self.ids))
        object.__setattr__(self, "subjects", checked_subjects("photos", self.subjects, len(self.ids)))
        if not callable(self.opener):
            raise ArtifactError("photos", "opener", "a callable that opens a picture by id", type(self.opener).__name__)
        if self.fingerprint is not None and not callable(self.fingerprint):
            raise ArtifactError("photos", "fingerprint", "a callable that takes a picture's id", type(self.fingerprint).__name__)
        both = set(self.ids) & set(self.skipped)
        if both:
            raise ArtifactError("photos", "skipped", "ids that are not also pictures", sorted(both)[0])
        unaccounted = set(self.films) - set(self.skipped)
        if unaccounted:
            raise ArtifactError("photos", "films", "ids that are in skipped, with a reason", sorted(unaccounted)[0])

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_arrays(cls, ids: Sequence[str], pictures: Sequence[Pixels], subjects: Sequence[str] | None = None) -> Photos:
        """Wrap pictures that already lie in memory (tests, notebooks)."""
        opener = ArrayOpener(dict(zip(ids, pictures, strict=True)))
        return cls(tuple(ids), opener, None if subjects is None else tuple(subjects))

    def open(self, photo_id: str) -> Pixels:
        """Decode one picture.

        Returns:
            `(H, W, 3)` uint8 RGB, H and W at least 1, upright.
        Raises:
            UnreadablePhoto: the picture cannot be decoded, or the opener raised something of its own.
            SourceError: the opener says that the database cannot be read.
            ArtifactError: the source's opener returned something that is no picture.
        """
        try:
            pixels = self.opener(photo_id)
        except DeidframeError:
            raise
        except Exception as error:  # a source's opener may meet anything; one picture must not stop the others
            raise UnreadablePhoto(f"could not be opened ({type(error).__name__})") from error
        checked = checked_array("source", "picture", pixels, (None, None, 3), np.uint8)
        if 0 in checked.shape:
            raise UnreadablePhoto("picture has no pixels")
        return checked

    def take(self, rows: Sequence[int]) -> Photos:
        """Return the pictures of these rows, in this order; `skipped` and `films` stay with the whole."""
        subjects = None if self.subjects is None else tuple(self.subjects[r] for r in rows)
        ids = tuple(self.ids[r] for r in rows)
        return replace(self, ids=ids, subjects=subjects, skipped={}, films={})

    def without_subjects(self) -> Photos:
        """Return the same pictures without who is on them."""
        return replace(self, subjects=None)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)


@dataclass(frozen=True)
class Detections:
    """Faces found in photos, any number in each; row order is by photo, then by falling score.

    Args:
        looked_at: ids of every photo that was looked at, found or not.
        photo_ids: the photo of each of the M faces.
        boxes: `(M, 4)` float32 pixels `x0, y0, x1, y1`, may reach outside the picture.
        landmarks: `(M, 5, 2)` float32 pixels: the eye on the picture's left, the other eye, nose tip, the mouth corner on the
            picture's left, the other mouth corner.
        scores: `(M,)` float32, the detector's confidence, higher is surer.

    Raises:
        ArtifactError: wrong shape, dtype, a value that is not finite, or a face of a photo nobody looked at.
    """

    looked_at: Ids
    photo_ids: Ids
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        owner = "detections"
        object.__setattr__(self, "looked_at", checked_ids(owner, self.looked_at, field="looked_at"))
        object.__setattr__(self, "photo_ids", checked_ids(owner, self.photo_ids, unique=False, field="photo_ids"))
        m = len(self.photo_ids)
        object.__setattr__(self, "boxes", checked_array(owner, "boxes", self.boxes, (m, 4), np.float32))
        object.__setattr__(self, "landmarks", checked_array(owner, "landmarks", self.landmarks, (m, 5, 2), np.float32))
        object.__setattr__(self, "scores", checked_array(owner, "scores", self.scores, (m,), np.float32))
        stray = set(self.photo_ids) - set(self.looked_at)
        if stray:
            raise ArtifactError(owner, "photo_ids", "photos that were looked at", sorted(stray)[0])

    def __len__(self) -> int:
        return len(self.photo_ids)

    @classmethod
    def none(cls, looked_at: Sequence[str]) -> Detections:
        """No face in any of these photos."""
        empty = np.zeros
        return cls(tuple(looked_at), (), empty((0, 4), "f4"), empty((0, 5, 2), "f4"), empty(0, "f4"))

    @classmethod
    def one(
        cls, photo_id: str, boxes: NDArray[np.float32], landmarks: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> Detections:
        """Wrap what was found in one photo, nothing included."""
        found = (np.asarray(boxes, np.float32), np.asarray(landmarks, np.float32), np.asarray(scores, np.float32))
        return cls((photo_id,), (photo_id,) * len(scores), *found)

    @classmethod
    def join(cls, parts: Sequence[Detections]) -> Detections:
        """Concatenate detections of disjoint photos."""
        if not parts:
            return cls.none(())
        return cls(
            tuple(i for p in parts for i in p.looked_at),
            tuple(i for p in parts for i in p.photo_ids),
            np.concatenate([p.boxes for p in parts]),
            np.concatenate([p.landmarks for p in parts]),
            np.concatenate([p.scores for p in parts]),
        )
