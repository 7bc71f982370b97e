"""MobileStyleGAN's synthesis network, drawn in strips that stay in the processor's cache (decision 9).

Features are `(rows, columns, channels)`, so that a pointwise convolution is a matrix product. Two products a layer, the loops of
`kernel` between them. The style before a wavelet transform and the one behind it act on one channel each and become one factor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from deidframe.models import processors
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
        self._begin = Beginning.of(arrays)
        self._layers = [Layer.of(arrays, n) for n in range(LAYERS)]
        self._head, self._head_bias = _head(arrays)
        self._strips = Strips()

    def draw(self, points: Array, *, half: bool) -> Array:
        """Return a face as float32 RGB, 0 to 255, unrounded.

        Args:
            points: `(23, 512)`, a point of W for each affine map.
            half: `(512, 512, 3)`, the means of 2x2 pixels, instead of `(1024, 1024, 3)`.
        """
        with self._strips.one_thread_each():
            styles = [weight @ points[n] + bias for n, (weight, bias) in enumerate(self._styles)]
            x = self._begin(styles[0])
            for n, layer in enumerate(self._layers[:-1]):
                x = self._features(layer, x, into(styles, n), styles[3 + 3 * n])
            return self._picture(x, styles, half=half)

    def _features(self, layer: Layer, x: Array, factor: Array, style: Array) -> Array:
        made = np.empty((layer.side, layer.side, layer.second.shape[1]), np.float32)

        def strip(first: int) -> None:
            layer.strip(x, factor, style, first, made[first : first + layer.rows])

        self._strips.each(layer.side, layer.rows, strip)
        return made

    def _picture(self, x: Array, styles: list[Array], *, half: bool) -> Array:
        layer, scale = self._layers[-1], 1 if half else 2
        factor, head = into(styles, LAYERS - 1), self._head * styles[-1][:, None]
        picture = np.empty((scale * layer.side, scale * layer.side, 3), np.float32)

        def strip(first: int) -> None:
            features = np.empty((layer.rows, layer.side, layer.second.shape[1]), np.float32)
            layer.strip(x, factor, styles[-2], first, features)
            out = picture[scale * first : scale * (first + layer.rows)]
            (kernel.averaged if half else kernel.spread)(product(features, head), self._head_bias, out)

        self._strips.each(layer.side, layer.rows, strip)
        return picture


class Strips:
    """Works on the strips of a layer side by side, each in one thread."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(processors())
        self._blas = ThreadpoolController()

    def one_thread_each(self) -> AbstractContextManager[object]:
        """Keep matrix products to their strip's thread."""
        limited: AbstractContextManager[object] = self._blas.limit(limits=1, user_api="blas")
        return limited

    def each(self, side: int, rows: int, work: Callable[[int], None]) -> None:
        """Call `work` with the first row of each strip of `rows` rows."""
        for _ in self.pool.map(work, range(0, side, rows)):
            pass


@dataclass(frozen=True)
class Beginning:
    """The learnt constant of 4x4 and its 3x3 convolution, as a product with the patches of the constant."""

    patches: Array
    """(16, 9, 512)"""
    weight: Array
    """(9, 512, 512)"""
    bias: Array
    noise: Array

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> Beginning:
        """Take it out of the network's arrays."""
        padded = np.pad(arrays["constant"].reshape(512, 4, 4).transpose(1, 2, 0), ((1, 1), (1, 1), (0, 0)))
        patches = np.stack([padded[i : i + 4, j : j + 4].reshape(16, 512) for i in range(3) for j in range(3)], axis=1)
        weight = arrays["first"].transpose(2, 3, 1, 0).reshape(9, 512, 512)[:, :, bands(512)]
        noise = arrays["first_noise"].reshape(16, 1)
        return cls(patches, np.ascontiguousarray(weight), arrays["first_bias"][bands(512)], noise)

    def __call__(self, style: Array) -> Array:
        """Return the `(4, 4, 512)` features."""
        made = (self.patches * style).reshape(16, -1) @ self.weight.reshape(-1, 512) + self.noise + self.bias
        return np.asarray(np.maximum(made, np.float32(SLOPE) * made).reshape(4, 4, 512), np.float32)

    def back(self, g: Array) -> Array:
        """Return the gradient of the style from that of the features before the rectifier."""
        patches = g.reshape(16, 512) @ self.weight.reshape(-1, 512).T
        return np.asarray(np.einsum("pc,pc->c", patches.reshape(-1, 512), self.patches.reshape(-1, 512)), np.float32)


