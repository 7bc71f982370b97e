"""The mean of a group's people, as the target of its surrogate."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, Embeddings, Partition, Surrogates
from deidframe_ksame.plugin import NoParams


class Centroid:
    """Anonymizer `centroid`: every person weighs the same, so no member is nearer by design than another."""

    def __init__(self, params: NoParams, context: Context) -> None:
        pass

    def anonymize(self, people: Embeddings, partition: Partition) -> Surrogates:
        """Return the group mean for each grouped person, weight 1 / group size."""
        kept = np.flatnonzero(partition.labels >= 0)
        labels = partition.labels[kept]
        groups, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        sums = np.zeros((len(groups), people.vectors.shape[1]))
        np.add.at(sums, inverse, people.vectors[kept])
        means = (sums / sizes[:, None]).astype(np.float32)
        ids = tuple(people.ids[row] for row in kept.tolist())
        return Surrogates(ids, means[inverse], labels, 1.0 / sizes[inverse], people.space)
