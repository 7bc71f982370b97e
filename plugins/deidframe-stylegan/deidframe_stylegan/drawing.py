"""MobileStyleGAN's synthesis network, drawn in strips that stay in the processor's cache (decision 9).

Features are `(rows, columns, channels)`, so that a pointwise convolution is a matrix product. Two products a layer, the loops of
`kernel` between them. A layer's last style and the next one's first act on one channel each and become one factor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from deidframe_stylegan import kernel
from deidframe_stylegan.arrays import LAYERS, SIDES, SLOPE, STYLES

Array = NDArray[np.float32]
STRIP = 4096
"""Columns times rows of a strip: its features have 1 to 2 MB."""


class Drawing:
    """Draws faces from points of W.

    Args:
        arrays: from `read_arrays`.

    The bits of a face follow from its points and the kind of processor, not from the number of threads.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._styles = [(arrays[f"style{n}"], arrays[f"style{n}_bias"]) for n in range(STYLES)]
        self._begin = _Beginning.of(arrays)
        self._layers = [_Layer.of(arrays, n) for n in range(LAYERS)]
        self._head, self._head_bias = _head(arrays)
        self._pool = ThreadPoolExecutor(_cores())
        self._blas = ThreadpoolController()

    def draw(self, points: Array, *, half: bool) -> Array:
        """Return a face as float32 RGB, 0 to 255, unrounded.

        Args:
            points: `(23, 512)`, a point of W for each affine map.
            half: `(512, 512, 3)`, the means of 2x2 pixels, instead of `(1024, 1024, 3)`.
        """
        styles = [weight @ points[n] + bias for n, (weight, bias) in enumerate(self._styles)]
        with self._blas.limit(limits=1, user_api="blas"):  # each strip has one thread; all strips together have them all
            x = self._begin(styles[0], self._into(styles, 0))
            for n, layer in enumerate(self._layers[:-1]):
                x = self._features(layer, x, styles[3 + 3 * n], self._into(styles, n + 1))
            return self._picture(x, styles, half=half)

    def _into(self, styles: list[Array], n: int) -> Array:
        """Return the factor of each channel that goes into layer n, the style of its first convolution included."""
        return np.asarray(styles[1 + 3 * n][_bands(len(styles[1 + 3 * n]))] * np.tile(styles[2 + 3 * n], 4), np.float32)

    def _features(self, layer: _Layer, x: Array, style: Array, onward: Array) -> Array:
        made = np.empty((layer.side, layer.side, layer.second.shape[1]), np.float32)

        def strip(first: int) -> None:
            layer.strip(x, first, style, onward, made[first : first + layer.rows])

        self._each(layer, strip)
        return made

    def _picture(self, x: Array, styles: list[Array], *, half: bool) -> Array:
        layer, scale = self._layers[-1], 1 if half else 2
        picture = np.empty((scale * layer.side, scale * layer.side, 3), np.float32)

        def strip(first: int) -> None:
            features = np.empty((layer.rows, layer.side, layer.second.shape[1]), np.float32)
            layer.strip(x, first, styles[-2], styles[-1], features)
            out = picture[scale * first : scale * (first + layer.rows)]
            (kernel.averaged if half else kernel.spread)(_product(features, self._head), self._head_bias, out)

        self._each(layer, strip)
        return picture

    def _each(self, layer: _Layer, strip: Callable[[int], None]) -> None:
        for _ in self._pool.map(strip, range(0, layer.side, layer.rows)):
            pass


