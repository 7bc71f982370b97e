"""Encodings of length one, which are compared by cosine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Return rows scaled to length 1; a zero row stays zero and is equally far from all."""
    table = np.asarray(vectors, np.float32)
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    return np.asarray(table / np.where(norms > 0, norms, 1), np.float32)
