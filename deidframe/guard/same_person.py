"""Look for one person under two labels, and for pictures that show another face than the rest of their label.

k-Same puts the nearest people into one group. Whatever gives one person two labels makes it group exactly those two, and a
release shows one person where k are promised. So before groups are made, labels are compared by their mean encodings, pictures of
different labels by their own, and files by their bytes.

A pair of labels is in doubt where the cosine of their means lies so many standard deviations above that of two people of this
very database; the database's mean encoding is subtracted first, so that a database of alike faces (one age, one studio, one
generator) raises no false alarm. With few labels there is no such distribution, and fixed cosines are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.component import SamePerson

FEW = 30
"""With fewer labels the pairs of two people are too few to know how alike two people are."""
VERY_FEW = 8
"""With fewer labels nothing is known of how alike the people of this database are."""
FEW_DEVIATIONS = 3.5
"""Standard deviations above two people of the database that fewer than `FEW` labels must lie, too."""
EXACT = 60_000
"""Up to so many rows all pairs are compared; beyond, those that share one of their nearest pivots."""
BLOCK = 2048
PIVOTS = 8
"""Pivots near which a row is compared beyond `EXACT` rows."""
MOST_SURE = 0.99
"""No more than this share of cases is said to be noticed, however far the figures reach: it was measured on 150 people."""
SAMPLE = 2000
"""Labels among which the pairs of two people are measured, at most; evenly taken."""
SEED = 20261128
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Doubt:
    """Two labels that look like one person.

    Args:
        a, b: the labels.
        cosine: of their mean encodings, or of the two nearest pictures, or 1 for the same file.
        why: in words.
    """

    a: str
    b: str
    cosine: float
    why: str


ALIKE = "their pictures look alike"
ONE_FACE = "they hold pictures of one face"
ONE_FILE = "they hold the same file"


@dataclass(frozen=True)
class Looked:
    """What was seen.

    Args:
        strays: rows whose picture shows another face than the rest of their label.
        doubts: pairs of labels that look like one person, the surest first.
        labels: how many were compared.
        found: share of people under two labels who would be noticed, as measured on people who were split on purpose.
        exact: all pairs were compared.
    """

    strays: tuple[int, ...]
    doubts: tuple[Doubt, ...]
    labels: int
    found: float
    exact: bool


def look(vectors: NDArray[Any], labels: Sequence[str], fingerprints: Sequence[str], known: SamePerson) -> Looked:
    """Compare labels with each other and pictures with the rest of their label.

    Args:
        vectors: `(N, D)` unit encodings of the clear faces.
        labels: of the N pictures.
        fingerprints: of their files, "" where that is not known.
        known: how alike pictures of one person are in this encoder's space.

    Returns:
        What was seen; with fewer than two labels only strays.
    """
    table = np.asarray(vectors, np.float32)
    names, code = np.unique(np.array(labels), return_inverse=True)
    away = _strays(table, code, len(names), known)
    kept = np.setdiff1d(np.arange(len(table)), away)
    means, counts = _means(table[kept], code[kept], len(names))
    there = np.flatnonzero(counts)
    doubts: dict[tuple[int, int], Doubt] = {}

    def doubt(x: int, y: int, cosine: float, why: str) -> None:
        pair = (min(x, y), max(x, y))
        if pair not in doubts:
            doubts[pair] = Doubt(str(names[pair[0]]), str(names[pair[1]]), round(cosine, 3), why)

    for x, y in _same_files(fingerprints, code, kept):
        doubt(x, y, 1.0, ONE_FILE)
    for x, y, cosine in _alike_pictures(table[kept], code[kept], known.certain):
        doubt(x, y, cosine, ONE_FACE)
    deviations = _deviations(len(there), known)
    for x, y, cosine in _alike_labels(means[there], counts[there], known, deviations):
        doubt(int(there[x]), int(there[y]), cosine, ALIKE)
    noticed = np.minimum([1 - NormalDist(*one).cdf(deviations) for one in known.genuine], MOST_SURE)
    listed = tuple(sorted(doubts.values(), key=lambda one: (-one.cosine, one.a, one.b)))
    found = float(noticed[np.minimum(counts[there], len(noticed)) - 1].mean()) if len(there) else 0.0
    return Looked(tuple(away.tolist()), listed, len(there), found, len(there) <= EXACT)


def merged(labels: Sequence[str], doubts: Sequence[Doubt]) -> tuple[str, ...]:
    """Return the labels with those of each chain of doubts replaced by its first in order."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.get(name, name) != name:
            name = parent[name]
        return name

    for one in doubts:
        a, b = sorted((root(one.a), root(one.b)))
        parent[b] = a
    return tuple(root(name) for name in labels)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    out: NDArray[np.float32] = rows / np.maximum(lengths, 1e-12)
    return out


def _means(table: NDArray[np.float32], code: Rows, count: int) -> tuple[NDArray[np.float32], Rows]:
    """Return the unit mean of each label, zeros for one without rows, and how many rows it has."""
    sums = np.zeros((count, table.shape[1]), np.float32)
    np.add.at(sums, code, table)
    return _unit(sums), np.bincount(code, minlength=count).astype(np.int64)


