"""What happens to noise and to groups with too few people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, Partition
from deidframe_ksame.plugin import NoParams


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
        groups = int(labels.max(initial=-1)) + 1
        if groups == 0:
            return Partition(people.ids, np.full(len(people), 0 if len(people) >= k else -1, np.int64))
        vectors = people.vectors.astype(np.float64)
        means = np.stack([vectors[labels == g].mean(axis=0) for g in range(groups)])
        for row in np.flatnonzero(labels < 0).tolist():
            labels[row] = int(((means - vectors[row]) ** 2).sum(axis=1).argmin())
        return Partition(people.ids, labels)


def _large_only(partition: Partition, k: int) -> NDArray[np.int64]:
    """Number the groups of at least k people from 0; -1 for all others."""
    labels = np.full(len(partition), -1, np.int64)
    large = [rows for rows in partition.groups().values() if len(rows) >= k]
    for number, rows in enumerate(large):
        labels[list(rows)] = number
    return labels
