"""StyleGAN2's generator, for checkpoints of the user's own: mapping and synthesis in the layout of rosinality's implementation.

Source: Karras et al., Analyzing and improving the image quality of StyleGAN, CVPR 2020 (config F, skip generator).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch.nn import functional

from deidframe.contract import WeightsError

SLOPE, GAIN = 0.2, math.sqrt(2)
MAPPING_RATE = 0.01
"""Learning-rate multiplier of the mapping network, which scales its weights at run time."""
BLUR = (1.0, 3.0, 3.0, 1.0)
State = Mapping[str, torch.Tensor]


class StyleGan2(torch.nn.Module):
    """The generator of one checkpoint.

    Args:
        state: tensors by rosinality's names. Sizes, channels and the depth of the mapping are read off them.

    Raises:
        WeightsError: something is missing or of a shape that does not fit.
    """

    def __init__(self, state: State) -> None:
        super().__init__()
        self.side, self.depth = _checked(state)
        self.levels = int(math.log2(self.side)) - 2
        self.styles = 2 * self.levels + 2
        for name, value in state.items():
            if not name.endswith(".kernel"):
                self.register_buffer(name.replace(".", "__"), value.detach().float().clone(), persistent=False)
        kernel = torch.tensor(BLUR)
        kernel = kernel[:, None] * kernel[None]
        self.register_buffer("_blur", kernel / kernel.sum(), persistent=False)

    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        """Map `(N, 512)` normal draws to W."""
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in range(1, self.depth + 1):
            weight, bias = self._get(f"style.{layer}.weight"), self._get(f"style.{layer}.bias")
            scale = MAPPING_RATE / math.sqrt(weight.shape[1])
            x = functional.leaky_relu(functional.linear(x, weight * scale, bias * MAPPING_RATE), SLOPE) * GAIN
        return x

    def forward(self, w: torch.Tensor, side: int | None = None) -> torch.Tensor:
        """Return `(N, 3, side, side)` in about -1 to 1; below the full side the skip connection's picture of that resolution.

        Args:
            w: `(N, 512)`, or `(N, styles, 512)`.
            side: a power of two from 8 to the checkpoint's own.
        """
        if w.ndim == 2:
            w = w[:, None].expand(-1, self.styles, -1)
        x = self._get("input.input").expand(len(w), -1, -1, -1)
        x = self._styled(x, w[:, 0], "conv1", "noises.noise_0")
        picture = self._to_rgb(x, w[:, 1], "to_rgb1")
        for level in range(self.levels):
            if side is not None and picture.shape[-1] >= side:
                break
            x = self._styled(x, w[:, 2 * level + 1], f"convs.{2 * level}", f"noises.noise_{2 * level + 1}", up=True)
            x = self._styled(x, w[:, 2 * level + 2], f"convs.{2 * level + 1}", f"noises.noise_{2 * level + 2}")
            picture = self._doubled(picture) + self._to_rgb(x, w[:, 2 * level + 3], f"to_rgbs.{level}")
        return picture

    def _kernel(self) -> torch.Tensor:
        return self._get("_blur")

    def _get(self, name: str) -> torch.Tensor:
        value = getattr(self, name.replace(".", "__"))
        assert isinstance(value, torch.Tensor)
        return value

    def _modulated(self, x: torch.Tensor, w: torch.Tensor, name: str, *, demodulate: bool, up: bool = False) -> torch.Tensor:
        weight = self._get(f"{name}.conv.weight")[0]
        out, channels, size = weight.shape[0], weight.shape[1], weight.shape[2]
        affine, bias = self._get(f"{name}.conv.modulation.weight"), self._get(f"{name}.conv.modulation.bias")
        style = functional.linear(w, affine / math.sqrt(affine.shape[1]), bias)
        scale = 1 / math.sqrt(channels * size * size)
        # scaling the features before and after the convolution equals modulating and demodulating its weights
        x = x * (scale * style)[:, :, None, None]
        if up:
            x = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = self._blurred(x, 4 * self._kernel(), (1, 1))
        else:
            x = functional.conv2d(x, weight, padding=size // 2)
        if demodulate:
            power = torch.einsum("oihw,ni->no", weight.square(), (scale * style).square())
            x = x * torch.rsqrt(power + 1e-8)[:, :, None, None]
        assert x.shape[1] == out
        return x

    def _styled(self, x: torch.Tensor, w: torch.Tensor, name: str, noise: str, *, up: bool = False) -> torch.Tensor:
        x = self._modulated(x, w, name, demodulate=True, up=up)
        x = x + self._get(f"{name}.noise.weight") * self._get(noise)
        return functional.leaky_relu(x + self._get(f"{name}.activate.bias").reshape(1, -1, 1, 1), SLOPE) * GAIN

    def _to_rgb(self, x: torch.Tensor, w: torch.Tensor, name: str) -> torch.Tensor:
        return self._modulated(x, w, name, demodulate=False) + self._get(f"{name}.bias")

    def _doubled(self, picture: torch.Tensor) -> torch.Tensor:
        n, channels, height, width = picture.shape
        spread = picture.new_zeros(n, channels, height, 2, width, 2)
        spread[:, :, :, 0, :, 0] = picture
        return self._blurred(spread.reshape(n, channels, 2 * height, 2 * width), 4 * self._kernel(), (2, 1))

    def _blurred(self, x: torch.Tensor, kernel: torch.Tensor, pad: tuple[int, int]) -> torch.Tensor:
        channels = x.shape[1]
        x = functional.pad(x, [pad[0], pad[1], pad[0], pad[1]])
        return functional.conv2d(x, kernel.expand(channels, 1, 4, 4), groups=channels)


def _checked(state: State) -> tuple[int, int]:
    """Return the side of the pictures and the depth of the mapping, after checking that all tensors are there and fit."""
    depth = max((int(m[1]) for m in (re.fullmatch(r"style\.(\d+)\.weight", name) for name in state) if m), default=0)
    levels = max((int(m[1]) + 1 for m in (re.fullmatch(r"to_rgbs\.(\d+)\.bias", name) for name in state) if m), default=0)
    if not depth or not levels:
        raise WeightsError("the checkpoint is not a StyleGAN2 generator in rosinality's layout: no style.N or to_rgbs.N in it")
    wanted: dict[str, tuple[int | None, ...]] = {"input.input": (1, None, 4, 4)}
    for layer in range(1, depth + 1):
        wanted |= {f"style.{layer}.weight": (512, 512), f"style.{layer}.bias": (512,)}
    for name, size in [("conv1", 3), *((f"convs.{n}", 3) for n in range(2 * levels))]:
        wanted |= {f"{name}.conv.weight": (1, None, None, size, size), f"{name}.conv.modulation.weight": (None, 512)}
        wanted |= {f"{name}.conv.modulation.bias": (None,), f"{name}.noise.weight": (1,), f"{name}.activate.bias": (None,)}
    for name in ("to_rgb1", *(f"to_rgbs.{n}" for n in range(levels))):
        wanted |= {f"{name}.conv.weight": (1, 3, None, 1, 1), f"{name}.conv.modulation.weight": (None, 512)}
        wanted |= {f"{name}.conv.modulation.bias": (None,), f"{name}.bias": (1, 3, 1, 1)}
    for n in range(2 * levels + 1):
        side = 4 * 2 ** ((n + 1) // 2)
        wanted[f"noises.noise_{n}"] = (1, 1, side, side)
    for name, shape in wanted.items():
        if name not in state:
            raise WeightsError(f"the checkpoint lacks {name!r}")
        found = tuple(state[name].shape)
        if len(found) != len(shape) or any(b is not None and a != b for a, b in zip(found, shape, strict=True)):
            shown = tuple("*" if b is None else b for b in shape)
            raise WeightsError(f"the checkpoint's {name!r} has shape {found}, expected {shown}")
        if not torch.isfinite(state[name]).all():
            raise WeightsError(f"the checkpoint's {name!r} holds a value that is not finite")
    return 4 * 2**levels, depth
