"""Loops over a strip of a layer's features, channels innermost: what lies between two matrix products is done in one pass.

A layer at 512 pixels holds 64 MB of features. Operation after operation over all of it, as an engine works, waits for memory
most of the time; these loops keep three rows and hand the rest on.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_HALF, _SLOPE = np.float32(0.5), np.float32(0.2)


@numba.njit(inline="always")  # type: ignore[misc, unused-ignore]
def _filtered(above: Array, middle: Array, below: Array, kernels: Array, out: Array) -> None:
    """One row of a depthwise 3x3 convolution. Rows `(N + 2, C)` with a margin, kernels `(9, C)`, out `(N, C)`."""
    for j in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[j, c] = (
                above[j, c] * kernels[0, c]
                + above[j + 1, c] * kernels[1, c]
                + above[j + 2, c] * kernels[2, c]
                + middle[j, c] * kernels[3, c]
                + middle[j + 1, c] * kernels[4, c]
                + middle[j + 2, c] * kernels[5, c]
                + below[j, c] * kernels[6, c]
                + below[j + 1, c] * kernels[7, c]
                + below[j + 2, c] * kernels[8, c]
            )


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def transformed_and_filtered(x: Array, first: int, kernels: Array, out: Array) -> None:
    """Undo a Haar transform and convolve depthwise, for rows `first` to `first + len(out)` of the twice as large result.

    Args:
        x: `(S, S, 4 C)`: C low channels, then C of each of three details (vertical, horizontal, both). kernels: `(9, C)`.
        out: `(rows, 2 S, C)`, written; beyond the edge is nothing (0).
    """
    side, channels = x.shape[0], x.shape[2] // 4
    rows = np.zeros((3, 2 * side + 2, channels), np.float32)
    for i in range(-1, out.shape[0] + 1):
        row = first + i
        into = rows[(i + 3) % 3]
        if row < 0 or row >= 2 * side:
            into[:] = 0
        else:
            sign = np.float32(1 - 2 * (row & 1))
            for j in range(side):
                p = x[row >> 1, j]
                for c in range(channels):
                    mean = p[c] + sign * p[channels + c]
                    step = p[2 * channels + c] + sign * p[3 * channels + c]
                    into[2 * j + 1, c] = _HALF * (mean + step)
                    into[2 * j + 2, c] = _HALF * (mean - step)
        if i >= 1:
            _filtered(rows[(i + 1) % 3], rows[(i + 2) % 3], into, kernels, out[i - 1])


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def bent_and_filtered(x: Array, first: int, noise: Array, bias: Array, style: Array, kernels: Array, out: Array) -> None:
    """Add noise and bias, rectify, scale by style, and convolve depthwise, for rows `first` to `first + len(out)`.

    Args:
        x: `(rows + 2, N, C)`: what a pointwise convolution gave for these rows and one more at each end. noise: `(N, N)`.
        bias, style: `(C,)`. kernels: `(9, C)`. out: `(rows, N, C)`, written.
    """
    side, channels = x.shape[1], x.shape[2]
    rows = np.zeros((3, side + 2, channels), np.float32)
    for i in range(-1, out.shape[0] + 1):
        row = first + i
        into = rows[(i + 3) % 3]
        if row < 0 or row >= side:
            into[:] = 0
        else:
            _bend(x[i + 1], noise[row], bias, style, into[1 : side + 1])
        if i >= 1:
            _filtered(rows[(i + 1) % 3], rows[(i + 2) % 3], into, kernels, out[i - 1])


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def bent(x: Array, first: int, noise: Array, bias: Array, style: Array) -> None:
    """Add noise and bias, rectify and scale by style, in place, in rows `first` to `first + len(x)` of a layer.

    Args:
        x: `(rows, N, C)`. noise: `(N, N)`. bias, style: `(C,)`.
    """
    for i in range(x.shape[0]):
        _bend(x[i], noise[first + i], bias, style, x[i])


@numba.njit(inline="always")  # type: ignore[misc, unused-ignore]
def _bend(x: Array, noise: Array, bias: Array, style: Array, out: Array) -> None:
    for j in range(x.shape[0]):
        for c in range(x.shape[1]):
            value = x[j, c] + noise[j] + bias[c]
            out[j, c] = style[c] * max(value, _SLOPE * value)


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def spread(x: Array, bias: Array, out: Array) -> None:
    """Add the bias, turn -1..1 into 0..255 and lay each pixel's block of four out as pixels.

    Args:
        x: `(rows, N, 12)`: red, green and blue of the upper left pixel, the upper right, the lower left, the lower right.
        bias: `(12,)`. out: `(2 rows, 2 N, 3)`, written.
    """
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            for part in range(12):
                out[2 * i + part // 6, 2 * j + part // 3 % 2, part % 3] = _level(x[i, j, part] + bias[part])


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def averaged(x: Array, bias: Array, out: Array) -> None:
    """As `spread`, with the mean of each block of four for one pixel: out is `(rows, N, 3)`."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            for colour in range(3):
                total = np.float32(0)
                for part in range(colour, 12, 3):
                    total += _level(x[i, j, part] + bias[part])
                out[i, j, colour] = np.float32(0.25) * total


@numba.njit(inline="always")  # type: ignore[misc, unused-ignore]
def _level(value: np.float32) -> np.float32:
    return np.float32(127.5) * (min(max(value, np.float32(-1)), np.float32(1)) + np.float32(1))
