"""k-Same-Pixel: the weighted mean of a group's aligned pictures."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, FaceSet, IndexedStack, Surrogates, new_pictures
from deidframe_ksame.plugin import NoParams

GROUPS_AT_ONCE = 256
BATCH = 64


class PixelMean:
    """Synthesizer `pixel-mean`. Groups are summed some at a time and pictures are read in batches, so memory stays bounded."""

    def __init__(self, params: NoParams, context: Context) -> None:
        self._context = context

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return one mean picture for each group, shown by all its faces."""
        height, width = faces.size
        groups, inverse = np.unique(surrogates.groups, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        starts = np.searchsorted(inverse[order], np.arange(len(groups) + 1))
        pictures = new_pictures(len(groups), height, width, self._context.scratch)
        blocks = range(0, len(groups), GROUPS_AT_ONCE)
        for first in self._context.track(blocks, len(blocks), "average pixels"):
            last = min(first + GROUPS_AT_ONCE, len(groups))
            sums = np.zeros((last - first, height, width, 3), np.float32)
            rows = order[starts[first] : starts[last]]
            for start in range(0, len(rows), BATCH):
                part = rows[start : start + BATCH]
                for row, picture in zip(part.tolist(), faces.images[part], strict=True):
                    sums[inverse[row] - first] += np.float32(surrogates.weights[row]) * picture
            pictures[first:last] = np.clip(np.rint(sums), 0, 255)
        return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)), faces.landmarks)
