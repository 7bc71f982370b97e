"""k-Same-Eigen: faces as coordinates on eigenfaces; a group's mean coordinates make its picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, IndexedStack, Surrogates, means, new_pictures
from deidframe_classical.means import as_picture, sampled
from deidframe_classical.plugin import EigenParams

SIDE = 128
"""Pixels at which eigenfaces are held; 64 of them are 12 MB."""
Array = NDArray[np.float32]


@dataclass(frozen=True)
class EigenFaces:
    """Principal components of pictures.

    Args:
        mean: `(D,)`.
        components: `(M, D)` orthonormal rows.
    """

    mean: Array
    components: Array

    def nearest(self, picture: Array) -> Array:
        """Return the picture in the model's span that is nearest to this one, both `(D,)`."""
        return np.asarray(self.mean + ((picture - self.mean) @ self.components.T) @ self.components, np.float32)


def fit(rows: Array, components: int) -> EigenFaces:
    """Fit by the method of snapshots: the small Gram matrix of N pictures instead of the large covariance.

    Source: Sirovich, Kirby, Low-dimensional procedure for the characterization of human faces, JOSA A 4(3), 1987.

    Args:
        rows: `(N, D)`; overwritten by the centred rows.
        components: at most; no more than N - 1 are there.
    """
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows -= mean
    values, vectors = np.linalg.eigh(rows.astype(np.float32) @ rows.T)
    order = np.argsort(-values)[: min(components, max(len(rows) - 1, 0))]
    order = order[values[order] > max(float(values.max(initial=0)) * 1e-6, 1e-12)]
    basis = (rows.T @ vectors[:, order]).T / np.sqrt(values[order])[:, None]
    return EigenFaces(mean, np.ascontiguousarray(basis, np.float32))


class Eigen:
    """Synthesizer `eigen`."""

    def __init__(self, params: EigenParams, context: Context) -> None:
        self._params, self._context = params, context

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return one picture for each group: its mean coordinates, drawn."""
        height, width = faces.size
        groups, inverse = np.unique(surrogates.groups, return_inverse=True)
        chosen = sampled(faces, self._params.sample, self._context)
        rows = np.empty((len(chosen), SIDE * SIDE * 3), np.float32)
        for place, row in enumerate(self._context.track(chosen.tolist(), len(chosen), "fit eigenfaces")):
            rows[place] = small(np.asarray(faces.images[row : row + 1])[0]).reshape(-1)
        model = fit(rows, self._params.components)
        del rows
        pictures = new_pictures(len(groups), height, width, self._context.scratch)

        def put(group: int, mean: Array) -> None:
            # projection is linear, so the mean of the coordinates is the coordinates of the mean
            drawn = model.nearest(small(mean).reshape(-1)).reshape(SIDE, SIDE, 3)
            pictures[group] = as_picture(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_CUBIC))

        means.group_means(faces, surrogates.weights, inverse, lambda picture, row: picture.astype(np.float32), put, self._context)
        return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)), faces.landmarks)


def small(picture: NDArray[Any]) -> Array:
    """Return the picture at the model's size, float32."""
    return np.asarray(cv2.resize(picture.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
