"""The arrays of MobileStyleGAN's synthesis network, read out of its graph: for torch, and for drawing in strips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, WeightsError
from deidframe.models import read_graph, weights_path

STYLES = 23
"""Affine maps from W: the first convolution, three for each of seven layers, the picture."""
LAYERS = 7
SIDES = tuple(8 * 2**layer for layer in range(LAYERS))
"""Resolution of each layer's features; the last one's transform to 1024 pixels makes the picture."""
SLOPE = 0.2
"""Of the leaky rectifiers."""


def read_arrays(context: Context) -> dict[str, NDArray[np.float32]]:
    """Return copies of the synthesis network's arrays by our names.

    `style{n}`, `style{n}_bias`: the 23 affine maps from W in the order of their `Gemm` nodes' numbers, with the constant that a
    later node multiplies them by folded in. `constant`, `first`: the 4x4 beginning and its 3x3 kernels. `layer{n}_{1,2}_{dw,pw}`:
    depthwise and pointwise kernels. `head`: of the picture as a Haar transform. Each has a `_bias` and, but the head, `_noise`.

    Raises:
        WeightsError: the graph is not the one that was tested.
    """
    parts = ("mobilestylegan-synthesis-graph", "mobilestylegan-synthesis")
    graph = read_graph(*(weights_path("deidframe_stylegan", part, context) for part in parts))
    ops = {op.get_friendly_name(): op for op in graph.get_ordered_ops()}
    try:
        arrays = {**_styles(ops), **_layers(list(ops.values()), ops)}
        return {name: np.array(value, np.float32) for name, value in arrays.items()}
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
