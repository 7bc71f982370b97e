"""Two levels for databases beyond what one search can hold: coarse cells, groups inside each, and repair along the borders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.near import nearest
from deidframe_ksame.kernel import refine

Labels = NDArray[np.int64]
BORDER = 0.25
"""Share of the rows that count as border: those that lie nearest to a cut."""
NEAR = 6
"""Neighbours among border rows over which groups are repaired."""
PASSES = 5
"""Over the border, of pure descent."""


def in_cells(vectors: NDArray[Any], k: int, cells: int, seed: int, group: Callable[..., Labels]) -> Labels:
    """Return labels from 0 of groups of k to 2k - 1 rows, made within `cells` cells and then repaired along their borders.

    Args:
        vectors: `(N, D)`, finite.
        k: at least 2.
        cells: at least 1, rounded up to a power of two; fewer where a cell would hold less than 4k rows.
        seed: of the search.
        group: makes the groups of one cell, as `fixed_size` does.
    """
    if cells < 2 or len(vectors) < 8 * k:
        return group(vectors, k, seed=seed)
    n = len(vectors)
    parts, margin = _cut(vectors, cells, 4 * k, seed)
    labels = np.full(n, -1, np.int64)
    first = 0
    for rows in parts:
        made = group(vectors[rows], k, seed=seed)
        labels[rows] = made + first
        first += int(made.max()) + 1
    return _repaired(vectors, labels, margin, k, seed)


def _cut(vectors: NDArray[Any], cells: int, least: int, seed: int) -> tuple[list[NDArray[np.int64]], NDArray[np.float32]]:
    """Halve the rows at the median along their longest axis, again and again.

    Returns:
        The cells, and how far each row lies from the nearest cut.
    """
    margin = np.full(len(vectors), np.inf, np.float32)
    parts = [np.arange(len(vectors))]
    rng = np.random.default_rng(seed)
    while len(parts) < cells and min(len(rows) for rows in parts) >= 2 * least:
        halves = []
        for rows in parts:
            along = vectors[rows] @ _axis(vectors, rows, rng)
            middle = np.partition(along, len(rows) // 2)[len(rows) // 2]
            margin[rows] = np.minimum(margin[rows], np.abs(along - middle))
            order = np.argsort(along, kind="stable")
            halves += [np.sort(rows[order[: len(rows) // 2]]), np.sort(rows[order[len(rows) // 2 :]])]
        parts = halves
    return parts, margin


def _axis(vectors: NDArray[Any], rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the direction in which a sample of the rows varies most."""
    some = np.asarray(vectors[np.sort(rng.choice(rows, min(len(rows), 10_000), replace=False))], np.float64)
    some -= some.mean(axis=0)
    return np.asarray(np.linalg.eigh(some.T @ some)[1][:, -1], np.float32)


def _repaired(vectors: NDArray[Any], labels: Labels, margin: NDArray[np.float32], k: int, seed: int) -> Labels:
    """Descend over the neighbours of the rows near a cut, in whole groups that have such a row; no other group is changed."""
    near = np.argsort(margin, kind="stable")[: int(BORDER * len(labels))]
    touched = np.zeros(int(labels.max()) + 1, bool)
    touched[labels[near]] = True
    rows = np.flatnonzero(touched[labels])
    table = np.ascontiguousarray(vectors[rows], np.float32)
    number = np.cumsum(touched) - 1
    lists = nearest(table, NEAR, seed)
    made = np.asarray(refine(table, number[labels[rows]], lists, k, 0, PASSES, 0.0, seed, len(rows)))
    out = labels.copy()
    out[rows] = np.flatnonzero(touched)[made]
    return out
