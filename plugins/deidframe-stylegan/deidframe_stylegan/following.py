"""The small pictures of MobileStyleGAN with the way back, drawn in strips like the large ones: what aiming on a CPU follows.

The proxy is `differentiable.TorchGenerator`'s: layers up to the picture's resolution as they are, the others by their low
channels alone. Only styles get gradients. Kept for the way back are each convolution's features after the rectifier: their sign
says what the rectifier did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deidframe.models.processor import has_bfloat16
from deidframe_stylegan import kernel
from deidframe_stylegan.arrays import LAYERS
from deidframe_stylegan.drawing import Beginning, Layer, Strips, bands, product, strip_rows

Array = NDArray[np.float32]


@dataclass(frozen=True)
class _Kept:
    """Features of one layer on the way there: what went in, those after the first convolution, those after the second."""

    before: Array
    middle: Array
    after: Array


WORTH = 1024
"""Rows of a product from which on rounding its factors pays."""


def multiply(x: Array, weight: Array, out: Array | None = None) -> Array:
    """Return `(rows, N, C)` times `(C, D)` as `product` does; of many rows with both rounded to bfloat16, where that is faster.

    It takes a third of the time, and a gradient turns by less than a degree. Sums are in float32. What is drawn for a release and
    what is measured is never rounded: this is the way, not the face.
    """
    if x.shape[0] * x.shape[1] < WORTH or not has_bfloat16():
        return product(x, weight, out)
    made = np.empty((*x.shape[:2], weight.shape[1]), np.float32) if out is None else out
    rounded = torch.from_numpy(x.reshape(-1, x.shape[2])).bfloat16() @ torch.from_numpy(weight).bfloat16()
    torch.from_numpy(made.reshape(-1, weight.shape[1])).copy_(rounded)
    return made


class Following:
    """Draws the proxy and goes back.

    Args:
        arrays: from `read_arrays`.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._begin = Beginning.of(arrays)
        self._layers = [Layer.of(arrays, n) for n in range(LAYERS)]
        self._head = np.ascontiguousarray(0.5 * arrays["head"].reshape(12, -1)[:3].T)
        self._head_bias = 0.5 * arrays["head_bias"][:3]
        self._strips = Strips()

    def one_thread_each(self) -> AbstractContextManager[object]:
        """Keep matrix products to the threads that ask for them."""
        return self._strips.one_thread_each()

    def there(self, factors: Sequence[Array], side: int) -> tuple[Array, list[_Kept]]:
        """Return the `(side, side, 3)` proxy and what the way back needs.

        Args:
            factors: the first style; for each layer what goes into it (`drawing.into`) and its second style; the picture's style.
            side: 64 to 512.
        """
        with self._strips.one_thread_each():
            x = self._begin(factors[0])
            kept = []
            for n, layer in enumerate(self._layers):
                step = self._exact if layer.side <= side else self._carried
                kept.append(step(layer, x, factors[1 + 2 * n], factors[2 + 2 * n], self._width(n, side)))
                x = kept[-1].after
            made = x.reshape(-1, x.shape[2]) @ (self._head * factors[-1][:, None]) + self._head_bias
        return made.reshape(side, side, 3), kept

    def back(self, g: Array, factors: Sequence[Array], kept: Sequence[_Kept]) -> list[Array]:
        """Return the gradients of `factors` from the `(side, side, 3)` gradient of the proxy."""
        out = [np.zeros_like(factor) for factor in factors]
        with self._strips.one_thread_each():
            z, last = multiply(g, np.ascontiguousarray(self._head.T)), kept[-1].after
            g_last = np.empty_like(last)
            kernel.scaled_back(z, last, factors[-1], g_last, out[-1])
            z = g_last
            for n in range(LAYERS - 1, -1, -1):
                step = self._exact_back if self._layers[n].side <= g.shape[0] else self._carried_back
                z, out[1 + 2 * n], out[2 + 2 * n] = step(self._layers[n], z, factors[1 + 2 * n], factors[2 + 2 * n], kept[n])
            out[0] = self._begin.back(z)
        return out

    def _width(self, n: int, side: int) -> int:
        """Return how many of layer n's channels are of use: all, or the low ones where the next layer is carried."""
        if n + 1 < LAYERS and self._layers[n + 1].side > side:
            return len(self._layers[n + 1].first)
        return len(self._layers[n].back[1])

    def _exact(self, layer: Layer, x: Array, factor: Array, style: Array, width: int) -> _Kept:
        side = layer.side
        middle = np.empty((side, side, layer.first.shape[1]), np.float32)
        after = np.empty((side, side, width), np.float32)

        def first(start: int) -> None:
            rows = slice(start, start + layer.rows)
            filtered = np.empty((layer.rows, side, layer.kernels[0].shape[1]), np.float32)
            kernel.transformed_and_filtered(x, factor, start, layer.kernels[0], filtered)
            multiply(filtered, layer.first, middle[rows])
            kernel.bend(middle[rows], layer.noises[0][rows], layer.biases[0])

        def second(start: int) -> None:
            rows = slice(start, start + layer.rows)
            filtered = np.empty((layer.rows, side, middle.shape[2]), np.float32)
            kernel.scaled_and_filtered(middle, 0, style, start, layer.kernels[1], filtered)
            multiply(filtered, layer.second[:, :width], after[rows])
            kernel.bend(after[rows], layer.noises[1][rows], layer.biases[1][:width])

        self._strips.each(side, layer.rows, first)
        self._strips.each(side, layer.rows, second)
        return _Kept(x, middle, after)

    def _exact_back(self, layer: Layer, g: Array, factor: Array, style: Array, kept: _Kept) -> tuple[Array, Array, Array]:
        side, count = layer.side, layer.side // layer.rows
        middle, before = np.empty_like(kept.middle), np.empty_like(kept.before)
        styles = np.empty((count, len(style)), np.float32)
        factors = np.empty((count, len(factor)), np.float32)

        def second(start: int) -> None:
            low, high = max(start - 1, 0), min(start + layer.rows + 1, side)
            rows, part = slice(start, start + layer.rows), start // layer.rows
            z = multiply(g[low:high], layer.back[1][: g.shape[2]])
            kernel.filtered_back(z, low, kept.middle[rows], style, start, layer.kernels[1], middle[rows], styles[part])

        def first(start: int) -> None:
            low, high = max(start - 1, 0), min(start + layer.rows + 1, side)
            rows, part = slice(start // 2, (start + layer.rows) // 2), start // layer.rows
            z = multiply(middle[low:high], layer.back[0])
            kernel.transformed_back(z, low, kept.before[rows], factor, start // 2, layer.kernels[0], before[rows], factors[part])

        self._strips.each(side, layer.rows, second)
        self._strips.each(side, layer.rows, first)
        return before, factors.sum(axis=0), styles.sum(axis=0)

    def _carried(self, layer: Layer, x: Array, factor: Array, style: Array, width: int) -> _Kept:
        """A layer above the picture's resolution: `x` are its low channels, filters are their sums, noise is its mean."""
        side = x.shape[0]
        rows = strip_rows(side)
        middle = np.empty((side, side, layer.first.shape[1]), np.float32)
        after = np.empty((side, side, width), np.float32)
        one, two = _flat(layer, factor, style)
        first, second = one[:, None] * layer.first, two[:, None] * layer.second[:, :width]
        silent = np.zeros((rows, side), np.float32)
        biases = [bias + noise.mean() for bias, noise in zip(layer.biases, layer.noises, strict=True)]

        def strip(start: int) -> None:
            part = slice(start, start + rows)
            kernel.bend(multiply(x[part], first, middle[part]), silent, biases[0])
            kernel.bend(multiply(middle[part], second, after[part]), silent, biases[1][:width])

        self._strips.each(side, rows, strip)
        return _Kept(x, middle, after)

    def _carried_back(self, layer: Layer, g: Array, factor: Array, style: Array, kept: _Kept) -> tuple[Array, Array, Array]:
        side = g.shape[0]
        rows = strip_rows(side)
        before = np.empty_like(kept.before)
        one, two = _flat(layer, factor, style)
        ones = np.empty((side // rows, len(one)), np.float32)
        twos = np.empty((side // rows, len(two)), np.float32)

        def strip(start: int) -> None:
            part, n = slice(start, start + rows), start // rows
            middle = np.empty((rows, side, len(two)), np.float32)
            kernel.scaled_back(multiply(g[part], layer.back[1][: g.shape[2]]), kept.middle[part], two, middle, twos[n])
            kernel.scaled_back(multiply(middle, layer.back[0]), kept.before[part], one, before[part], ones[n])

        self._strips.each(side, rows, strip)
        factors = np.zeros_like(factor)
        factors[: len(one)] = 0.5 * layer.kernels[0].sum(axis=0) * ones.sum(axis=0)
        return before, factors, layer.kernels[1].sum(axis=0) * twos.sum(axis=0)


def _flat(layer: Layer, factor: Array, style: Array) -> tuple[Array, Array]:
    """Return what a carried layer's low and middle channels are multiplied by."""
    low = layer.first.shape[0]
    return 0.5 * factor[:low] * layer.kernels[0].sum(axis=0), style * layer.kernels[1].sum(axis=0)


class _Function(torch.autograd.Function):
    """Joins `Following` to torch's graph."""

    @staticmethod
    def forward(ctx: Any, following: Following, side: int, *factors: torch.Tensor) -> torch.Tensor:
        plain = [np.ascontiguousarray(factor.detach().numpy()) for factor in factors]
        made, kept = following.there(plain, side)
        ctx.held = (following, plain, kept)
        return torch.from_numpy(np.ascontiguousarray(made.transpose(2, 0, 1)))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        following, plain, kept = ctx.held
        g = np.ascontiguousarray(gradients[0].numpy().transpose(1, 2, 0))
        return None, None, *(torch.from_numpy(one) for one in following.back(g, plain, kept))


def follow(following: Following, styles: Sequence[torch.Tensor], side: int) -> torch.Tensor:
    """Return the `(3, side, side)` proxy of one face, in torch's graph.

    Args:
        styles: 23, one for each affine map, on the CPU.
        side: 64 to 512.
    """
    factors = [styles[0]]
    for n in range(LAYERS):
        order = torch.from_numpy(bands(len(styles[1 + 3 * n])))
        factors += [styles[1 + 3 * n][order] * styles[2 + 3 * n].repeat(4), styles[3 + 3 * n]]
    run: Callable[..., torch.Tensor] = _Function.apply
    return run(following, side, *factors, styles[-1])
