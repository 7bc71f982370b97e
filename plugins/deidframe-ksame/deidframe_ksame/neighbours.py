"""Who is near whom: exact for some thousands, by random cuts of the space for more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT = 12_000
"""Rows up to which every pair is looked at."""
LEAF = 1500
TREES = 4


def nearest(vectors: NDArray[Any], count: int, seed: int = 0) -> NDArray[np.int64]:
    """Return each row's nearest other rows by Euclidean distance, nearest first, `(N, min(count, N - 1))`.

    Beyond `EXACT` rows only those that share a leaf of one of `TREES` trees of random median cuts are compared.
    """
    table = np.ascontiguousarray(vectors, np.float32)
    n = len(table)
    count = min(count, n - 1)
    if n <= EXACT:
        return _among(table, np.arange(n), count)[0]
    rng = np.random.default_rng(seed)
    lists = np.zeros((n, TREES, count), np.int64)
    far = np.full((n, TREES, count), np.inf, np.float32)
    for tree in range(TREES):
        for leaf in _leaves(table, rng):
            size = min(count, len(leaf) - 1)
            found, distance = _among(table, leaf, size)
            lists[leaf, tree, :size], far[leaf, tree, :size] = found, distance
    return _merged(lists.reshape(n, -1), far.reshape(n, -1), count)


def _leaves(table: NDArray[np.float32], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Cut the rows in halves at the median along random differences of two rows, until a part has at most `LEAF`."""
    out = []
    parts = [np.arange(len(table))]
    while parts:
        rows = parts.pop()
        if len(rows) <= LEAF:
            out.append(rows)
            continue
        a, b = rng.choice(rows, 2, replace=False)
        along = table[rows] @ (table[a] - table[b])
        order = np.argsort(along, kind="stable")
        half = len(rows) // 2
        parts += [np.sort(rows[order[:half]]), np.sort(rows[order[half:]])]
    return out


def _among(table: NDArray[np.float32], rows: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the nearest of these rows among themselves, and the squared distances."""
    part = table[rows]
    squares = (part**2).sum(axis=1)
    lists = np.empty((len(rows), count), np.int64)
    far = np.empty((len(rows), count), np.float32)
    step = max(1, 64_000_000 // max(1, len(rows)))
    for start in range(0, len(rows), step):
        stop = min(start + step, len(rows))
        distances = squares[start:stop, None] + squares - 2 * part[start:stop] @ part.T
        distances[np.arange(stop - start), np.arange(start, stop)] = np.inf
        if count < len(rows) - 1:
            rough = np.sort(np.argpartition(distances, count, axis=1)[:, :count], axis=1)
        else:
            rough = np.tile(np.arange(len(rows)), (stop - start, 1))
        values = np.take_along_axis(distances, rough, axis=1)
        order = np.argsort(values, axis=1, kind="stable")[:, :count]
        lists[start:stop] = rows[np.take_along_axis(rough, order, axis=1)]
        far[start:stop] = np.take_along_axis(values, order, axis=1)
    return lists, far


def _merged(lists: NDArray[np.int64], far: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the nearest distinct rows of several lists."""
    out = np.empty((len(lists), count), np.int64)
    for start in range(0, len(lists), 20_000):
        ids, d = lists[start : start + 20_000], far[start : start + 20_000].copy()
        by_id = np.argsort(ids, axis=1, kind="stable")
        sorted_ids = np.take_along_axis(ids, by_id, axis=1)
        again = np.zeros_like(sorted_ids, bool)
        again[:, 1:] = sorted_ids[:, 1:] == sorted_ids[:, :-1]
        sorted_d = np.take_along_axis(d, by_id, axis=1)
        sorted_d[again] = np.inf
        order = np.argsort(sorted_d, axis=1, kind="stable")[:, :count]
        out[start : start + 20_000] = np.take_along_axis(sorted_ids, order, axis=1)
    return out
