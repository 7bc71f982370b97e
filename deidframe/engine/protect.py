"""Run one method: faces in, protected faces out, with the gates in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, FaceSet, Partition, Surrogates
from deidframe.contract.component import Need
from deidframe.contract.errors import ArtifactError, ReleaseRefused
from deidframe.contract.stacks import Stack
from deidframe.engine.attributes import classes, people_attributes
from deidframe.engine.cut import SIZE
from deidframe.engine.keep import synthesize_kept
from deidframe.engine.plan import MethodPlan
from deidframe.engine.seam import at_work, checked, same_rows, same_space
from deidframe.engine.step import Step
from deidframe.engine.workshop import Workshop, blame
from deidframe.guard.groups import check_groups

T = TypeVar("T")


@dataclass(frozen=True)
class Protected:
    """What a method made of the faces, before anything is written.

    Args:
        faces: the faces to release: ids and subjects of the originals, landmarks where the original's were.
        groups: face id -> group number for k-Same methods, else None.
        withheld: face id -> reason. people: one row for each person, with `partition`; None for redactors.
        person_names: the subject behind each row of `people`.
        seconds: stage -> seconds.
    """

    faces: FaceSet
    groups: dict[str, int] | None
    withheld: dict[str, str]
    people: Embeddings | None = None
    partition: Partition | None = None
    person_names: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


class RedactedStack:
    """A redactor's pictures, made when they are asked for."""

    def __init__(self, faces: FaceSet, redactor: Any, step: Step) -> None:
        self._faces, self._redactor, self._step = faces, redactor, step

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the faces underneath."""
        return tuple(self._faces.images.shape)

    def __len__(self) -> int:
        return len(self._faces)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows = np.arange(len(self))[key].reshape(-1)
        part = self._faces.take(rows)
        who = f"redactor {self._step.name}"
        with at_work(who):
            out = checked(self._redactor.redact(part), FaceSet, who)
        same_rows(out.ids, part.ids, who)
        pictures = np.asarray(out.images[:])
        if pictures.shape != (len(rows), *self.shape[1:]):
            raise ArtifactError(who, "images", f"shape {(len(rows), *self.shape[1:])}", pictures.shape)
        return pictures


def protect(shop: Workshop, faces: FaceSet, method: MethodPlan) -> Protected:
    """Run a method on all faces.

    Raises:
        ReleaseRefused: a group has fewer than k people after every repair.
        ArtifactError: a component broke its contract.
        StageError: a component raised something of its own.
    """
    if "redactor" in method.steps:
        step = method.steps["redactor"]
        bare = faces if step.needs(Need.SUBJECTS) else faces.without_subjects()
        stack: Stack = RedactedStack(bare, shop.make(step), step)
        return Protected(FaceSet(faces.ids, stack, faces.landmarks, faces.subjects), None, {})
    return _k_same(shop, faces, method)


def people_of(encodings: Embeddings, subjects: tuple[str, ...]) -> tuple[Embeddings, tuple[str, ...], NDArray[np.int64]]:
    """Return one row for each person: the mean of the person's unit encodings.

    Returns:
        The people under opaque ids in order of first appearance, their subject names, and the person row of each face.
    """
    row_of: dict[str, int] = {}
    rows = np.array([row_of.setdefault(subject, len(row_of)) for subject in subjects], np.int64)
    sums = np.zeros((len(row_of), encodings.vectors.shape[1]), np.float64)
    np.add.at(sums, rows, encodings.vectors)
    means = (sums / np.bincount(rows, minlength=len(row_of))[:, None]).astype(np.float32)
    ids = tuple(f"person-{n:06d}" for n in range(len(row_of)))
    return Embeddings(ids, means, encodings.space), tuple(row_of), rows


def _k_same(shop: Workshop, faces: FaceSet, method: MethodPlan) -> Protected:
    steps, k = method.steps, method.k
    assert k is not None and faces.subjects is not None
    seconds: dict[str, float] = {}

    def stage(key: str, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            with at_work(f"{steps[key].role} {steps[key].name}"):
                return work()
        except Exception as error:
            raise blame(method.name, steps[key], error) from error
        finally:
            seconds[key] = time.perf_counter() - start

    encodings = stage("encoder", lambda: shop.encode(steps["encoder"], faces))
    people, names, rows = people_of(encodings, faces.subjects)

    where = f"{method.within[0].key}|{method.within[1]}" if method.within else ""
    shared = f"groups|{steps['encoder'].key}|{steps['clusterer'].key}|{steps['outliers'].key}|{k}|{where}"
    if shared not in shop.shared:

        def group() -> Partition:
            if method.within is None:
                return clustered(shop, steps["clusterer"], people, k)
            _, male, years, _ = people_attributes(shop, method.within[0], faces)
            return clustered(shop, steps["clusterer"], people, k, classes(male, years, method.within[1]))

        partition = stage("clusterer", group)

        def settle() -> Partition:
            who = f"outlier-handler {steps['outliers'].name}"
            settled = checked(shop.make(steps["outliers"]).settle(people, partition, k), Partition, who)
            same_rows(settled.ids, people.ids, who)
            return settled

        shop.shared[shared] = stage("outliers", settle)
    settled: Partition = shop.shared[shared]

    labels = settled.labels[rows]
    kept = np.flatnonzero(labels >= 0)
    withheld = {faces.ids[r]: "in no group of at least k people" for r in np.flatnonzero(labels < 0).tolist()}
    if not len(kept):
        raise ReleaseRefused(f"{method.name}: no group of at least {k} people was found; every face is withheld")
    groups = {faces.ids[r]: int(labels[r]) for r in kept.tolist()}
    check_groups(groups, dict(zip(faces.ids, faces.subjects, strict=True)), k, method.name)

    def aim() -> Surrogates:
        who = f"anonymizer {steps['anonymizer'].name}"
        aimed = checked(shop.make(steps["anonymizer"]).anonymize(people, settled), Surrogates, who)
        grouped = np.flatnonzero(settled.labels >= 0)
        same_rows(aimed.ids, [people.ids[r] for r in grouped.tolist()], who)
        same_space(aimed.space, people.space, who)
        wanted = np.arange(len(grouped)) if method.per_person else settled.labels[grouped]
        if not np.array_equal(aimed.groups, wanted):
            kind = "one for each person" if method.per_person else "the groups of the partition"
            raise ArtifactError(who, "groups", kind, "others")
        return _by_face(aimed, people.ids, rows, kept, faces.ids)

    surrogates = stage("anonymizer", aim)
    chosen = faces.take(kept)
    step = steps["synthesizer"]

    def make_faces() -> FaceSet:
        who = f"synthesizer {step.name}"
        bare = chosen if step.needs(Need.SUBJECTS) else chosen.without_subjects()
        synthesizer = shop.make(step, steps["encoder"])
        if shop.store is not None and getattr(step.params, "independent", False) and step.loaded.component.deterministic:
            made = synthesize_kept(
                shop.store, synthesizer, step, shop.facts(step, steps["encoder"]), bare, surrogates, shop.reporter
            )
        else:
            made = checked(synthesizer.synthesize(bare, surrogates), FaceSet, who)
        same_rows(made.ids, chosen.ids, who)
        if made.size != (SIZE, SIZE):
            raise ArtifactError(who, "images", f"pictures of {SIZE}x{SIZE}", f"{made.size[0]}x{made.size[1]}")
        return FaceSet(chosen.ids, made.images, chosen.landmarks, chosen.subjects)

    made = stage("synthesizer", make_faces)
    return Protected(made, None if method.per_person else groups, withheld, people, settled, names, seconds)


def clustered(shop: Workshop, step: Step, people: Embeddings, k: int, classes: NDArray[np.int64] | None = None) -> Partition:
    """Return the clusterer's groups; with `classes`, groups within each class, and people of a class smaller than k in none."""
    who = f"clusterer {step.name}"
    clusterer = shop.make(step)
    if classes is None:
        made = checked(clusterer.cluster(people, k), Partition, who)
        same_rows(made.ids, people.ids, who)
        return made
    labels = np.full(len(people), -1, np.int64)
    for name in np.unique(classes).tolist():
        rows = np.flatnonzero(classes == name)
        if len(rows) < k:
            continue
        part = people.take(rows)
        made = checked(clusterer.cluster(part, k), Partition, who)
        same_rows(made.ids, part.ids, who)
        labels[rows] = np.where(made.labels >= 0, made.labels + labels.max() + 1, -1)
    return Partition(people.ids, labels)


def _by_face(
    aimed: Surrogates, person_ids: tuple[str, ...], rows: NDArray[np.int64], kept: NDArray[np.int64], face_ids: tuple[str, ...]
) -> Surrogates:
    """Spread one row for each person over the person's faces; the person's weight is shared among them equally."""
    at = {person: n for n, person in enumerate(aimed.ids)}
    source = np.array([at[person_ids[rows[r]]] for r in kept.tolist()], np.int64)
    pictures = np.bincount(source, minlength=len(aimed))
    weights = aimed.weights[source] / pictures[source]
    ids = tuple(face_ids[r] for r in kept.tolist())
    return Surrogates(ids, aimed.targets[source], aimed.groups[source], weights, aimed.space)
