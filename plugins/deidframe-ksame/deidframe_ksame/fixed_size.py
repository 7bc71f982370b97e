"""Groups of k to 2k - 1 people with a small sum of squared errors: MDAV, then moves and swaps.

Source: J. Domingo-Ferrer, V. Torra, "Ordinal, continuous and heterogeneous k-anonymity through microaggregation", DMKD 11, 2005
(MDAV). Moves and swaps change the SSE by closed formulas of the group means, so that each try costs one row of distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, Partition
from deidframe_ksame.plugin import NoParams

PASSES = 30
"""Passes over all people at most; real sets settle after about ten."""
Array = NDArray[np.float64]
Labels = NDArray[np.int64]


class FixedSize:
    """Clusterer `fixed-size`; takes time quadratic in the number of people."""

    def __init__(self, params: NoParams, context: Context) -> None:
        self._track = context.track

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return groups of k to 2k - 1 people each; with fewer than k people everyone is noise."""
        if len(people) < k:
            return Partition(people.ids, np.full(len(people), -1, np.int64))
        vectors = people.vectors.astype(np.float64)
        labels = mdav(vectors, k)
        return Partition(people.ids, improve(vectors, labels, k))


def mdav(vectors: Array, k: int) -> Labels:
    """Return groups of k around the points farthest from the mean, two at a time; the rest joins the nearest group.

    Args:
        vectors: `(N, D)`, N at least k. k: at least 1.
    """
    labels = np.full(len(vectors), -1, np.int64)
    left = np.arange(len(vectors))
    group = 0

    def take(centre: Array) -> None:
        nonlocal left, group
        near = np.argsort(((vectors[left] - centre) ** 2).sum(axis=1), kind="stable")[:k]
        labels[left[near]] = group
        left = np.delete(left, near)
        group += 1

    while len(left) >= 2 * k:
        rest = vectors[left]
        far = rest[int(((rest - rest.mean(axis=0)) ** 2).sum(axis=1).argmax())]
        take(far)
        rest = vectors[left]
        if len(left) >= 2 * k:
            take(rest[int(((rest - far) ** 2).sum(axis=1).argmax())])
    if len(left) >= k:
        labels[left] = group
        return labels
    means = np.stack([vectors[labels == g].mean(axis=0) for g in range(group)])
    for row in left.tolist():
        labels[row] = int(((means - vectors[row]) ** 2).sum(axis=1).argmin())
    return labels


def improve(vectors: Array, labels: Labels, k: int) -> Labels:
    """Lower the SSE by moving people between groups of k to 2k - 1, and by swapping two, until a whole pass helps nobody.

    Moving x from A (a people, mean m_A) to B (b, m_B) changes the SSE by b/(b+1) |x-m_B|^2 - a/(a-1) |x-m_A|^2. A swap of x in A
    and y in B moves both means by the difference d = y - x, which changes it by 2 d.(m_B - m_A) - |d|^2 (1/a + 1/b).
    """
    labels = labels.copy()
    groups = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=groups)
    sums = np.zeros((groups, vectors.shape[1]))
    np.add.at(sums, labels, vectors)
    for _ in range(PASSES):
        changed = False
        for row in range(len(vectors)):
            here, x = int(labels[row]), vectors[row]
            means = sums / sizes[:, None]
            square = ((means - x) ** 2).sum(axis=1)
            if sizes[here] > k:
                gain = sizes / (sizes + 1) * square - sizes[here] / (sizes[here] - 1) * square[here]
                gain[(sizes >= 2 * k - 1) | (np.arange(groups) == here)] = np.inf
                target = int(gain.argmin())
                if gain[target] < -1e-12:
                    _move(labels, sums, sizes, row, target, vectors)
                    changed = True
                    continue
            step = vectors - x
            change = 2 * (step * (means[labels] - means[here])).sum(axis=1)
            change -= (step**2).sum(axis=1) * (1 / sizes[here] + 1 / sizes[labels])
            change[labels == here] = np.inf
            other = int(change.argmin())
            if change[other] < -1e-12:
                there = int(labels[other])
                _move(labels, sums, sizes, row, there, vectors)
                _move(labels, sums, sizes, other, here, vectors)
                changed = True
        if not changed:
            break
    return labels


def _move(labels: Labels, sums: Array, sizes: NDArray[np.int64], row: int, target: int, vectors: Array) -> None:
    here = labels[row]
    sums[here] -= vectors[row]
    sizes[here] -= 1
    sums[target] += vectors[row]
    sizes[target] += 1
    labels[row] = target
