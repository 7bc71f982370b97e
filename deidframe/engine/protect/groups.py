"""Put people into groups, or pictures into people: the one way for methods that protect and for groupings that are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, Partition
from deidframe.contract.component import Need
from deidframe.engine.components.copies import without_copies
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.planning.plan import MethodPlan


@dataclass(frozen=True)
class Groups:
    """Who is in which group.

    Args:
        crowd: what was grouped: people, one row for each, or the pictures themselves where there is no k.
        names: the subject behind each row of `crowd`, none for pictures.
        rows: `(N,)` the row of `crowd` of each picture.
        made: as the clusterer made them.
        settled: as they are after the outlier handler, if there is one.
    """

    crowd: Embeddings
    names: tuple[str, ...]
    rows: NDArray[np.int64]
    made: Partition
    settled: Partition

    @property
    def labels(self) -> NDArray[np.int64]:
        """`(N,)` group of each picture, -1 for noise or withheld."""
        return self.settled.labels[self.rows]


def make_groups(
    pool: ComponentPool,
    encodings: Embeddings,
    people: tuple[str, ...],
    method: MethodPlan,
    apart: Callable[[], NDArray[np.int64]] | None = None,
    beside: Sequence[Embeddings] = (),
) -> Groups:
    """Group the people of a database (with k), or find people among its pictures (without).

    Args:
        encodings: of the pictures.
        people: the person of each.
        method: its clusterer, outlier handler and k.
        apart: gives the class of each person in order of first appearance; groups are made within each class.
        beside: of the same pictures, in other encoders in which people are grouped, too.
    """
    steps, k = method.steps, method.k
    crowd, names, rows = (encodings, (), np.arange(len(encodings))) if k is None else people_of(encodings, people)
    seen = together(crowd, [people_of(one, people)[0] for one in beside]) if beside else crowd
    if k is not None and any(steps[name].needs(Need.ATTRIBUTES) for name in ("clusterer", "outliers") if name in steps):
        seen = replace(seen, columns=columns_of(pool.columns, encodings.ids, people))
    if k is None:
        made = without_copies(crowd, lambda distinct: pool.call(steps["clusterer"], distinct, 1))
    else:
        made = _clustered(pool, steps["clusterer"], seen, k, apart() if apart else None)
    settled = made
    if "outliers" in steps and k is not None:
        settled = pool.call(steps["outliers"], seen, made, k)
    return Groups(crowd, names, rows, made, settled)


def columns_of(told: Mapping[str, Mapping[str, str]], faces: Sequence[str], people: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what the owner's table says of each person in order of first appearance, column by column.

    Args:
        told: picture -> column -> text; faces: ids of the pictures; people: who is on each.

    Returns:
        Column -> a text for each person, "" where no picture has one, or two have different ones.
    """
    said: dict[str, dict[str, set[str]]] = {}
    names: dict[str, None] = {}
    for face, person in zip(faces, people, strict=True):
        own = said.setdefault(person, {})
        for name, text in told.get(face, {}).items():
            names[name] = None
            if text:
                own.setdefault(name, set()).add(text)
    return {name: tuple(next(iter(own[name])) if len(own.get(name, ())) == 1 else "" for own in said.values()) for name in names}


def together(first: Embeddings, others: Sequence[Embeddings]) -> Embeddings:
    """Return the encodings of all encoders side by side, each about its mean and scaled so that all vary equally."""
    parts = []
    for one in (first, *others):
        centred = one.vectors - one.vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        spread = float(np.einsum("nd,nd->", centred, centred, dtype=np.float64)) / max(1, len(centred))
        parts.append(centred / np.float32(max(spread, 1e-12) ** 0.5))
    return Embeddings(first.ids, np.concatenate(parts, axis=1), "+".join(one.space for one in (first, *others)))


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


def _clustered(pool: ComponentPool, step: Step, people: Embeddings, k: int, classes: NDArray[np.int64] | None) -> Partition:
    """Return the clusterer's groups; with `classes`, groups within each class, and people of a class smaller than k in none."""
    if classes is None:
        whole: Partition = pool.call(step, people, k)
        return whole
    labels = np.full(len(people), -1, np.int64)
    for name in np.unique(classes).tolist():
        rows = np.flatnonzero(classes == name)
        if len(rows) >= k:
            made: Partition = pool.call(step, people.take(rows), k)
            labels[rows] = np.where(made.labels >= 0, made.labels + labels.max() + 1, -1)
    return Partition(people.ids, labels)
