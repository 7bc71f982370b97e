"""Groups of k to 2k - 1 people with a small sum of squared errors.

Greedy groups over nearest-neighbour lists, outliers first (the order of MDAV), then threshold accepting by moves and swaps,
then descent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, Partition
from deidframe_ksame.kernel import greedy, refine
from deidframe_ksame.neighbours import nearest
from deidframe_ksame.plugin import FixedSizeParams

Labels = NDArray[np.int64]
NEIGHBOURS = 20
"""Length of the neighbour lists over which groups are made and changed."""
FEW = 6
"""The same for the changes beyond 20,000 rows, where a pass must be short."""
HEAT = 0.3
"""First threshold, as a share of half the mean squared distance to the mean of all."""
STEPS = 14_000_000
"""Passes times people times k when nothing is said: some four seconds."""
DESCENTS = 300_000
"""Passes of pure descent at the end, times people, at most."""


class FixedSize:
    """Clusterer `fixed-size`.

    Args:
        params: how long it searches.
        context: gives the seed.
    """

    def __init__(self, params: FixedSizeParams, context: Context) -> None:
        self._passes, self._seed = params.passes, context.seed % 2**31

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return groups of k to 2k - 1 people each; with fewer than k people everyone is noise."""
        return Partition(people.ids, fixed_size(people.vectors, k, self._passes, self._seed))


def fixed_size(vectors: NDArray[Any], k: int, passes: int | None = None, seed: int = 0) -> Labels:
    """Return labels from 0 of groups of k to 2k - 1 rows; all -1 when there are fewer than k rows.

    Args:
        vectors: `(N, D)`, finite.
        k: at least 1.
        passes: over all rows while worse steps are taken too; None: by N.
        seed: of the search.
    """
    n = len(vectors)
    if n < k:
        return np.full(n, -1, np.int64)
    if k == 1:
        return np.arange(n, dtype=np.int64)
    table = np.ascontiguousarray(vectors, np.float64 if n <= 20_000 else np.float32)
    if n < 2 * k:
        return np.zeros(n, np.int64)
    lists = nearest(table, max(NEIGHBOURS, 2 * k), seed)
    start = seed_groups(table, lists, k)
    if passes is None:
        passes = int(np.clip(STEPS // (n * k), 5, 1500))
    descents = int(np.clip(DESCENTS // n, 3, 60))
    spread = float(((table - table.mean(axis=0)) ** 2).sum(axis=1).mean())
    return np.asarray(
        refine(table, start, lists[:, : NEIGHBOURS if n <= 20_000 else FEW], k, passes, descents, HEAT * spread / 2, seed)
    )


def seed_groups(table: NDArray[Any], lists: NDArray[np.int64], k: int) -> Labels:
    """Return groups of k to 2k - 1: greedily, those far from the mean first; whoever is left over is grouped anew, or joins."""
    far = ((table - table.mean(axis=0)) ** 2).sum(axis=1)
    labels = np.asarray(greedy(lists, np.argsort(-far, kind="stable"), k))
    left = np.flatnonzero(labels < 0)
    while len(left) >= k:
        part = table[left]
        if len(left) < 2 * k:
            labels[left] = labels.max() + 1
            return labels
        distances = ((part - part.mean(axis=0)) ** 2).sum(axis=1)
        again = np.asarray(greedy(nearest(part, max(4 * k, 64)), np.argsort(-distances, kind="stable"), k))
        labels[left] = np.where(again >= 0, again + labels.max() + 1, -1)
        left = np.flatnonzero(labels < 0)
    groups = int(labels.max()) + 1
    sizes = np.bincount(labels[labels >= 0], minlength=groups)
    sums = np.zeros((groups, table.shape[1]))
    np.add.at(sums, labels[labels >= 0], table[labels >= 0])
    means = sums / sizes[:, None]
    for row in left.tolist():
        square = ((means - table[row]) ** 2).sum(axis=1)
        square[sizes >= 2 * k - 1] = np.inf
        labels[row] = int(square.argmin())
        sizes[labels[row]] += 1
    return labels
