"""The shipped bank: some three thousand faces of nobody with W and encodings, and a linear map from encoding to W."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import PluginError

BANK = Path(__file__).parent / "bank.npz"
SPACES = ("dlib-resnet", "sface", "facenet")
"""Embedding spaces that the bank knows."""
REACH = 0.6
"""Root mean square of a point in whitened W beyond which faces stop being faces; a random draw has 1."""
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Bank:
    """What is known of one embedding space.

    Args:
        w: `(N, 512)` points of W.
        encodings: `(N, D)` of their faces, unit length.
        w_mean: `(512,)`.
        basis: `(A, 512)` principal axes of W, scaled by their standard deviations.
        mean: `(D,)` mean of `encodings`.
        map: `(D, A)` ridge map from an encoding less the mean to coordinates on the axes.
    """

    w: Vector
    encodings: Vector
    w_mean: Vector
    basis: Vector
    mean: Vector
    map: Vector

    def predict(self, target: Vector, scale: float) -> Vector:
        """Return the `(512,)` point of W whose face should have this encoding.

        Args:
            target: `(D,)`; only its direction counts.
            scale: how far to go from the mean face; capped at `REACH`.
        """
        unit = target / max(float(np.linalg.norm(target)), 1e-12)
        q = scale * ((unit - self.mean) @ self.map)
        limit = REACH * np.sqrt(len(q))
        q = q * min(1.0, limit / max(float(np.linalg.norm(q)), 1e-12))
        return np.asarray(self.w_mean + q @ self.basis, np.float32)

    def nearest(self, target: Vector, count: int) -> NDArray[np.int64]:
        """Return the rows whose faces are most like the target, most alike first."""
        alike = self.encodings @ target
        return np.asarray(np.argsort(-alike, kind="stable")[:count], np.int64)

    def blend(self, target: Vector, rows: NDArray[np.int64], temperature: float = 0.03) -> Vector:
        """Return the mean of these rows in W, the more alike ones weighing more."""
        alike = self.encodings[rows] @ target
        weights = np.exp((alike - alike.max()) / temperature)
        return np.asarray((weights / weights.sum()) @ self.w[rows], np.float32)


def load_bank(space: str, path: Path = BANK) -> Bank:
    """Return the bank of one embedding space.

    Raises:
        PluginError: the file is not in the package, or does not know this space.
    """
    if not path.is_file():
        raise PluginError(f"deidframe-stylegan: {path.name} is not in the installed package; reinstall it")
    key = space.replace("-", "_")
    with np.load(path, allow_pickle=False) as held:
        if f"{key}_map" not in held:
            raise PluginError(f"stylegan knows the encodings of {', '.join(SPACES)}, not of {space!r}")
        f = np.float32
        return Bank(
            held["w"].astype(f),
            held[f"{key}_bank"].astype(f),
            held["w_mean"].astype(f),
            held["basis"].astype(f),
            held[f"{key}_mean"].astype(f),
            held[f"{key}_map"].astype(f),
        )
