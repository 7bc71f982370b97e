"""A seeded sample of faces, and values as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet


def sampled(faces: FaceSet, most: int, context: Context) -> NDArray[np.int64]:
    """Return rows of a seeded sample, all of them where there are no more; it depends on the ids and not on their order."""
    if len(faces) <= most:
        return np.arange(len(faces))
    order = np.argsort(np.array(faces.ids, dtype=object).astype(str), kind="stable")
    return np.sort(order[context.rng("sample").choice(len(faces), most, replace=False)])


def as_picture(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return `(H, W, 3)` uint8, clipped and rounded."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
