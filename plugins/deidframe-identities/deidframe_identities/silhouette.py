"""The mean cosine silhouette of many groupings of the same vectors: distances are computed once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe_identities.unit import unit

SAMPLE = 1500
SEED = 0


class CosineSilhouette:
    """Judges groupings by P. Rousseeuw's silhouette (1987) with cosine distance, on a sample when there are many rows.

    Args:
        vectors: `(N, D)`.
    """

    def __init__(self, vectors: NDArray[Any]) -> None:
        table = unit(vectors)
        n = len(table)
        self._rows = np.arange(n)
        if n > SAMPLE:
            self._rows = np.sort(np.random.default_rng(SEED).choice(n, SAMPLE, replace=False))
        self._far = np.maximum(1 - table[self._rows] @ table.T, 0)

    def mean(self, labels: NDArray[np.int64]) -> float:
        """Return the mean over the sampled rows; one in a group of its own counts 0, and so does everything in one group."""
        groups, inverse = np.unique(labels, return_inverse=True)
        if len(groups) < 2:
            return 0.0
        order = np.argsort(inverse, kind="stable")
        sizes = np.bincount(inverse)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        sums = np.add.reduceat(self._far[:, order], starts, axis=1)
        own = inverse[self._rows]
        at = np.arange(len(own))
        near = sums[at, own] / np.maximum(sizes[own] - 1, 1)
        means = sums / sizes
        means[at, own] = np.inf
        other = means.min(axis=1)
        values = (other - near) / np.maximum(np.maximum(other, near), 1e-12)
        return float(np.where(sizes[own] == 1, 0.0, values).mean())
