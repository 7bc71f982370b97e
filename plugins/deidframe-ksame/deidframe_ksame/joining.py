"""Who is left over joins a group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def join(table: NDArray[Any], labels: NDArray[np.int64], left: NDArray[np.int64], largest: int) -> None:
    """Let each of these rows join the group with the nearest mean that has fewer than `largest`; `labels` is changed."""
    if not len(left):
        return
    groups = int(labels.max()) + 1
    grouped = np.flatnonzero(labels >= 0)
    sizes = np.bincount(labels[grouped], minlength=groups)
    sums = np.zeros((groups, table.shape[1]))
    for at in range(0, len(grouped), 2**16):
        rows = grouped[at : at + 2**16]
        np.add.at(sums, labels[rows], table[rows])
    means = sums / sizes[:, None]
    for row in left.tolist():
        square = ((means - table[row]) ** 2).sum(axis=1)
        square[sizes >= largest] = np.inf
        labels[row] = int(square.argmin())
        sizes[labels[row]] += 1
