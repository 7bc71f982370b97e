"""Loops over a strip of a layer's features, channels innermost: what lies between two matrix products is done in one pass.

A layer at 512 pixels holds 64 MB of features. Operation after operation over all of it, as an engine works, waits for memory
most of the time; these loops keep three rows and hand the rest on.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from deidframe_stylegan.arrays import SLOPE

Array = NDArray[np.float32]
_HALF, _SLOPE = np.float32(0.5), np.float32(SLOPE)


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
def transformed_and_filtered(x: Array, factor: Array, first: int, kernels: Array, out: Array) -> None:
    """Scale, undo a Haar transform and convolve depthwise, for rows `first` to `first + len(out)` of the twice as large result.

    Args:
        x: `(S, S, 4 C)`: C low channels, then C of each of three details (vertical, horizontal, both).
        factor: `(4 C,)`.
        kernels: `(9, C)`.
        out: `(rows, 2 S, C)`, written; beyond the edge is nothing (0).
    """
    side, channels = x.shape[0], x.shape[2] // 4
    rows = np.zeros((3, 2 * side + 2, channels), np.float32)
    halves = _HALF * factor
    low, vertical, horizontal, both = halves[:channels], halves[channels:], halves[2 * channels :], halves[3 * channels :]
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
                    mean = p[c] * low[c] + sign * (p[channels + c] * vertical[c])
                    step = p[2 * channels + c] * horizontal[c] + sign * (p[3 * channels + c] * both[c])
                    into[2 * j + 1, c] = mean + step
                    into[2 * j + 2, c] = mean - step
        if i >= 1:
            _filtered(rows[(i + 1) % 3], rows[(i + 2) % 3], into, kernels, out[i - 1])


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def scaled_and_filtered(x: Array, base: int, factor: Array, first: int, kernels: Array, out: Array) -> None:
    """Scale and convolve depthwise, for rows `first` to `first + len(out)`.

    Args:
        x: `(rows, N, C)` features from row `base` on, those of `out` and one more at each end.
        factor: `(C,)`.
        kernels: `(9, C)`.
        out: `(rows, N, C)`, written; beyond the edge is nothing (0).
    """
    side = x.shape[1]
    rows = np.zeros((3, side + 2, x.shape[2]), np.float32)
    for i in range(-1, out.shape[0] + 1):
        row = first + i
        into = rows[(i + 3) % 3]
        if row < 0 or row >= side:
            into[:] = 0
        else:
            for j in range(side):
                for c in range(x.shape[2]):
                    into[j + 1, c] = x[row - base, j, c] * factor[c]
        if i >= 1:
            _filtered(rows[(i + 1) % 3], rows[(i + 2) % 3], into, kernels, out[i - 1])


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def bend(x: Array, noise: Array, bias: Array) -> None:
    """Add noise and bias and rectify, in place: x `(rows, N, C)`, noise `(rows, N)`, bias `(C,)`."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            for c in range(x.shape[2]):
                value = x[i, j, c] + noise[i, j] + bias[c]
                x[i, j, c] = max(value, _SLOPE * value)


@numba.njit(inline="always")  # type: ignore[misc, unused-ignore]
def _one_back(x: Array, out: Array, sums: Array, factor: Array, c: int, g: np.float32) -> None:
    sums[c] += g * x[c]
    out[c] = g * factor[c] * (np.float32(1) if x[c] > 0 else _SLOPE)


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def filtered_back(g: Array, base: int, x: Array, factor: Array, first: int, kernels: Array, out: Array, sums: Array) -> None:
    """The way back through `bend` and `scaled_and_filtered`: from the gradient of its result to that of what was bent.

    Args:
        g: `(rows, N, C)` gradient from row `base` on, one row more at each end.
        x: `(rows, N, C)` these rows' bent features.
        factor, kernels: as on the way there.
        first: row of `x[0]`.
        out: `(rows, N, C)`, written.
        sums: `(C,)`, the gradient of `factor` over these rows, written.
    """
    side, channels = g.shape[1], g.shape[2]
    rows = np.zeros((3, side + 2, channels), np.float32)
    turned = kernels[::-1].copy()
    back = np.empty((side, channels), np.float32)
    sums[:] = 0
    for i in range(-1, out.shape[0] + 1):
        row = first + i
        into = rows[(i + 3) % 3]
        if row < 0 or row >= side:
            into[:] = 0
        else:
            into[1 : side + 1] = g[row - base]
        if i >= 1:
            _filtered(rows[(i + 1) % 3], rows[(i + 2) % 3], into, turned, back)
            for j in range(side):
                for c in range(channels):
                    _one_back(x[i - 1, j], out[i - 1, j], sums, factor, c, back[j, c])


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def transformed_back(g: Array, base: int, x: Array, factor: Array, first: int, kernels: Array, out: Array, sums: Array) -> None:
    """The way back through `bend` and `transformed_and_filtered`.

    Args:
        g: `(rows, 2 S, C)` gradient from row `base` on, one row more at each end.
        x: `(rows, S, 4 C)` the bent features that went in.
        factor, kernels: as on the way there.
        first: row of `x[0]`, in the smaller picture.
        out: as x, written.
        sums: `(4 C,)`, the gradient of `factor` over these rows, written.
    """
    side, channels = g.shape[1], g.shape[2]
    rows = np.zeros((4, side + 2, channels), np.float32)
    turned = kernels[::-1].copy()
    upper, lower = np.empty((side, channels), np.float32), np.empty((side, channels), np.float32)
    sums[:] = 0
    for i in range(out.shape[0]):
        for n in range(4):
            row = 2 * (first + i) - 1 + n
            if row < 0 or row >= side:
                rows[n] = 0
            else:
                rows[n, 1 : side + 1] = g[row - base]
        _filtered(rows[0], rows[1], rows[2], turned, upper)
        _filtered(rows[1], rows[2], rows[3], turned, lower)
        for j in range(side // 2):
            p, o = x[i, j], out[i, j]
            for c in range(channels):
                a, b = upper[2 * j, c] + upper[2 * j + 1, c], upper[2 * j, c] - upper[2 * j + 1, c]
                d, e = lower[2 * j, c] + lower[2 * j + 1, c], lower[2 * j, c] - lower[2 * j + 1, c]
                _one_back(p, o, sums, factor, c, _HALF * (a + d))
                _one_back(p, o, sums, factor, channels + c, _HALF * (a - d))
                _one_back(p, o, sums, factor, 2 * channels + c, _HALF * (b + e))
                _one_back(p, o, sums, factor, 3 * channels + c, _HALF * (b - e))


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def scaled_back(g: Array, x: Array, factor: Array, out: Array, sums: Array) -> None:
    """The way back through `bend` and a factor of each channel.

    Args:
        g: `(rows, N, C)` gradient of the scaled features.
        x: `(rows, N, C)` the bent features.
        factor: `(C,)`.
        out: as x, written, the gradient of what was bent.
        sums: `(C,)`, that of `factor`, written.
    """
    sums[:] = 0
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            for c in range(g.shape[2]):
                _one_back(x[i, j], out[i, j], sums, factor, c, g[i, j, c])


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[misc, unused-ignore]
def spread(x: Array, bias: Array, out: Array) -> None:
    """Add the bias, turn -1..1 into 0..255 and lay each pixel's block of four out as pixels.

    Args:
        x: `(rows, N, 12)`: red, green and blue of the upper left pixel, the upper right, the lower left, the lower right.
        bias: `(12,)`.
        out: `(2 rows, 2 N, 3)`, written.
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
