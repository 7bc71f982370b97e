"""Eigenfaces: the principal components of the database's own grey faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, FaceSet, PluginError
from deidframe_encoders.pixels import grey_faces
from deidframe_encoders.plugin import PcaParams

BATCH = 64


class Eigenfaces:
    """Encoder `pca`. It learns from the faces of the run before it encodes any."""

    def __init__(self, params: PcaParams, context: Context) -> None:
        self._params = params
        self._mean: NDArray[np.float32] | None = None
        self._axes: NDArray[np.float32] | None = None

    def fit(self, faces: FaceSet) -> None:
        """Learn mean and axes from at most `sample` faces, spread evenly over the database.

        Raises:
            PluginError: fewer than two faces.
        """
        count = min(self._params.sample, len(faces))
        if count < 2:
            raise PluginError("eigenfaces need at least two faces to learn from")
        rows = np.linspace(0, len(faces) - 1, count).astype(np.int64)
        parts = [grey_faces(part, self._params.size) for part in faces.take(rows).batches(BATCH)]
        table = np.concatenate(parts)
        self._mean = table.mean(axis=0)
        kept = min(self._params.components, count - 1)
        _, _, axes = np.linalg.svd(table - self._mean, full_matrices=False)
        signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])  # so that equal data give equal signs
        self._axes = np.ascontiguousarray((axes * signs[:, None])[:kept], np.float32)

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, components)` float32 coordinates on the axes.

        Raises:
            PluginError: `fit` was not called.
        """
        if self._mean is None or self._axes is None:
            raise PluginError("eigenfaces have not learned from any face yet")
        table = grey_faces(faces, self._params.size) - self._mean
        return Embeddings(faces.ids, (table @ self._axes.T).astype(np.float32), "pca")
