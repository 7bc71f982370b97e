"""k-Same-Pixel: the weighted mean of a group's aligned pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, IndexedStack, Surrogates, means, new_pictures
from deidframe_ksame.plugin import NoParams


class PixelMean:
    """Synthesizer `pixel-mean`."""

    def __init__(self, params: NoParams, context: Context) -> None:
        self._context = context

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return one mean picture for each group, shown by all its faces."""
        height, width = faces.size
        groups, inverse = np.unique(surrogates.groups, return_inverse=True)
        pictures = new_pictures(len(groups), height, width, self._context.scratch)

        def put(group: int, mean: NDArray[np.float32]) -> None:
            pictures[group] = np.clip(np.rint(mean), 0, 255)

        means.group_means(faces, surrogates.weights, inverse, lambda picture, row: picture.astype(np.float32), put, self._context)
        return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)), faces.landmarks)
