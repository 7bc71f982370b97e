"""Anonymizers that weigh the members of a group: the medoid, and random weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, Partition, Surrogates
from deidframe_ksame.plugin import NoParams, RandomWeightParams


class Medoid:
    """Anonymizer `medoid`: the surrogate aims at the member who is nearest to all others.

    The target is one real person's encoding, so that member is nearer than the others by design. The promise of k holds on the
    files as with any shared picture; who matches the surrogate in one-to-one verification is not even.
    """

    def __init__(self, params: NoParams, context: Context) -> None:
        pass

    def anonymize(self, people: Embeddings, partition: Partition) -> Surrogates:
        """Return the medoid's encoding for each grouped person, weight 1 for the medoid and 0 for the others."""

        def weigh(rows: NDArray[np.int64], group: int) -> NDArray[np.float64]:
            table = people.vectors[rows].astype(np.float64)
            far = ((table[:, None] - table[None]) ** 2).sum(axis=2).sum(axis=1)
            return np.asarray(np.eye(len(rows))[int(far.argmin())], np.float64)

        return _weighted(people, partition, weigh)


class RandomWeight:
    """Anonymizer `random-weight`: the mean with random weights, drawn anew for each group from the run's seed."""

    def __init__(self, params: RandomWeightParams, context: Context) -> None:
        self._params, self._context = params, context

    def anonymize(self, people: Embeddings, partition: Partition) -> Surrogates:
        """Return the weighted mean for each grouped person; weights are Dirichlet with one concentration for all."""

        def weigh(rows: NDArray[np.int64], group: int) -> NDArray[np.float64]:
            names = ",".join(people.ids[row] for row in rows.tolist())
            return self._context.rng(names).dirichlet(np.full(len(rows), self._params.concentration))

        return _weighted(people, partition, weigh)


def _weighted(
    people: Embeddings, partition: Partition, weigh: Callable[[NDArray[np.int64], int], NDArray[np.float64]]
) -> Surrogates:
    """Return the weighted mean of each group for each of its people."""
    kept = np.flatnonzero(partition.labels >= 0)
    labels = partition.labels[kept]
    targets = np.zeros((len(kept), people.vectors.shape[1]), np.float32)
    weights = np.zeros(len(kept))
    order = np.argsort(labels, kind="stable")
    for at in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if len(order) else ():
        share = weigh(kept[at], int(labels[at[0]]))
        weights[at] = share / share.sum()
        targets[at] = weights[at] @ people.vectors[kept[at]].astype(np.float64)
    return Surrogates(tuple(people.ids[row] for row in kept.tolist()), targets, labels, weights, people.space)
