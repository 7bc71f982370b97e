"""Groups of two: pairs whose squared distances sum to the least, by minimum-weight matching over the nearest neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import rustworkx
from numpy.typing import NDArray

from deidframe_ksame.joining import join

MOST = 5_000
"""Rows up to which pairs are matched: some two seconds, and it grows with the cube."""
NEAREST = 10
"""Neighbours of a row with which it may be paired; with 20 the authors' 979 come to .01 % less."""
UNITS = 10**9
"""Weights are whole numbers: the largest distance has so many."""


def pairs(table: NDArray[Any], lists: NDArray[Any]) -> NDArray[np.int64]:
    """Return labels from 0: groups of two, or three where somebody is left over.

    Within pairs the sum of squared errors is half the sum of squared distances, so the matching is the best there is among
    neighbours (J. Edmonds, Paths, trees, and flowers, 1965).

    Args:
        table: `(N, D)`, at least two rows.
        lists: `(N, L)` neighbours, nearest first.
    """
    n, near = len(table), lists[:, :NEAREST]
    far = np.stack([((table - table[near[:, place]]) ** 2).sum(axis=1) for place in range(near.shape[1])], axis=1)
    longest = max(float(far.max()), 1e-300)
    weights = UNITS - np.rint(far / longest * (UNITS - 1)).astype(np.int64)
    graph = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(n))
    ends = zip(np.repeat(np.arange(n), near.shape[1]).tolist(), near.ravel().tolist(), weights.ravel().tolist(), strict=True)
    graph.add_edges_from(list(ends))
    matched = rustworkx.max_weight_matching(graph, max_cardinality=True, weight_fn=int)
    labels = np.full(n, -1, np.int64)
    for label, (one, other) in enumerate(sorted((min(pair), max(pair)) for pair in matched)):
        labels[one] = labels[other] = label
    left = np.flatnonzero(labels < 0)
    while len(left) > 1:  # no neighbour was free for them: they are paired among themselves
        labels[left[:2]] = labels.max() + 1
        left = left[2:]
    join(table, labels, left, 3)
    return labels
