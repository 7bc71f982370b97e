"""Weighted mean pictures of groups, streamed, and a seeded sample of faces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet

GROUPS_AT_ONCE = 256
BATCH = 64


def group_means(
    faces: FaceSet,
    weights: NDArray[np.float64],
    inverse: NDArray[np.int64],
    prepare: Callable[[NDArray[np.uint8], int], NDArray[np.float32]],
    put: Callable[[int, NDArray[np.float32]], None],
) -> None:
    """Hand `put` the weighted mean of each group's prepared pictures, in order of the groups.

    Args:
        faces: read in batches. weights: `(N,)`, summing to one in each group. inverse: `(N,)` group of each face, from 0.
        prepare: from one `(H, W, 3)` picture and its row to the `(H, W, 3)` float32 that is averaged.
        put: takes a group and its mean.
    """
    groups = int(inverse.max(initial=-1)) + 1
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(groups + 1))
    height, width = faces.size
    for first in range(0, groups, GROUPS_AT_ONCE):
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


def sampled(faces: FaceSet, most: int, context: Context) -> NDArray[np.int64]:
    """Return rows of a seeded sample, all of them where there are no more; it depends on the ids and not on their order."""
    if len(faces) <= most:
        return np.arange(len(faces))
    order = np.argsort(np.array(faces.ids, dtype=object).astype(str), kind="stable")
    return np.sort(order[context.rng("sample").choice(len(faces), most, replace=False)])


def as_picture(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return `(H, W, 3)` uint8, clipped and rounded."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
