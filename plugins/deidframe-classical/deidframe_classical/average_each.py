"""Historical: every picture its own mean with its nearest, in a soft oval, so that a reader sees what sharing is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, LazyStack, PluginError, Surrogates
from deidframe_classical.means import as_picture
from deidframe_classical.plugin import AverageEachParams

OVAL = (0.5, 0.56, 0.26, 0.34)
"""Centre and half axes of the oval, as fractions of the side of an aligned face."""
SOFT = 0.25
"""Share of the oval's radius over which the mean fades into the picture."""
ROWS_AT_ONCE = 512


class AverageEach:
    """Synthesizer `average-each`: no picture is shared, so there is no k, and the core never releases it."""

    def __init__(self, params: AverageEachParams, context: Context) -> None:
        if context.recognizer is None:
            raise PluginError("average-each needs a recognizer: it averages pictures that the grouping encoder finds alike")
        self._neighbours, self._recognizer = params.neighbours, context.recognizer

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return each picture blended with the mean of itself and its nearest pictures."""
        vectors = self._recognizer.encode(faces).vectors
        count = min(self._neighbours, len(faces) - 1)
        near = np.empty((len(faces), count + 1), np.int64)
        for start in range(0, len(faces), ROWS_AT_ONCE):
            part = vectors[start : start + ROWS_AT_ONCE]
            alike = part @ vectors.T
            at = np.arange(len(part))
            alike[at, start + at] = np.inf  # itself first
            near[start : start + len(part)] = np.argsort(-alike, axis=1, kind="stable")[:, : count + 1]
        return FaceSet(faces.ids, averages(faces, near), faces.landmarks)


def averages(faces: FaceSet, near: NDArray[np.int64]) -> LazyStack:
    """Return the pictures, made when they are asked for; only those that are averaged are read.

    Args:
        near: `(N, C)` rows that each is the mean of, its own first.
    """
    soft = oval(*faces.size)[:, :, None]

    def averaged(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        out = np.empty((len(rows), *faces.images.shape[1:]), np.uint8)
        for place, row in enumerate(rows.tolist()):
            part = np.asarray(faces.images[near[row]], np.float32)
            out[place] = as_picture(soft * part.mean(axis=0) + (1 - soft) * part[0])
        return out

    return LazyStack(tuple(faces.images.shape), averaged)


def oval(height: int, width: int) -> NDArray[np.float32]:
    """Return the share of the mean at each pixel, 1 inside the oval, 0 outside, fading between."""
    x, y, a, b = OVAL
    rows, columns = np.mgrid[0:height, 0:width]
    radius = np.sqrt((((columns + 0.5) / width - x) / a) ** 2 + (((rows + 0.5) / height - y) / b) ** 2)
    return np.asarray(np.clip((1 + SOFT / 2 - radius) / SOFT, 0, 1), np.float32)