@dataclass(frozen=True)
class _Beginning:
    """The learnt constant of 4x4 and its 3x3 convolution, as a product with the patches of the constant."""

    patches: Array
    """(16, 9, 512)"""
    weight: Array
    """(9, 512, 512)"""
    bias: Array
    noise: Array

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> _Beginning:
        padded = np.pad(arrays["constant"].reshape(512, 4, 4).transpose(1, 2, 0), ((1, 1), (1, 1), (0, 0)))
        patches = np.stack([padded[i : i + 4, j : j + 4].reshape(16, 512) for i in range(3) for j in range(3)], axis=1)
        weight = arrays["first"].transpose(2, 3, 1, 0).reshape(9, 512, 512)[:, :, _bands(512)]
        noise = arrays["first_noise"].reshape(16, 1)
        return cls(patches, np.ascontiguousarray(weight), arrays["first_bias"][_bands(512)], noise)

    def __call__(self, style: Array, onward: Array) -> Array:
        made = (self.patches * style).reshape(16, -1) @ self.weight.reshape(-1, 512) + self.noise + self.bias
        return np.asarray((np.maximum(made, np.float32(SLOPE) * made) * onward).reshape(4, 4, 512), np.float32)


@dataclass(frozen=True)
class _Layer:
    """One layer: a wavelet transform undone, and two separable convolutions at twice the side."""

    side: int
    rows: int
    """Of a strip."""
    kernels: tuple[Array, Array]
    """(9, C) each, depthwise."""
    first: Array
    second: Array
    """(channels in, channels out), pointwise."""
    biases: tuple[Array, Array]
    noises: tuple[Array, Array]

    @classmethod
    def of(cls, arrays: Mapping[str, Array], n: int) -> _Layer:
        def get(part: str) -> tuple[Array, Array]:
            return arrays[f"layer{n}_1_{part}"], arrays[f"layer{n}_2_{part}"]

        side = SIDES[n]
        first, second = (np.ascontiguousarray(pw[:, :, 0, 0].T) for pw in get("pw"))
        one, two = get("bias")
        if n < LAYERS - 1:
            order = _bands(second.shape[1])
            second, two = np.ascontiguousarray(second[:, order]), two[order]
        kernels = tuple(np.ascontiguousarray(dw.reshape(-1, 9).T) for dw in get("dw"))
        noises = tuple(noise.reshape(side, side) for noise in get("noise"))
        rows = min(16, side, STRIP // side)
        return cls(side, rows, (kernels[0], kernels[1]), first, second, (one, two), (noises[0], noises[1]))

    def strip(self, x: Array, start: int, style: Array, onward: Array, out: Array) -> None:
        """Write rows `start` to `start + len(out)` of this layer's features, scaled by `onward`, to `out`."""
        low, high = max(start - 1, 0), min(start + len(out) + 1, self.side)
        filtered = np.empty((high - low, self.side, self.kernels[0].shape[1]), np.float32)
        kernel.transformed_and_filtered(x, low, self.kernels[0], filtered)
        raw = np.empty((len(out) + 2, self.side, self.first.shape[1]), np.float32)  # what is beyond the edge is never read
        _product(filtered, self.first, raw[low - start + 1 : high - start + 1])
        again = np.empty((len(out), self.side, self.first.shape[1]), np.float32)
        kernel.bent_and_filtered(raw, start, self.noises[0], self.biases[0], style, self.kernels[1], again)
        _product(again, self.second, out)
        kernel.bent(out, start, self.noises[1], self.biases[1], onward)


def _head(arrays: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the picture's convolution with its own wavelet transform undone in it: `(64, 12)`, `(12,)`."""
    signs = np.array([[1, a, b, a * b] for a in (1, -1) for b in (1, -1)], np.float32)
    haar = np.kron(0.5 * signs, np.eye(3, dtype=np.float32))
    order = _bands(12)
    return np.ascontiguousarray((haar @ arrays["head"].reshape(12, -1)[order]).T), haar @ arrays["head_bias"][order]


def _bands(channels: int) -> NDArray[np.int64]:
    """Return the order that puts the three details of each channel, which lie together, behind one another."""
    low = channels // 4
    return np.concatenate([np.arange(low), *(low + 3 * np.arange(low) + detail for detail in range(3))])


def _product(x: Array, weight: Array, out: Array | None = None) -> Array:
    made = np.empty((*x.shape[:2], weight.shape[1]), np.float32) if out is None else out
    np.matmul(x.reshape(-1, x.shape[2]), weight, out=made.reshape(-1, weight.shape[1]))
    return made


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
