"""Compare what lies around the face: a redactor that changes a face alone leaves its picture's owner there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Briefing, Context, FaceSet, LinkScores
from deidframe_reid.nearest_face import link_scores
from deidframe_reid.plugin import SurroundingsParams

BATCH = 64
SIDE = 32
"""Pixels of a side to which pictures are made smaller: enough to tell backgrounds apart, and forgiving to JPEG."""


class Surroundings:
    """Attacker `surroundings`; it needs no encoder.

    Args:
        params: how much of the picture is left out around its middle.
        context: not used.
    """

    def __init__(self, params: SurroundingsParams, context: Context) -> None:
        grid = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
        self._outside = np.hypot(grid[None, :], grid[:, None]) > params.radius

    def prepare(self, briefing: Briefing) -> None:
        """Keep what lies around the faces of the gallery."""
        self._ids = briefing.gallery.ids
        self._known = self._around(briefing.gallery)

    def attack(self, probes: FaceSet) -> LinkScores:
        """Return minus the mean squared difference of grey levels around the face."""
        shown = self._around(probes)
        squares = (
            (shown**2).mean(axis=1)[:, None] + (self._known**2).mean(axis=1)[None] - 2 * shown @ self._known.T / shown.shape[1]
        )
        return link_scores(probes, self._ids, (-squares).astype(np.float32), np.ones(len(probes), bool))

    def _around(self, faces: FaceSet) -> NDArray[np.float32]:
        """Return `(N, D)` colours of the pixels around the middle."""
        out = np.empty((len(faces), int(self._outside.sum()) * 3), np.float32)
        for start in range(0, len(faces), BATCH):
            pictures = np.asarray(faces.images[start : start + BATCH])
            out[start : start + len(pictures)] = smaller(pictures)[:, self._outside].reshape(len(pictures), -1) / 255
        return out


def smaller(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return `(N, SIDE, SIDE, 3)` means of the blocks of `(N, H, W, 3)` pictures, each side at least `SIDE` pixels."""
    out: NDArray[np.float32] = pictures.astype(np.float32)
    for axis in (1, 2):
        edges = np.arange(SIDE) * out.shape[axis] // SIDE
        counts = np.diff(np.append(edges, out.shape[axis])).reshape([-1 if n == axis else 1 for n in range(4)])
        out = (np.add.reduceat(out, edges, axis=axis) / counts).astype(np.float32)
    return out
