"""What happens to noise and to groups with too few people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, Partition
from deidframe_ksame.fixed_size import fixed_size
from deidframe_ksame.plugin import NoParams

FAR_AT_ONCE = 2**22
"""Distances to group means that are held at once."""


class Withhold:
    """Outlier handler `withhold`."""

    def __init__(self, params: NoParams, context: Context) -> None:
        pass

    def settle(self, people: Embeddings, partition: Partition, k: int) -> Partition:
        """Return the large enough groups, numbered from 0; everybody else is -1."""
        return Partition(people.ids, _large_only(partition, k))


class NearestGroup:
    """Outlier handler `nearest-group`."""

    def __init__(self, params: NoParams, context: Context) -> None:
        pass

    def settle(self, people: Embeddings, partition: Partition, k: int) -> Partition:
        """Let everybody else join the group with the nearest mean; without any large group all people make one, if k of them."""
        labels = _large_only(partition, k)
        if labels.max(initial=-1) < 0:
            return Partition(people.ids, np.full(len(people), 0 if len(people) >= k else -1, np.int64))
        return Partition(people.ids, _joined(people, labels))


class OwnGroups:
    """Outlier handler `own-groups`."""

    def __init__(self, params: NoParams, context: Context) -> None:
        self._seed = context.seed % 2**31

    def settle(self, people: Embeddings, partition: Partition, k: int) -> Partition:
        """Group everybody else among themselves; fewer than k of them join the nearest group, or are withheld without one."""
        labels = _large_only(partition, k)
        left = np.flatnonzero(labels < 0)
        if len(left) >= k:
            labels[left] = fixed_size(people.vectors[left], k, seed=self._seed) + int(labels.max(initial=-1)) + 1
            return Partition(people.ids, labels)
        if not len(left) or len(left) == len(people):
            return Partition(people.ids, labels)
        return Partition(people.ids, _joined(people, labels))


class SplitMerge:
    """Outlier handler `split-merge`."""

    def __init__(self, params: NoParams, context: Context) -> None:
        self._seed = context.seed % 2**31

    def settle(self, people: Embeddings, partition: Partition, k: int) -> Partition:
        """Dissolve groups of fewer than k into the nearest large one, then split groups of 2k and more by fixed size."""
        labels = NearestGroup(NoParams(), Context(seed=self._seed, scratch=Path())).settle(people, partition, k).labels.copy()
        for group, members in Partition(people.ids, labels).groups().items():
            rows = np.array(members, np.int64)
            if len(rows) >= 2 * k:
                parts = fixed_size(people.vectors[rows], k, seed=self._seed)
                labels[rows] = np.where(parts == 0, group, parts + int(labels.max()))
        return Partition(people.ids, labels)


def _large_only(partition: Partition, k: int) -> NDArray[np.int64]:
    """Number the groups of at least k people from 0; -1 for all others."""
    labels = np.full(len(partition), -1, np.int64)
    large = [rows for rows in partition.groups().values() if len(rows) >= k]
    for number, rows in enumerate(large):
        labels[list(rows)] = number
    return labels


def _joined(people: Embeddings, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels with everybody of label -1 in the group whose mean is nearest; at least one group must be there."""
    labels = labels.copy()
    kept, left = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    means = np.zeros((int(labels.max()) + 1, people.vectors.shape[1]))
    np.add.at(means, labels[kept], people.vectors[kept])
    means /= np.bincount(labels[kept])[:, None]
    squares = (means**2).sum(axis=1)
    step = max(1, FAR_AT_ONCE // len(means))
    for start in range(0, len(left), step):
        rows = left[start : start + step]
        labels[rows] = (squares - 2 * people.vectors[rows].astype(np.float64) @ means.T).argmin(axis=1)
    return labels
