"""MobileStyleGAN as a torch module: exact at 1024 pixels, and a cheap proxy at 64 to 512 through which gradients are followed.

The proxy computes the first layers exactly. After them it carries only the low-low quarter of each wavelet transform on, at the
resolution it has: the mean of a 2x2 block of an inverse Haar transform is half its low-low channel, a depthwise kernel acts on a
smooth picture by its sum, noise by its mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from deidframe.contract import Context, WeightsError
from deidframe.models import read_graph, weights_path
from deidframe_stylegan.generator import STYLES

LAYERS = 7
SIDES = tuple(8 * 2**layer for layer in range(LAYERS))
"""Resolution of each layer's features; the last one's transform to 1024 pixels makes the picture."""
FULL = 1024
SLOPE = 0.2
_PACKAGE = "deidframe_stylegan"


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
        parts = ("mobilestylegan-synthesis-graph", "mobilestylegan-synthesis")
        held = _weights(read_graph(*(weights_path(_PACKAGE, part, context) for part in parts)))
        for name, value in held.items():
            self.register_buffer(name, torch.from_numpy(np.array(value, np.float32)), persistent=False)

    def forward(self, w: torch.Tensor, side: int = FULL) -> torch.Tensor:
        """Return `(N, 3, side, side)` in about -1 to 1.

        Args:
            w: `(N, 512)`, or `(N, 23, 512)` with a point of W for each affine map (W+). side: 64, 128, 256, 512 or 1024.
        """
        if w.ndim == 2:
            w = w[:, None].expand(-1, STYLES, -1)
        s = [self._style(w, n) for n in range(STYLES)]
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


def _weights(graph: Any) -> dict[str, NDArray[np.float32]]:
    """Return the network's arrays by our names.

    Styles come in the order of their `Gemm` nodes' numbers, with the constant that a later node multiplies them by folded in.
    """
    ops = {op.get_friendly_name(): op for op in graph.get_ordered_ops()}
    try:
        return {**_styles(ops), **_layers(list(ops.values()), ops)}
    except (KeyError, IndexError, AttributeError, StopIteration) as error:
        raise WeightsError(f"MobileStyleGAN: the graph is not the one that was tested: {error!r}") from error


def _styles(ops: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    gemms = sorted((name for name in ops if name.startswith("Gemm_") and "/" not in name), key=lambda name: int(name[5:]))
    if len(gemms) != STYLES:
        raise WeightsError(f"MobileStyleGAN: the graph has {len(gemms)} styles, expected {STYLES}")
    out: dict[str, NDArray[np.float32]] = {}
    for n, name in enumerate(gemms):
        matmul, bias = (port.get_source_output().get_node() for port in ops[name].inputs())
        weight = matmul.inputs()[1].get_source_output().get_node().data
        reshape = next(iter(ops[name].outputs()[0].get_target_inputs())).get_node()
        scaled = next(iter(reshape.outputs()[0].get_target_inputs())).get_node()
        constants = [op for op in _sources(scaled) if op.get_type_name() == "Constant" and op.data.size == 1]
        factor = float(constants[0].data.reshape(-1)[0]) if constants else 1.0
        out[f"style{n}"], out[f"style{n}_bias"] = weight * factor, bias.data.reshape(-1) * factor
    return out


def _layers(order: Sequence[Any], ops: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    convolutions = [op for op in order if op.get_type_name() in ("Convolution", "GroupConvolution")]
    names = ["first", *(f"layer{n}_{place}" for n in range(LAYERS) for place in (1, 2))]
    out = {"constant": ops["m.input.input"].data, "first": _sources(convolutions[0])[1].data}
    last = [convolutions[0]]
    for n, name in enumerate(names[1:]):
        depthwise, pointwise = convolutions[1 + 2 * n : 3 + 2 * n]
        out[f"{name}_dw"] = _sources(depthwise)[1].data.reshape(-1, 1, 3, 3)
        out[f"{name}_pw"] = _sources(pointwise)[1].data
        last.append(pointwise)
    for name, convolution in zip(names, last, strict=True):
        noisy = next(iter(convolution.outputs()[0].get_target_inputs())).get_node()
        biased = next(iter(noisy.outputs()[0].get_target_inputs())).get_node()
        out[f"{name}_noise"], out[f"{name}_bias"] = _sources(noisy)[1].data, _sources(biased)[1].data.reshape(-1)
    out["head"], out["head_bias"] = _sources(convolutions[-1])[1].data, ops["m.layers.6.to_img.bias"].data.reshape(-1)
    return out


def _sources(op: Any) -> list[Any]:
    return [port.get_source_output().get_node() for port in op.inputs()]
