"""MobileStyleGAN as a torch module: exact at 1024 pixels, and a cheap proxy at 64 to 512 through which gradients are followed.

The proxy computes the first layers exactly. After them it carries only the low-low quarter of each wavelet transform on, at the
resolution it has: the mean of a 2x2 block of an inverse Haar transform is half its low-low channel, a depthwise kernel acts on a
smooth picture by its sum, noise by its mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn import functional

from deidframe.contract import Context
from deidframe_stylegan.arrays import LAYERS, SIDES, SLOPE, STYLES, read_arrays
from deidframe_stylegan.following import Following, follow

FULL = 1024
DRAWN = 8
"""Finished pictures drawn together on a GPU: each has .2 GB of features."""


class OnTheWay:
    """A generator whose products are rounded to bfloat16 where a GPU multiplies it: the way to a face, never the face.

    It halves the memory and the time; losses come out the same (the plugin's README has the table).

    Args:
        generator: to be followed.
        device: of it.
    """

    def __init__(self, generator: TorchGenerator, device: str) -> None:
        self.styles, self._generator = generator.styles, generator
        self._rounded = rounds(device)

    def __call__(self, w: torch.Tensor, side: int, /) -> torch.Tensor:
        """Return pictures of `(G, styles, 512)` points of W."""
        run: Callable[..., torch.Tensor] = self._generator
        with torch.autocast("cuda", torch.bfloat16, enabled=self._rounded):
            return run(w, side).float()

    def encoder(self, run: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return an encoder's `run` that rounds likewise."""
        if not self._rounded:
            return run

        def rounded(chips: Any) -> Any:
            with torch.autocast("cuda", torch.bfloat16):
                return run(chips).float()

        return rounded


def rounds(device: str) -> bool:
    """Return whether products on this device are rounded to bfloat16 by torch's own means."""
    return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)


class TorchGenerator(torch.nn.Module):
    """The synthesis network of the shipped weights.

    Args:
        context: gives access to the weights.

    Raises:
        WeightsError: the graph is not the one that was tested.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.styles = STYLES
        arrays = read_arrays(context)
        self._following = Following(arrays)
        for name, value in arrays.items():
            self.register_buffer(name, torch.from_numpy(value), persistent=False)

    def forward(self, w: torch.Tensor, side: int = FULL) -> torch.Tensor:
        """Return `(N, 3, side, side)` in about -1 to 1.

        Args:
            w: `(N, 512)`, or `(N, 23, 512)` with a point of W for each affine map (W+).
            side: 64, 128, 256, 512 or 1024.
        """
        if w.ndim == 2:
            w = w[:, None].expand(-1, STYLES, -1)
        s = [self._style(w, n) for n in range(STYLES)]
        if w.device.type == "cpu" and side < FULL:
            return torch.stack([follow(self._following, [style[row] for style in s], side) for row in range(len(w))])
        return self.in_torch(s, side)

    def pictures(self, w: torch.Tensor, size: int) -> torch.Tensor:
        """Return finished `(N, 3, size, size)` pictures, 0 to 255, unrounded, by torch's operations in whole float32: for a GPU.

        Args:
            w: `(N, 23, 512)`.
            size: a divisor of 1024, from which they are area-averaged.
        """
        # what is released is not rounded on the way, as products on a GPU are unless they are told otherwise
        with torch.no_grad(), torch.backends.cudnn.flags(deterministic=True, allow_tf32=False):
            made = [self.in_torch([self._style(part, n) for n in range(STYLES)], FULL) for part in torch.split(w, DRAWN)]
            whole = (torch.cat(made).clamp(-1, 1) + 1) * 127.5
            return functional.avg_pool2d(whole, FULL // size)

    def one_thread_each(self) -> AbstractContextManager[object]:
        """Keep matrix products of several groups to their threads."""
        return self._following.one_thread_each()

    def in_torch(self, s: Sequence[torch.Tensor], side: int) -> torch.Tensor:
        """Return the same from the 23 styles, `(N, C)` each, by torch's own operations: for other devices, and to compare."""
        x = functional.conv2d(
            s[0][:, :, None, None] * self._get("constant"), self._get("first"), self._get("first_bias"), padding=1
        )
        x = self._bent(x, "first", exact=True)
        for layer in range(LAYERS):
            exact = side >= SIDES[layer]
            x = s[1 + 3 * layer][:, :, None, None] * x
            x = self._wavelet(x) if exact else 0.5 * x[:, : x.shape[1] // 4]
            for place in (1, 2):
                name = f"layer{layer}_{place}"
                x = s[1 + 3 * layer + place][:, :, None, None] * x
                x = self._bent(self._convolved(x, name, exact=exact), name, exact=exact)
        x = functional.conv2d(s[-1][:, :, None, None] * x, self._get("head"), self._get("head_bias"))
        return self._wavelet(x) if side == FULL else 0.5 * x[:, :3]

    def _get(self, name: str) -> torch.Tensor:
        value = getattr(self, name)
        assert isinstance(value, torch.Tensor)
        return value

    def _style(self, w: torch.Tensor, n: int) -> torch.Tensor:
        return functional.linear(w[:, n], self._get(f"style{n}"), self._get(f"style{n}_bias"))

    def _convolved(self, x: torch.Tensor, name: str, *, exact: bool) -> torch.Tensor:
        depthwise, pointwise, bias = (self._get(f"{name}_{part}") for part in ("dw", "pw", "bias"))
        if exact:
            return functional.conv2d(functional.conv2d(x, depthwise, padding=1, groups=x.shape[1]), pointwise, bias)
        return functional.conv2d(depthwise.sum((1, 2, 3))[:, None, None] * x, pointwise, bias)

    def _bent(self, x: torch.Tensor, name: str, *, exact: bool) -> torch.Tensor:
        noise = self._get(f"{name}_noise")
        # in place: what a convolution gives out is needed by nobody else, and memory traffic is a third of the time
        return functional.leaky_relu_(x.add_(noise if exact else noise.mean()), SLOPE)

    def _wavelet(self, x: torch.Tensor) -> torch.Tensor:
        """Undo a Haar transform: `(N, 4 C, S, S)` (C low channels, then three of detail for each) to `(N, C, 2 S, 2 S)`."""
        n, channels, height, width = x.shape
        c = channels // 4
        low, detail = x[:, :c], x[:, c:].reshape(n, c, 3, height, width)
        a, b = low + detail[:, :, 0], low - detail[:, :, 0]
        d, e = detail[:, :, 1] + detail[:, :, 2], detail[:, :, 1] - detail[:, :, 2]
        block = torch.stack([a + d, a - d, b + e, b - e], dim=2).reshape(n, channels, height, width)
        return functional.pixel_shuffle(0.5 * block, 2)
