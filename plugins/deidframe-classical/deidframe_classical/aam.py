"""k-Same-M: shape and texture apart. Textures are averaged where features lie on each other, then warped to the mean shape."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from deidframe.contract import Context, FaceSet, IndexedStack, PluginError, Surrogates, means, new_pictures
from deidframe_classical.eigen import SIDE, fit, small
from deidframe_classical.means import as_picture, sampled
from deidframe_classical.plugin import EigenParams

Array = NDArray[np.float32]
FRAME = np.array([(0, 0), (0.5, 0), (1, 0), (1, 0.5), (1, 1), (0.5, 1), (0, 1), (0, 0.5)])
"""Points of the frame that stay where they are, as fractions of the side."""


class Aam:
    """Synthesizer `aam`: an active appearance model on the five landmarks that every detector gives.

    Five points are few for a shape: eyes, nose and mouth corners fall on each other, chins and brows do not, and stay soft.
    """

    def __init__(self, params: EigenParams, context: Context) -> None:
        self._params, self._context = params, context

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return one picture for each group: mean texture on the mean shape.

        Raises:
            PluginError: the faces have no landmarks.
        """
        if faces.landmarks is None:
            raise PluginError("aam needs the faces' landmarks")
        height, width = faces.size
        groups, inverse = np.unique(surrogates.groups, return_inverse=True)
        marks = faces.landmarks.astype(np.float64)
        base = marks.mean(axis=0)
        triangles = mesh(base, width, height)
        chosen = sampled(faces, self._params.sample, self._context)
        rows = np.empty((len(chosen), SIDE * SIDE * 3), np.float32)
        for place, row in enumerate(self._context.track(chosen.tolist(), len(chosen), "fit textures")):
            picture = np.asarray(faces.images[row : row + 1])[0]
            rows[place] = small(warp(picture, marks[row], base, triangles)).reshape(-1)
        model = fit(rows, self._params.components)
        del rows
        shapes = np.zeros((len(groups), 5, 2))
        np.add.at(shapes, inverse, surrogates.weights[:, None, None] * marks)
        pictures = new_pictures(len(groups), height, width, self._context.scratch)

        def put(group: int, mean: Array) -> None:
            texture = model.nearest(small(mean).reshape(-1)).reshape(SIDE, SIDE, 3)
            large = cv2.resize(texture, (width, height), interpolation=cv2.INTER_CUBIC)
            pictures[group] = as_picture(warp(large, base, shapes[group], triangles))

        def prepare(picture: NDArray[np.uint8], row: int) -> Array:
            return warp(picture, marks[row], base, triangles).astype(np.float32)

        means.group_means(faces, surrogates.weights, inverse, prepare, put, self._context)
        return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)), faces.landmarks)


def points(marks: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Return the landmarks and the points of the frame, `(13, 2)` pixels."""
    return np.vstack([marks, FRAME * (width - 1, height - 1)])


def mesh(marks: NDArray[np.float64], width: int, height: int) -> NDArray[np.int64]:
    """Return the Delaunay triangles `(T, 3)` of the landmarks and the frame."""
    return np.asarray(Delaunay(points(marks, width, height)).simplices, np.int64)


def warp(
    picture: NDArray[Any], source: NDArray[np.float64], target: NDArray[np.float64], triangles: NDArray[np.int64]
) -> NDArray[Any]:
    """Return the picture with its landmarks moved from `source` to `target`, affine in each triangle.

    Args:
        picture: `(H, W, 3)` uint8 or float32.
        source, target: `(5, 2)` pixels.
        triangles: from `mesh`.
    """
    height, width = picture.shape[:2]
    before, after = points(source, width, height), points(target, width, height)
    across = np.zeros((height, width), np.float32)
    down = np.zeros((height, width), np.float32)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    across[:], down[:] = columns, rows
    for triangle in triangles:
        matrix = cv2.getAffineTransform(after[triangle].astype(np.float32), before[triangle].astype(np.float32))
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, np.rint(after[triangle]).astype(np.int32), 1)
        inside = mask.astype(bool)
        across[inside] = matrix[0, 0] * columns[inside] + matrix[0, 1] * rows[inside] + matrix[0, 2]
        down[inside] = matrix[1, 0] * columns[inside] + matrix[1, 1] * rows[inside] + matrix[1, 2]
    return np.asarray(cv2.remap(np.ascontiguousarray(picture), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
