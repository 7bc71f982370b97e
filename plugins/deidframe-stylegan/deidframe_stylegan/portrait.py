"""What portraits have: how colours are spread over a face, and how pose and expression follow from W."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import PluginError

PORTRAIT = Path(__file__).parent / "portrait.npz"
GRID = 6
"""Cells along each side of the face region in which colours are compared."""
REGION = (0.2, 0.8, 0.25, 0.85)
"""Left, right, top, bottom of the face region in a picture, as fractions of its side."""
POSES = ("yaw", "pitch", "mouth width", "mouth drop")
"""What the five landmarks tell of pose and expression, in units of the distance of the eyes."""
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Portrait:
    """Measured on faces of the bank.

    Args:
        colour_mean: `(3 * 36,)` mean colours of the grid's cells, -1 to 1.
        colour_whiten: `(108, 108)` whitens them.
        pose_map: `(A, 4)` from coordinates on W's axes to poses, standardised: 0 is usual, 1 a standard deviation.
    """

    colour_mean: Vector
    colour_whiten: Vector
    pose_map: Vector


def load_portrait(path: Path = PORTRAIT) -> Portrait:
    """Return what is shipped.

    Raises:
        PluginError: the file is not in the package.
    """
    if not path.is_file():
        raise PluginError(f"deidframe-stylegan: {path.name} is not in the installed package; reinstall it")
    with np.load(path, allow_pickle=False) as held:
        return Portrait(*(held[key].astype(np.float32) for key in ("colour_mean", "colour_whiten", "pose_map")))


def poses(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the `(N, 4)` poses of `(N, 5, 2)` landmarks (eyes, nose, mouth corners)."""
    marks = np.asarray(landmarks, np.float64)
    middle, axis = (marks[:, 0] + marks[:, 1]) / 2, marks[:, 1] - marks[:, 0]
    apart = np.linalg.norm(axis, axis=1, keepdims=True)
    across = axis / apart
    down = np.stack([-across[:, 1], across[:, 0]], axis=1)
    nose, mouth = (marks[:, 2] - middle) / apart, ((marks[:, 3] + marks[:, 4]) / 2 - middle) / apart
    width = np.linalg.norm(marks[:, 4] - marks[:, 3], axis=1) / apart[:, 0]
    return np.stack([(nose * across).sum(1), (nose * down).sum(1), width, (mouth * down).sum(1)], axis=1)
