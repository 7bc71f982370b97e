"""Approximate rank-order clustering.

Source: C. Otto, D. Wang, A. K. Jain, "Clustering millions of faces by identity", IEEE TPAMI 40(2), 2018, equations 3 and 4.
With N(a) the list of a's k nearest neighbours (a itself at rank 0) and O_a(b) the rank of b in it:
d(a, b) = number of i in 1..min(O_a(b), k) whose neighbour of a is not in N(b), and
D(a, b) = (d(a, b) + d(b, a)) / min(O_a(b), O_b(a)).
Pairs in which one is in the other's list are linked when D is below the threshold; linked pictures are one person.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, Partition
from deidframe.contract.near import EXACT, near_together, nearest
from deidframe_identities.kernel import components, rank_order_distances
from deidframe_identities.plugin import ArocParams
from deidframe_identities.silhouette import CosineSilhouette
from deidframe_identities.unit import unit

NEIGHBOURS = (5, 8, 12, 20, 32, 50, 100)
THRESHOLDS = (0.02, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
JUDGED = 60_000
"""Rows among which silhouettes are taken: of more, which lie in the order of a tree of cuts, those of one part of the space."""
Labels = NDArray[np.int64]


class Aroc:
    """Clusterer `aroc`."""

    def __init__(self, params: ArocParams, context: Context) -> None:
        self._params, self._log = params, context.log

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return who is who; a picture that is linked to none is a group of its own."""
        labels, neighbours, threshold = aroc(people.vectors, self._params.neighbours, self._params.threshold)
        if self._params.neighbours is None or self._params.threshold is None:
            self._log(f"  aroc: {neighbours} neighbours, threshold {threshold:g}, by silhouette")
        return Partition(people.ids, labels)


def aroc(vectors: NDArray[Any], neighbours: int | None = None, threshold: float | None = None) -> tuple[Labels, int, float]:
    """Return labels from 0, and the number of neighbours and the threshold that made them.

    Args:
        vectors: `(N, D)`; compared by cosine.
        neighbours, threshold: chosen when None: of a grid the pair with the largest mean cosine silhouette in which a singleton
            counts 0 (on a sample of at most 1,500 of 60,000 rows), so that neither all alone nor all together wins.
    """
    n = len(vectors)
    if n < 3:
        return np.arange(n, dtype=np.int64), neighbours or 2, threshold or 1.0
    if n > EXACT:  # what is near in space shall be near in memory
        order = near_together(vectors)
        made, length, cut = _aroc(vectors[order], neighbours, threshold)
        labels = np.empty(n, np.int64)
        labels[order] = made
        return labels, length, cut
    return _aroc(vectors, neighbours, threshold)


def _aroc(vectors: NDArray[Any], neighbours: int | None, threshold: float | None) -> tuple[Labels, int, float]:
    n = len(vectors)
    lengths = [neighbours] if neighbours else [length for length in NEIGHBOURS if length < n] or [n - 1]
    cuts = [threshold] if threshold else list(THRESHOLDS)
    longest = min(max(lengths), n - 1)
    lists = nearest(unit(vectors), longest)
    judge = CosineSilhouette(vectors[:JUDGED]) if len(lengths) * len(cuts) > 1 else None
    best: tuple[float, Labels, int, float] | None = None
    for length in lengths:
        near = np.ascontiguousarray(lists[:, : min(length, n - 1)])
        distances = rank_order_distances(near)
        for cut in cuts:
            labels = components(near, distances, cut)
            score = judge.mean(labels[:JUDGED]) if judge else 0.0
            if best is None or score > best[0]:
                best = (score, labels, length, cut)
    assert best is not None
    return best[1:]
