"""MediaPipe's face mesh, run by OpenVINO on faces that were brought upright and to one size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, Points, align
from deidframe.models import Network, read_graph, weights_path
from deidframe_mesh.plugin import FaceMeshParams

SIDE, COUNT = 192, 468
CORNER, PART = np.array([0.07, 0.12]), 0.86
"""Of an aligned face picture the network is shown this part: a face and a quarter of its size around it."""
TARGET = (align.TEMPLATE - CORNER) / PART * SIDE
"""Where the five landmarks lie in the network's input."""


class FaceMesh:
    """Landmarker `face-mesh`.

    Args:
        params: none.
        context: gives access to the weights.
    """

    def __init__(self, params: FaceMeshParams, context: Context) -> None:
        graph = read_graph(weights_path("deidframe_mesh", "face-mesh", context))
        self._network = Network(graph, [(1, SIDE, SIDE, 3)])

    def mark(self, faces: FaceSet) -> Points:
        """Return the mesh of each face in pixels of its picture; depth is in the same unit, away from the viewer."""
        points = np.zeros((len(faces), COUNT, 3), np.float32)
        presence = np.zeros(len(faces), np.float32)
        flat = np.repeat(align.template(faces.size[0])[None], len(faces), axis=0)
        marks = flat if faces.landmarks is None else faces.landmarks
        for row in range(len(faces)):  # the network takes one face at a time, in a millisecond
            try:
                matrix = align.similarity(marks[row], TARGET)
            except ValueError:  # landmarks without a size: no face
                continue
            chip = align.warp(np.asarray(faces.images[row : row + 1])[0], matrix, SIDE)
            said = sorted(self._network(chip[None].astype(np.float32) / 255), key=lambda one: one.size)
            presence[row] = 1 / (1 + np.exp(-float(said[0].reshape(-1)[0])))
            points[row] = _back(said[1].reshape(COUNT, 3), matrix)
        return Points(faces.ids, points, presence)


def _back(points: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return points of the network's input in pixels of the picture that it was cut from."""
    turn, shift = matrix[:, :2], matrix[:, 2]
    scale = float(np.sqrt(np.linalg.det(turn)))
    flat = np.linalg.solve(turn, (points[:, :2] - shift).T).T
    return np.concatenate([flat, points[:, 2:] / scale], axis=1).astype(np.float32)
