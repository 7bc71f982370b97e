"""Exact copies among pictures in which people are to be found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deidframe.contract.artifacts import Embeddings, Partition


def without_copies(pictures: Embeddings, cluster: Callable[[Embeddings], Partition]) -> Partition:
    """Cluster distinct encodings and give each copy the label of the one it equals.

    Copies of one picture lie at distance nothing: they pull an automatic radius to nothing, and fill the lists of neighbours by
    which people are told apart.
    """
    _, first, which = np.unique(pictures.vectors, axis=0, return_index=True, return_inverse=True)
    if len(first) == len(pictures):
        return cluster(pictures)
    order = np.sort(first)
    place = np.searchsorted(order, first)[which.reshape(-1)]
    made = cluster(Embeddings(tuple(pictures.ids[row] for row in order), pictures.vectors[order], pictures.space))
    return Partition(pictures.ids, made.labels[place])
