"""Ward's tree, cut again and again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage

from deidframe_partitions.greedy import Array, Labels, _Greedy, join_rest


class WardRecut(_Greedy):
    """Clusterer `ward-recut`: what the original authors found best. Slow: the rest is linked anew for each group."""

    def labels(self, vectors: Array, k: int) -> Labels:
        """Cut off the lowest branch that holds at least k people, and link the rest anew; who is left over joins."""
        labels = np.full(len(vectors), -1, np.int64)
        left = np.arange(len(vectors))
        group = 0
        while len(left) >= 2 * k:
            chosen = _lowest(linkage(vectors[left], "ward"), len(left), k)
            if len(left) - len(chosen) < k:
                break
            rows = left[chosen]
            # a branch of 2k or more is cut to its k nearest to the mean; the others go back
            if len(rows) >= 2 * k:
                far = ((vectors[rows] - vectors[rows].mean(axis=0)) ** 2).sum(axis=1)
                rows = rows[np.argsort(far, kind="stable")[:k]]
            labels[rows] = group
            left, group = np.setdiff1d(left, rows), group + 1
        if len(left) >= k:
            labels[left] = group
        return join_rest(vectors, labels)


def _lowest(tree: Array, n: int, k: int) -> NDArray[np.int64]:
    """Return the leaves of the first merge, in the order of heights, that holds at least k."""
    row = int(np.flatnonzero(tree[:, 3] >= k)[0])
    leaves: list[int] = []
    open_nodes = [n + row]
    while open_nodes:
        node = open_nodes.pop()
        if node < n:
            leaves.append(node)
        else:
            open_nodes += [int(tree[node - n, 0]), int(tree[node - n, 1])]
    return np.array(sorted(leaves), np.int64)
