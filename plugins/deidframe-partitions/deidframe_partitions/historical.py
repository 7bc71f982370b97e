"""What was once shipped, kept so that its effect can be seen."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, Embeddings, Partition
from deidframe_partitions.greedy import Array, Labels, join_rest
from deidframe_partitions.plugin import FarthestParams


class FarthestKMeans:
    """Clusterer `farthest-k-means`: k-means of fixed size with the sign of its assignment turned round."""

    def __init__(self, params: FarthestParams, context: Context) -> None:
        self._rounds, self._rng = params.rounds, context.rng("partition")

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return groups of k to 2k - 1 people; with fewer than k people everyone is noise."""
        n = len(people)
        if n < k or k < 1:
            return Partition(people.ids, np.full(n, -1, np.int64))
        vectors = people.vectors.astype(np.float64)
        centres = vectors[self._rng.permutation(n)[: n // k]]
        labels = np.full(n, -1, np.int64)
        for _ in range(self._rounds):
            labels = _assign(vectors, centres, k)
            centres = np.stack([vectors[labels == g].mean(axis=0) for g in range(len(centres))])
        return Partition(people.ids, join_rest(vectors, labels))


def _assign(vectors: Array, centres: Array, k: int) -> Labels:
    """Give each person the farthest centre that still has room."""
    far = ((vectors**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)) - 2 * vectors @ centres.T
    labels = np.full(len(vectors), -1, np.int64)
    room = np.full(len(centres), k)
    for row in np.argsort(-far.max(axis=1), kind="stable").tolist():
        open_centres = np.where(room > 0, far[row], -np.inf)
        target = int(open_centres.argmax())
        if room[target] > 0:
            labels[row] = target
            room[target] -= 1
    return labels