def _centre(means: NDArray[np.float32], counts: Rows) -> NDArray[np.float32]:
    """Return what all labels have in common, nothing where they are few."""
    there = means[counts > 0]
    return there.mean(axis=0) if len(there) >= FEW else np.zeros(means.shape[1], np.float32)


def _strays(table: NDArray[np.float32], code: Rows, count: int, known: SamePerson) -> Rows:
    """Return the rows that are unlike the mean of the other rows of their label; of the last two that differ, both."""
    left = np.ones(len(table), bool)
    means, counts = _means(table, code, count)
    centre = _centre(means, counts)
    limit = known.stray if centre.any() else known.stray_few
    own = _unit(table - centre)
    todo = np.flatnonzero(counts[code] > 1)
    while len(todo):
        sums = np.zeros((count, table.shape[1]), np.float32)
        np.add.at(sums, code[left], table[left])
        counts = np.bincount(code[left], minlength=count)
        others = _unit(_unit(sums[code[todo]] - table[todo]) - centre)
        score = np.einsum("nd,nd->n", own[todo], others)
        order = np.lexsort((score, code[todo]))
        first = order[np.unique(code[todo][order], return_index=True)[1]]  # the least of each label
        bad = first[score[first] < limit]
        if not len(bad):
            break
        gone = todo[bad]
        pairs = np.isin(code, code[gone][counts[code[gone]] == 2])  # which of two is right cannot be told
        left[gone] = False
        left[pairs] = False
        todo = np.flatnonzero(left & np.isin(code, code[gone]) & (np.bincount(code[left], minlength=count)[code] > 1))
    return np.flatnonzero(~left)


def _deviations(labels: int, known: SamePerson) -> float:
    """Return how far above two people a pair must lie: so far that chance alone would raise less than one alarm in all pairs."""
    pairs = labels * (labels - 1) / 2
    return max(known.deviations, -NormalDist().inv_cdf(0.5 / pairs) if pairs > 1 else 0.0)


def _alike_labels(
    means: NDArray[np.float32], counts: Rows, known: SamePerson, deviations: float
) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of labels whose means are more alike than those of two people."""
    n = len(means)
    if n < FEW:
        usual = _apart(means, FEW_DEVIATIONS) if n >= VERY_FEW else 0.0
        for x, y, cosine in _alike(means, min(known.cosine)):
            least = known.cosine[min(int(counts[x]), int(counts[y]), len(known.cosine)) - 1]
            if cosine >= min(max(least, usual), known.certain):
                yield x, y, cosine
        return
    centred = _unit(means - means.mean(axis=0))
    for x, y, _ in _alike(centred, min(_apart(centred, deviations), known.certain)):
        yield x, y, float(means[x] @ means[y])
    yield from _alike(means, known.certain)


def _apart(means: NDArray[np.float32], deviations: float) -> float:
    """Return the cosine so many standard deviations above that of two people."""
    some = means[np.unique(np.linspace(0, len(means) - 1, min(len(means), SAMPLE)).astype(np.int64))]
    between = (some @ some.T)[np.triu_indices(len(some), 1)]
    middle = float(np.median(between))
    spread = middle - float(np.quantile(between, 0.1587))  # of the lower half, in which there are no pairs of one person
    return middle + deviations * spread


def _alike_pictures(table: NDArray[np.float32], code: Rows, limit: float) -> Iterator[tuple[int, int, float]]:
    """Yield the labels of pictures that show one face beyond doubt."""
    for x, y, cosine in _alike(table, limit):
        if code[x] != code[y]:
            yield int(code[x]), int(code[y]), cosine


def _same_files(fingerprints: Sequence[str], code: Rows, kept: Rows) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for row in kept.tolist():
        mark, label = fingerprints[row], int(code[row])
        if mark and first.setdefault(mark, label) != label:
            yield first[mark], label


def _alike(table: NDArray[np.float32], limit: float) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs of unit rows with at least this cosine, each once or, beyond `EXACT` rows, perhaps again."""
    n = len(table)
    if n <= EXACT:
        for start in range(0, n, BLOCK):
            yield from _within(table, np.arange(start, min(start + BLOCK, n)), np.arange(start, n), limit)
        return
    rng = np.random.default_rng(SEED)
    pivots = table[rng.choice(n, int(np.sqrt(n)), replace=False)]
    near = np.empty((n, PIVOTS), np.int32)
    for start in range(0, n, BLOCK):
        cosines = table[start : start + BLOCK] @ pivots.T
        near[start : start + BLOCK] = np.argpartition(-cosines, PIVOTS - 1, axis=1)[:, :PIVOTS]
    order = np.argsort(near.reshape(-1), kind="stable")
    rows = (order // PIVOTS).astype(np.int64)
    ends = np.cumsum(np.bincount(near.reshape(-1), minlength=len(pivots)))
    for begin, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
        members = np.sort(rows[begin:end])
        for start in range(0, len(members), BLOCK):
            yield from _within(table, members[start : start + BLOCK], members[start:], limit)


def _within(table: NDArray[np.float32], left: Rows, right: Rows, limit: float) -> Iterator[tuple[int, int, float]]:
    for start in range(0, len(right), BLOCK):
        part = right[start : start + BLOCK]
        cosines = table[left] @ table[part].T
        for a, b in zip(*np.nonzero(cosines >= limit), strict=True):
            if left[a] < part[b]:
                yield int(left[a]), int(part[b]), float(cosines[a, b])
