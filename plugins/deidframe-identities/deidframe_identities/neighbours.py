"""Exact nearest neighbours by cosine, in blocks of matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 256 * 1024 * 1024


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Return rows scaled to length 1; a zero row stays zero and is equally far from all."""
    table = np.asarray(vectors, np.float32)
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    return np.asarray(table / np.where(norms > 0, norms, 1), np.float32)


def nearest(vectors: NDArray[Any], count: int) -> NDArray[np.int32]:
    """Return each row's `count` nearest other rows, nearest first, `(N, count)`; equal distances are ordered by row."""
    table = unit(vectors)
    n = len(table)
    count = min(count, n - 1)
    out = np.empty((n, count), np.int32)
    step = max(1, min(n, BLOCK_BYTES // (4 * n)))
    for start in range(0, n, step):
        stop = min(start + step, n)
        alike = table[start:stop] @ table.T
        alike[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        if count < n - 1:
            rough = np.argpartition(-alike, count, axis=1)[:, :count]
            rough.sort(axis=1)  # so that the stable sort below breaks ties by row
        else:
            rough = np.tile(np.arange(n), (stop - start, 1))
        values = np.take_along_axis(alike, rough, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, :count]
        out[start:stop] = np.take_along_axis(rough, order, axis=1)
    return out
