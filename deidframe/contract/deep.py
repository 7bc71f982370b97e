"""Pictures of more than eight bits: which values are black and which are white."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

WHITE = (255, 1023, 4095, 16383, 65535, 2**24 - 1, 2**31 - 1, 2**32 - 1)
"""White of 8, 10, 12, 14, 16, 24, 31 and 32 bits."""
LEAST = 0.35
"""A picture that fills less than this part of its range has a range of its own: an offset, or the depth of its scanner."""
BITS, SMALLEST, LARGEST, SAMPLE_MIN, SAMPLE_MAX = 258, 280, 281, 340, 341
"""TIFF tags: bits of a sample, and the least and largest value there may be."""


def to_eight_bits(values: NDArray[Any], tags: Mapping[int, Any] | None = None) -> NDArray[np.uint8]:
    """Return a picture of any depth in 8 bits, all channels stretched alike.

    What the file's tags say of black and white counts. Without, white is that of the least depth that holds the largest value;
    where the picture then fills only a part of the range, what is there is stretched, black to white.

    Args:
        values: `(H, W)` or `(H, W, C)`, integers of any width or floats (0 to 1, -1 to 1, 0 to 255 or 0 to 65,535); what is not
            finite is black.
        tags: TIFF tags by number.
    """
    table = np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if table.size == 0:
        return table.astype(np.uint8)
    black, white = _range(table, values.dtype.kind == "f", tags or {})
    scaled = (table - black) * (255.0 / (white - black))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _range(table: NDArray[np.float64], is_float: bool, tags: Mapping[int, Any]) -> tuple[float, float]:
    low, high = float(table.min()), float(table.max())
    said = _said(tags, high)
    if said is not None:
        return said
    if low >= 0 and is_float and high <= 1:
        black, white = 0.0, 1.0
    elif low >= -1 and is_float and high <= 1:
        black, white = -1.0, 1.0
    elif low >= 0:
        black, white = 0.0, float(next((one for one in WHITE if high <= one), high))
    else:
        black, white = low, high
    # single hot or dead pixels say nothing of the range
    inside = np.percentile(table, (0.1, 99.9))
    if inside[1] - inside[0] < LEAST * (white - black) and inside[1] > inside[0]:
        return float(inside[0]), float(inside[1])
    return black, white if white > black else black + 1.0


def _said(tags: Mapping[int, Any], high: float) -> tuple[float, float] | None:
    """Return the black and white that tags state, None where they state none or less than what is there."""
    for least, largest in ((SAMPLE_MIN, SAMPLE_MAX), (SMALLEST, LARGEST)):
        if least in tags and largest in tags:
            black, white = _first(tags[least]), _first(tags[largest])
            if white > black and white >= high:
                return black, white
    return None


def _first(value: Any) -> float:
    return float(value[0] if isinstance(value, (tuple, list)) else value)
