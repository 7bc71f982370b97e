"""What flows between stages: frozen, read-only, checked on construction, every row under its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.arrays import Ids, checked_array, checked_ids, checked_subjects
from deidframe.contract.errors import ArtifactError
from deidframe.contract.stacks import IndexedStack, Stack


@dataclass(frozen=True)
class FaceSet:
    """N upright face pictures of one size.

    Args:
        ids: one for each face, distinct.
        images: `(N, H, W, 3)` uint8 RGB: an array, a memory map, or any `Stack` that makes its pictures when asked.
            Read it with `batches`; never assume that all of it fits in memory.
        landmarks: `(N, 5, 2)` float32 pixels in the face picture (order as in `Detections`), or None for pictures that were
            not detected in; the faces of a run are aligned, so their landmarks lie near `align.TEMPLATE`.
        subjects: the person of each face; only components that declare `Need.SUBJECTS` see it.

    Raises:
        ArtifactError: wrong type, shape, dtype, ids or subjects.
    """

    ids: Ids
    images: Stack
    landmarks: NDArray[np.float32] | None = None
    subjects: Ids | None = None

    def __post_init__(self) -> None:
        ids = checked_ids("faces", self.ids)
        n = len(ids)
        object.__setattr__(self, "ids", ids)
        if isinstance(self.images, np.ndarray):
            object.__setattr__(self, "images", checked_array("faces", "images", self.images, (n, None, None, 3), np.uint8))
        elif not isinstance(self.images, Stack):
            raise ArtifactError("faces", "images", "a uint8 array or a stack of pictures", type(self.images).__name__)
        elif len(self.images.shape) != 4 or self.images.shape[0] != n or self.images.shape[3] != 3:
            raise ArtifactError("faces", "images", f"shape ({n}, *, *, 3)", f"shape {self.images.shape}")
        if self.landmarks is not None:
            marks = checked_array("faces", "landmarks", self.landmarks, (n, 5, 2), np.float32)
            object.__setattr__(self, "landmarks", marks)
        object.__setattr__(self, "subjects", checked_subjects("faces", self.subjects, n))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.images.shape[1]), int(self.images.shape[2])

    def batches(self, n: int) -> Iterator[FaceSet]:
        """Yield the faces n at a time, in order; only one batch is in memory at once."""
        if n < 1:
            raise ValueError(f"a batch holds at least 1 face, got n = {n}")
        for start in range(0, len(self), n):
            yield self.slice(start, min(start + n, len(self)))

    def slice(self, start: int, stop: int) -> FaceSet:
        """Return rows start to stop (exclusive), their pictures read into memory."""
        return FaceSet(
            self.ids[start:stop],
            self.images[start:stop],
            None if self.landmarks is None else self.landmarks[start:stop],
            None if self.subjects is None else self.subjects[start:stop],
        )

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> FaceSet:
        """Return these rows in this order; their pictures are read only when asked for."""
        index = np.asarray(rows, dtype=np.int64).reshape(-1)
        chosen = index.tolist()
        return FaceSet(
            tuple(self.ids[r] for r in chosen),
            IndexedStack(self.images, index),
            None if self.landmarks is None else self.landmarks[index],
            None if self.subjects is None else tuple(self.subjects[r] for r in chosen),
        )

    def without_subjects(self) -> FaceSet:
        """Return the same faces without who they are."""
        return FaceSet(self.ids, self.images, self.landmarks)


@dataclass(frozen=True)
class Partial:
    """What a redactor or a synthesizer made where it could not make a picture of every face.

    Args:
        faces: all that it was given; what stands at a withheld one is never released.
        withheld: id of each face of which there is nothing to release -> why, one sentence without names or paths.

    Raises:
        ArtifactError: a withheld face is not among them, or has no reason.
    """

    faces: FaceSet
    withheld: Mapping[str, str]

    def __post_init__(self) -> None:
        if not isinstance(self.faces, FaceSet):
            raise ArtifactError("partial", "faces", "FaceSet", type(self.faces).__name__)
        unknown = set(self.withheld) - set(self.faces.ids)
        if unknown:
            raise ArtifactError("partial", "withheld", "faces that it was given", str(sorted(unknown)[0]))
        if not all(isinstance(why, str) and why for why in self.withheld.values()):
            raise ArtifactError("partial", "withheld", "a reason for each face", "none")


@dataclass(frozen=True)
class Embeddings:
    """N encodings in one embedding space.

    Args:
        ids: one for each row, distinct.
        vectors: `(N, D)` float32, finite.
        space: name of the embedding space; only vectors of one space can be compared.
        subjects: the person of each row, or None.
        columns: what the owner's table says of people, column -> a text for each row, "" where it says nothing or several things;
            only components that declare `Need.ATTRIBUTES` see it.

    Raises:
        ArtifactError: wrong shape, dtype, ids, a value that is not finite, or a column of another length.
    """

    ids: Ids
    vectors: NDArray[np.float32]
    space: str
    subjects: Ids | None = None
    columns: Mapping[str, Ids] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", checked_ids("embeddings", self.ids))
        for name, texts in self.columns.items():
            if len(texts) != len(self.ids) or not all(isinstance(text, str) for text in texts):
                raise ArtifactError("embeddings", f"columns, {name}", f"{len(self.ids)} texts", f"{len(texts)}")
        n = len(self.ids)
        object.__setattr__(self, "vectors", checked_array("embeddings", "vectors", self.vectors, (n, None), np.float32))
        object.__setattr__(self, "subjects", checked_subjects("embeddings", self.subjects, n))
        if not isinstance(self.space, str) or not self.space:
            raise ArtifactError("embeddings", "space", "a name", repr(self.space))

    def __len__(self) -> int:
        return len(self.ids)

    def unit(self) -> Embeddings:
        """Return the vectors scaled to length 1 (a zero vector stays zero)."""
        norms = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        scaled = self.vectors / np.where(norms > 0, norms, 1.0)
        return Embeddings(self.ids, scaled.astype(np.float32), self.space, self.subjects, self.columns)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Embeddings:
        """Return these rows in this order."""
        index = np.asarray(rows, dtype=np.int64).reshape(-1)
        chosen = index.tolist()
        subjects = None if self.subjects is None else tuple(self.subjects[r] for r in chosen)
        columns = {name: tuple(texts[r] for r in chosen) for name, texts in self.columns.items()}
        return Embeddings(tuple(self.ids[r] for r in chosen), self.vectors[index], self.space, subjects, columns)


@dataclass(frozen=True)
class Partition:
    """Which group each row belongs to.

    Args:
        ids: one for each row, distinct.
        labels: `(N,)` int64: group number from 0, or -1 for noise (a clusterer) or withheld (an outlier handler).

    Raises:
        ArtifactError: wrong shape, dtype or a label below -1.
    """

    ids: Ids
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", checked_ids("partition", self.ids))
        labels = checked_array("partition", "labels", self.labels, (len(self.ids),), np.int64)
        if labels.size and labels.min() < -1:
            raise ArtifactError("partition", "labels", "-1 or a group number from 0", int(labels.min()))
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.ids)

    def groups(self) -> dict[int, tuple[int, ...]]:
        """Return the rows of each group, by group number; rows of label -1 are in none."""
        out: dict[int, list[int]] = {}
        for row, label in enumerate(self.labels.tolist()):
            if label >= 0:
                out.setdefault(label, []).append(row)
        return {label: tuple(out[label]) for label in sorted(out)}

    def sizes(self) -> dict[int, int]:
        """Return how many rows each group has."""
        return {label: len(rows) for label, rows in self.groups().items()}

    def withheld(self) -> Ids:
        """Return the ids of label -1."""
        return tuple(i for i, label in zip(self.ids, self.labels.tolist(), strict=True) if label < 0)


@dataclass(frozen=True)
class Surrogates:
    """The encoding that each row's released face should have.

    Args:
        ids: one for each row, distinct; rows that are withheld are not here.
        targets: `(N, D)` float32, equal for all rows of a group when the method is k-Same.
        groups: `(N,)` int64, group number from 0.
        weights: `(N,)` float64, the row's share in its group's surrogate, at least 0, summing to 1 in each group.
        space: embedding space of `targets`.
        elsewhere: embedding space -> `(N, D)` float32 targets in it, where the anonymizer gave them in other encoders, too.

    Raises:
        ArtifactError: wrong shape, dtype, a negative group, or weights that do not sum to 1 in a group.
    """

    ids: Ids
    targets: NDArray[np.float32]
    groups: NDArray[np.int64]
    weights: NDArray[np.float64]
    space: str
    elsewhere: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        owner = "surrogates"
        object.__setattr__(self, "ids", checked_ids(owner, self.ids))
        n = len(self.ids)
        object.__setattr__(self, "targets", checked_array(owner, "targets", self.targets, (n, None), np.float32))
        groups = checked_array(owner, "groups", self.groups, (n,), np.int64)
        weights = checked_array(owner, "weights", self.weights, (n,), np.float64)
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "weights", weights)
        also = {one: checked_array(owner, f"elsewhere, {one}", t, (n, None), np.float32) for one, t in self.elsewhere.items()}
        object.__setattr__(self, "elsewhere", also)
        if n and groups.min() < 0:
            raise ArtifactError(owner, "groups", "group numbers from 0", int(groups.min()))
        if n and weights.min() < 0:
            raise ArtifactError(owner, "weights", "shares of at least 0", float(weights.min()))
        labels, inverse = np.unique(groups, return_inverse=True)
        sums = np.bincount(inverse, weights=weights, minlength=len(labels))
        if n and np.abs(sums - 1).max() > 1e-6:
            raise ArtifactError(owner, "weights", "shares that sum to 1 in each group", f"{sums[np.abs(sums - 1).argmax()]:.6f}")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Surrogates:
        """Return these rows, all of each group that is among them."""
        at = np.asarray(rows, np.int64)
        ids = tuple(self.ids[row] for row in at.tolist())
        also = {space: targets[at] for space, targets in self.elsewhere.items()}
        return Surrogates(ids, self.targets[at], self.groups[at], self.weights[at], self.space, also)

    def rows_of(self) -> dict[int, tuple[int, ...]]:
        """Return the rows of each group, by group number."""
        return Partition(self.ids, self.groups).groups()


@dataclass(frozen=True)
class Points:
    """A mesh over each of N faces: the same P points on all of them.

    Args:
        ids: faces.
        points: `(N, P, 3)` float32 pixels of the face picture: right, down, and away from the viewer in the same unit; anything
            where there is no face.
        presence: `(N,)` float32, 0 to 1, how surely there is a face.

    Raises:
        ArtifactError: wrong shape or dtype, or a number that is not finite.
    """

    ids: Ids
    points: NDArray[np.float32]
    presence: NDArray[np.float32]

    def __post_init__(self) -> None:
        owner = "points"
        object.__setattr__(self, "ids", checked_ids(owner, self.ids))
        object.__setattr__(self, "points", checked_array(owner, "points", self.points, (len(self.ids), None, 3), np.float32))
        object.__setattr__(self, "presence", checked_array(owner, "presence", self.presence, (len(self.ids),), np.float32))

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class PersonScores:
    """How surely an attacker holds each person for a member of the database.

    Args:
        ids: people, as the subjects that were given.
        scores: `(P,)` float32, finite, higher = more surely a member.
        missed: people of whom nothing can be said; with `ids` they are all people.

    Raises:
        ArtifactError: wrong shape or dtype, or somebody twice.
    """

    ids: Ids
    scores: NDArray[np.float32]
    missed: Ids = ()

    def __post_init__(self) -> None:
        checked_ids("person scores", (*self.ids, *self.missed), field="ids")
        object.__setattr__(self, "scores", checked_array("person scores", "scores", self.scores, (len(self.ids),), np.float32))


@dataclass(frozen=True)
class Values:
    """What a measure found, a number a face.

    Args:
        ids: faces of which there is a value, in the order they came.
        values: `(N,)` float64, finite, in the unit that the component names.
        missed: faces of which nothing can be said; with `ids` they are all that were given.

    Raises:
        ArtifactError: wrong shape or dtype, a number that is not finite, or a face twice.
    """

    ids: Ids
    values: NDArray[np.float64]
    missed: Ids = ()

    def __post_init__(self) -> None:
        checked_ids("values", (*self.ids, *self.missed), field="ids")
        object.__setattr__(self, "values", checked_array("values", "values", self.values, (len(self.ids),), np.float64))


@dataclass(frozen=True)
class LinkScores:
    """How alike an attacker finds each probe and each gallery face.

    Args:
        probe_ids: the P probes that gave a score, in the order they came.
        gallery_ids: the G gallery faces that gave a score, in the order they came.
        scores: `(P, G)` float32, finite, higher = more likely the same person.
        missed_probes: probes in which no face was found; with `probe_ids` they are all probes.
        missed_gallery: gallery faces in which no face was found; with `gallery_ids` they are all of the gallery.

    Raises:
        ArtifactError: wrong shape or dtype, or an id both scored and missed.
    """

    probe_ids: Ids
    gallery_ids: Ids
    scores: NDArray[np.float32]
    missed_probes: Ids = ()
    missed_gallery: Ids = ()

    def __post_init__(self) -> None:
        owner = "link scores"
        checked_ids(owner, (*self.probe_ids, *self.missed_probes), field="probe_ids")
        checked_ids(owner, (*self.gallery_ids, *self.missed_gallery), field="gallery_ids")
        shape = (len(self.probe_ids), len(self.gallery_ids))
        object.__setattr__(self, "scores", checked_array(owner, "scores", self.scores, shape, np.float32))
