"""Weighted mean pictures of groups, streamed: groups are summed some at a time and pictures read in batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.component import Context

GROUPS_AT_ONCE = 256
BATCH = 64


def group_means(
    faces: FaceSet,
    weights: NDArray[np.float64],
    inverse: NDArray[np.int64],
    prepare: Callable[[NDArray[np.uint8], int], NDArray[np.float32]],
    put: Callable[[int, NDArray[np.float32]], None],
    context: Context,
) -> None:
    """Hand `put` the weighted mean of each group's prepared pictures, in order of the groups.

    Args:
        faces: read in batches.
        weights: `(N,)`, summing to one in each group.
        inverse: `(N,)` group of each face, from 0.
        prepare: from one `(H, W, 3)` picture and its row to the `(H, W, 3)` float32 that is averaged.
        put: takes a group and its mean.
        context: shows progress.
    """
    groups = int(inverse.max(initial=-1)) + 1
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(groups + 1))
    height, width = faces.size
    blocks = range(0, groups, GROUPS_AT_ONCE)
    for first in context.track(blocks, len(blocks), "average pictures"):
        last = min(first + GROUPS_AT_ONCE, groups)
        sums = np.zeros((last - first, height, width, 3), np.float32)
        rows = order[starts[first] : starts[last]]
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            for row, picture in zip(part.tolist(), faces.images[part], strict=True):
                if weights[row] > 0:
                    sums[inverse[row] - first] += np.float32(weights[row]) * prepare(picture, row)
        for group in range(first, last):
            put(group, sums[group - first])
