"""Where aiming begins: a ridge map, fitted on the bank, from the encodings of several recognisers together to W."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe_stylegan.bank import REACH, SPACES, load_bank

RIDGE = 2.0
"""On 20 groups of real people starts lose 3.08 / 2.62 / 2.96 (SFace / dlib / FaceNet) with 20, and 2.83 / 2.35 / 2.59 with 2."""
SCALE = 1.5
"""How far to go: a ridge map is too cautious by about this much."""
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Start:
    """A map from encodings to coordinates on W's axes.

    Args:
        spaces: embedding spaces in the order in which encodings are joined.
        factors: what each is multiplied by, so that all vary equally.
        mean: `(D,)` of the joined encodings.
        map: `(D, A)`.
        w_mean: `(512,)`.
        basis: `(A, 512)`.
    """

    spaces: tuple[str, ...]
    factors: tuple[float, ...]
    mean: Vector
    map: Vector
    w_mean: Vector
    basis: Vector

    def points(self, targets: Mapping[str, Vector], scale: float = SCALE) -> Vector:
        """Return `(G, A)` starts for G groups.

        Args:
            targets: for each space of `spaces` the groups' `(G, D)` targets; only their directions count.
            scale: see `SCALE`.
        """
        joined = np.concatenate(
            [factor * _unit(targets[space]) for space, factor in zip(self.spaces, self.factors, strict=True)], axis=1
        )
        q = scale * ((joined - self.mean) @ self.map)
        limit = REACH * np.sqrt(q.shape[1])
        norms = np.linalg.norm(q, axis=1, keepdims=True)
        return np.asarray(q * np.minimum(1.0, limit / np.maximum(norms, 1e-12)), np.float32)


def fit_start(spaces: tuple[str, ...]) -> Start | None:
    """Fit the map on the bank for those of the spaces that it knows; None if it knows none. Takes some 50 ms."""
    known = tuple(space for space in SPACES if space in spaces)
    if not known:
        return None
    banks = [load_bank(space) for space in known]
    bank = banks[0]
    q = ((bank.w - bank.w_mean) @ bank.basis.T) / (bank.basis**2).sum(axis=1)
    spread = [float(one.encodings.var(axis=0).sum()) for one in banks]
    factors = tuple(float(np.sqrt(spread[0] / one)) for one in spread)
    x = np.concatenate([factor * one.encodings for factor, one in zip(factors, banks, strict=True)], axis=1)
    mean = x.mean(axis=0)
    centred = (x - mean).astype(np.float64)
    inner = centred.T @ centred + RIDGE * np.eye(x.shape[1])
    fitted = np.linalg.solve(inner, centred.T @ (q - q.mean(axis=0)))
    return Start(known, factors, mean, fitted.astype(np.float32), bank.w_mean, bank.basis)


def _unit(rows: Vector) -> Vector:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)
