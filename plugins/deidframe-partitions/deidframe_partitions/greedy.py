"""Partitions that are made group by group. Each holds k to 2k - 1 people; time is quadratic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, Partition
from deidframe_partitions.plugin import NoParams

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


def join_rest(vectors: Array, labels: Labels) -> Labels:
    """Let rows of label -1, fewer than k of them, join the group whose mean was nearest before anybody joined."""
    left = np.flatnonzero(labels < 0)
    if not len(left) or labels.max(initial=-1) < 0:
        return labels
    means = np.stack([vectors[labels == g].mean(axis=0) for g in range(int(labels.max()) + 1)])
    for row in left.tolist():
        labels[row] = int(((means - vectors[row]) ** 2).sum(axis=1).argmin())
    return labels


def _far(rows: Array, point: Array) -> Array:
    return np.asarray(((rows - point) ** 2).sum(axis=1))


class _Greedy:
    """A clusterer whose function makes labels of vectors and k."""

    def __init__(self, params: NoParams, context: Context) -> None:
        self._rng = context.rng("partition")

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return groups of k to 2k - 1 people; with fewer than k people everyone is noise."""
        if len(people) < k or k < 1:
            return Partition(people.ids, np.full(len(people), -1, np.int64))
        return Partition(people.ids, self.labels(people.vectors.astype(np.float64), k))

    def labels(self, vectors: Array, k: int) -> Labels:
        raise NotImplementedError


class Mdav(_Greedy):
    """Clusterer `mdav`."""

    def labels(self, vectors: Array, k: int) -> Labels:
        """Group around the point farthest from the mean, then around the point farthest from that one."""
        labels = np.full(len(vectors), -1, np.int64)
        left = np.arange(len(vectors))
        group = 0
        while len(left) >= 2 * k:
            rest = vectors[left]
            far = rest[int(_far(rest, rest.mean(axis=0)).argmax())]
            for _ in range(2):
                if len(left) < 2 * k:
                    break
                rest = vectors[left]
                near = np.argsort(_far(rest, far), kind="stable")[:k]
                labels[left[near]] = group
                left, group = np.delete(left, near), group + 1
                rest = vectors[left]
                far = rest[int(_far(rest, far).argmax())]
        labels[left] = group
        return labels


class KSame(_Greedy):
    """Clusterer `k-same`."""

    def labels(self, vectors: Array, k: int) -> Labels:
        """Take people in the order they come; the last group takes all who are left when a further one could not be filled."""
        labels = np.full(len(vectors), -1, np.int64)
        left = np.arange(len(vectors))
        group = 0
        while len(left) >= 2 * k:
            near = np.argsort(_far(vectors[left], vectors[left[0]]), kind="stable")[:k]
            labels[left[near]] = group
            left, group = np.delete(left, near), group + 1
        labels[left] = group
        return labels


class KMember(_Greedy):
    """Clusterer `k-member`."""

    def labels(self, vectors: Array, k: int) -> Labels:
        """Start far from the last group and take, one at a time, who raises the group's SSE least; the rest joins."""
        labels = np.full(len(vectors), -1, np.int64)
        left = np.arange(len(vectors))
        last = vectors.mean(axis=0)
        group = 0
        while len(left) >= k:
            at = int(_far(vectors[left], last).argmax())
            chosen = [int(left[at])]
            left = np.delete(left, at)
            mean = vectors[chosen[0]].copy()
            while len(chosen) < k:
                # adding x to m people raises the SSE by m / (m + 1) |x - mean|^2: the nearest to the mean raises it least
                at = int(_far(vectors[left], mean).argmin())
                chosen.append(int(left[at]))
                left = np.delete(left, at)
                mean = vectors[chosen].mean(axis=0)
            labels[chosen] = group
            last, group = vectors[chosen[-1]], group + 1
        return join_rest(vectors, labels)


class Random(_Greedy):
    """Clusterer `random`."""

    def labels(self, vectors: Array, k: int) -> Labels:
        """Deal people out by a seeded shuffle."""
        order = self._rng.permutation(len(vectors))
        labels: Any = np.empty(len(vectors), np.int64)
        labels[order] = np.minimum(np.arange(len(vectors)) // k, len(vectors) // k - 1)
        return np.asarray(labels, np.int64)
