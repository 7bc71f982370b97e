"""Average linkage on cosine: every picture belongs to somebody, and how alike is alike is one number."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from deidframe.contract import Context, Embeddings, Partition, UsageError
from deidframe_identities.plugin import AverageLinkageParams
from deidframe_identities.unit import unit

MOST = 20_000
"""Rows whose distances to each other are held at once: 1.6 GB of them."""


class AverageLinkage:
    """Clusterer `average-linkage`."""

    def __init__(self, params: AverageLinkageParams, context: Context) -> None:
        self._farthest = 1 - params.cosine

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return the groups that are left when no two are near any more.

        Raises:
            UsageError: there are more rows than distances can be held of, or one has no direction.
        """
        count = len(people)
        if count > MOST:
            raise UsageError(f"average-linkage holds all distances at once, of {MOST:,} rows at most; for {count:,} use aroc")
        if not people.vectors.any(axis=1).all():
            raise UsageError("a zero vector has no direction, so average-linkage cannot say who it is like; leave it out")
        if count < 2:
            return Partition(people.ids, np.zeros(count, np.int64))
        rows = unit(people.vectors).astype(np.float64)
        tree = linkage(np.maximum(pdist(rows, "cosine"), 0.0), "average")
        labels = fcluster(tree, self._farthest, "distance")
        return Partition(people.ids, (labels - 1).astype(np.int64))