@dataclass(frozen=True)
class Layer:
    """One layer: a wavelet transform undone, and two separable convolutions at twice the side."""

    side: int
    rows: int
    """Of a strip."""
    kernels: tuple[Array, Array]
    """(9, C) each, depthwise."""
    first: Array
    second: Array
    """(channels in, channels out), pointwise."""
    back: tuple[Array, Array]
    """The same transposed."""
    biases: tuple[Array, Array]
    noises: tuple[Array, Array]

    @classmethod
    def of(cls, arrays: Mapping[str, Array], n: int) -> Layer:
        """Take layer n out of the network's arrays."""

        def get(part: str) -> tuple[Array, Array]:
            return arrays[f"layer{n}_1_{part}"], arrays[f"layer{n}_2_{part}"]

        side = SIDES[n]
        first, second = (np.ascontiguousarray(pw[:, :, 0, 0].T) for pw in get("pw"))
        one, two = get("bias")
        if n < LAYERS - 1:
            order = bands(second.shape[1])
            second, two = np.ascontiguousarray(second[:, order]), two[order]
        kernels = tuple(np.ascontiguousarray(dw.reshape(-1, 9).T) for dw in get("dw"))
        noises = tuple(noise.reshape(side, side) for noise in get("noise"))
        back = (np.ascontiguousarray(first.T), np.ascontiguousarray(second.T))
        return cls(side, strip_rows(side), (kernels[0], kernels[1]), first, second, back, (one, two), (noises[0], noises[1]))

    def strip(self, x: Array, factor: Array, style: Array, start: int, out: Array) -> None:
        """Write rows `start` to `start + len(out)` of this layer's features to `out`.

        Args:
            x: `(S, S, channels)` the features before.
            factor: see `into`.
            style: of the second convolution.
        """
        low, high = max(start - 1, 0), min(start + len(out) + 1, self.side)
        filtered = np.empty((high - low, self.side, self.kernels[0].shape[1]), np.float32)
        kernel.transformed_and_filtered(x, factor, low, self.kernels[0], filtered)
        features = product(filtered, self.first)
        kernel.bend(features, self.noises[0][low:high], self.biases[0])
        again = np.empty((len(out), self.side, self.first.shape[1]), np.float32)
        kernel.scaled_and_filtered(features, low, style, start, self.kernels[1], again)
        product(again, self.second, out)
        kernel.bend(out, self.noises[1][start : start + len(out)], self.biases[1])


def into(styles: Sequence[Array], n: int) -> Array:
    """Return the factor of each channel that goes into layer n: its own style, and that of the convolution after it."""
    return np.asarray(styles[1 + 3 * n][bands(len(styles[1 + 3 * n]))] * np.tile(styles[2 + 3 * n], 4), np.float32)


def _head(arrays: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the picture's convolution with its own wavelet transform undone in it: `(64, 12)`, `(12,)`."""
    signs = np.array([[1, a, b, a * b] for a in (1, -1) for b in (1, -1)], np.float32)
    haar = np.kron(0.5 * signs, np.eye(3, dtype=np.float32))
    order = bands(12)
    return np.ascontiguousarray((haar @ arrays["head"].reshape(12, -1)[order]).T), haar @ arrays["head_bias"][order]


def bands(channels: int) -> NDArray[np.int64]:
    """Return the order that puts the three details of each channel, which lie together, behind one another."""
    low = channels // 4
    return np.concatenate([np.arange(low), *(low + 3 * np.arange(low) + detail for detail in range(3))])


def strip_rows(side: int) -> int:
    """Return how many rows a strip of a layer has."""
    return min(16, side, STRIP // side)


def product(x: Array, weight: Array, out: Array | None = None) -> Array:
    """Return `(rows, N, C)` times `(C, D)`, written to `out` where it is given."""
    made = np.empty((*x.shape[:2], weight.shape[1]), np.float32) if out is None else out
    np.matmul(x.reshape(-1, x.shape[2]), weight, out=made.reshape(-1, weight.shape[1]))
    return made
