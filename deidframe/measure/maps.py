"""What a grouping looks like: sizes, distances between groups, and two flat maps of the encodings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE = 1000
"""Rows beyond which a map is drawn from a sample; t-SNE takes about four seconds on so many."""
GROUPS = 40
"""Groups in a table of distances; the largest are taken."""
SEED = 0


@dataclass(frozen=True)
class FlatMaps:
    """Two flat pictures of one set of encodings.

    Args:
        rows: `(M,)` the rows drawn.
        pca, tsne: `(M, 2)`, each scaled into -1 to 1.
    """

    rows: NDArray[np.int64]
    pca: NDArray[np.float64]
    tsne: NDArray[np.float64]


def flat_maps(vectors: NDArray[Any]) -> FlatMaps:
    """Return the first two principal components and a t-SNE of a sample of rows.

    Source: L. van der Maaten, G. Hinton, Visualizing data using t-SNE, JMLR 9, 2008 (scikit-learn's).

    Args:
        vectors: `(N, D)`, N at least 4.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rows = np.arange(len(vectors))
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(SEED).choice(len(rows), SAMPLE, replace=False))
    table = np.asarray(vectors, np.float64)[rows]
    perplexity = min(30.0, (len(rows) - 1) / 3)
    if not np.ptp(table, axis=0).any():  # all alike: both divide by their spread
        return FlatMaps(rows, np.zeros((len(rows), 2)), np.zeros((len(rows), 2)))
    pca = PCA(2, svd_solver="full").fit_transform(table)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=SEED).fit_transform(table)
    return FlatMaps(rows, _scaled(pca), _scaled(tsne))


def _scaled(points: NDArray[Any]) -> NDArray[np.float64]:
    centred = np.asarray(points, np.float64) - np.mean(points, axis=0)
    return np.asarray(centred / max(float(np.abs(centred).max()), 1e-12))


def group_distances(vectors: NDArray[Any], labels: NDArray[Any], most: int = GROUPS) -> NDArray[np.float64]:
    """Return the mean distance of every pair of rows from two groups, for the largest groups, neighbours side by side.

    Args:
        vectors: `(N, D)`.
        labels: `(N,)`, -1 in no group.
        most: groups in the table.

    Returns:
        `(G, G)` Euclidean; the diagonal is the mean distance within the group, 0 for a group of one.
    """
    names, sizes = np.unique(labels[labels >= 0], return_counts=True)
    names = names[np.argsort(-sizes, kind="stable")][:most]
    if not len(names):
        return np.zeros((0, 0))
    table = np.asarray(vectors, np.float64)
    members = [table[labels == name][:200] for name in names]
    out = np.zeros((len(names), len(names)))
    for i, a in enumerate(members):
        for j in range(i, len(members)):
            b = members[j]
            far = np.sqrt(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0))
            if i == j:
                np.fill_diagonal(far, 0)
                out[i, i] = far.sum() / max(len(a) * (len(a) - 1), 1)
            else:
                out[i, j] = out[j, i] = far.mean()
    order = _chain(out)
    return out[np.ix_(order, order)]


def _chain(far: NDArray[np.float64]) -> list[int]:
    """Order groups so that each follows the nearest one that is left, so that blocks of alike groups show."""
    order, left = [0], set(range(1, len(far)))
    while left:
        order.append(min(left, key=lambda j: (far[order[-1], j], j)))
        left.remove(order[-1])
    return order
