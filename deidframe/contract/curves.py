"""Elbows: where a curve bends. Shared by clusterers that choose for themselves and by the command that draws it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 128 * 1024 * 1024


def knee(curve: NDArray[Any]) -> int:
    """Return the place of the point of a monotone curve that lies farthest from the chord between its ends.

    Args:
        curve: `(N,)` values at equal steps, N at least 1.

    Source: V. Satopaa et al., "Finding a kneedle in a haystack", ICDCS 2011, without smoothing.
    """
    values = np.asarray(curve, np.float64)
    if len(values) < 3 or values[0] == values[-1]:
        return len(values) - 1
    x = np.linspace(0, 1, len(values))
    y = (values - values[0]) / (values[-1] - values[0])
    return int(np.abs(y - x).argmax())


def neighbour_distances(rows: NDArray[Any], neighbour: int) -> NDArray[np.float64]:
    """Return each row's Euclidean distance to its neighbour of this number, sorted upwards: DBSCAN's elbow curve.

    Args:
        rows: `(N, D)`, N at least 2.
        neighbour: 1 is the nearest other row; at most N - 1 is taken.
    """
    table = np.asarray(rows, np.float64)
    squares = (table**2).sum(axis=1)
    at = min(neighbour, len(table) - 1)
    out = np.empty(len(table))
    step = max(1, BLOCK_BYTES // (8 * len(table)))
    for start in range(0, len(table), step):
        part = slice(start, min(start + step, len(table)))
        far = squares[part, None] + squares - 2 * table[part] @ table.T
        np.maximum(far, 0, out=far)
        far[np.arange(len(far)), np.arange(part.start, part.stop)] = 0  # the row itself is the nearest
        out[part] = np.sqrt(np.partition(far, at, axis=1)[:, at])
    return np.sort(out)
