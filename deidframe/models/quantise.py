"""Networks in eight bits: what they multiply is rounded to 256 steps between bounds that were seen on sample faces.

Bounds of activations are taken from pictures of people who do not exist and ship with each network's plugin, so that no picture
of a run decides how another is encoded. Weights have bounds of their own for each output, symmetric. What is not multiplied by
constants in a convolution or a matrix stays in single precision, and so do convolutions of single channels, which are cheap.
Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only inference, CVPR 2018.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import PluginError, WeightsError
from deidframe.models.network import Precision, import_openvino

STEPS = 256
MULTIPLY = ("Convolution", "MatMul")
Bounds = Mapping[str, tuple[float, float]]


def bounds_in(package: str, name: str) -> Bounds:
    """Return the bounds that ship with a plugin as `NAME.int8.json`.

    Raises:
        PluginError: it has none for that network.
    """
    try:
        held = json.loads(resources.files(package).joinpath(f"{name}.int8.json").read_bytes())
    except FileNotFoundError:
        raise PluginError(f'no bounds of {name} in eight bits ship with {package}; take precision = "f32"') from None
    return {key: (float(low), float(high)) for key, (low, high) in held.items()}


def in_precision(graph: Any, precision: Precision, package: str, name: str) -> Any:
    """Return a graph as a precision wants it: rounded between the bounds that ship with a plugin, or as it is."""
    return quantised(graph, bounds_in(package, name)) if precision == "int8" else graph


def bounds_of(graph: Any, batches: Iterable[NDArray[np.float32]]) -> dict[str, tuple[float, float]]:
    """Return, by the weights that it is multiplied with, the least and the greatest value of each activation.

    Args:
        graph: an `openvino.Model` of one input.
        batches: of its input.
    """
    openvino = import_openvino()
    op = openvino.opset13
    keys, ends = [], []
    for node, key in _multiplied(graph):
        value = node.input_value(0)
        axes = np.arange(value.get_partial_shape().rank.get_length())
        keys.append(key)
        ends += [op.result(op.reduce_min(value, axes, False)), op.result(op.reduce_max(value, axes, False))]
    looked = openvino.Core().compile_model(
        openvino.Model(ends, graph.get_parameters()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    found: dict[str, tuple[float, float]] = {}
    for batch in batches:
        seen = looked(batch)
        for place, key in enumerate(keys):
            low, high = (float(np.asarray(seen[2 * place + end])) for end in (0, 1))
            before = found.get(key, (low, high))
            found[key] = min(low, before[0]), max(high, before[1])
    return found


def quantised(graph: Any, bounds: Bounds) -> Any:
    """Return the graph with what it multiplies rounded; it is changed in place, and the processor then computes in integers.

    Raises:
        WeightsError: the bounds are of another network.
    """
    op, rounded = import_openvino().opset13, dict[tuple[str, int], Any]()
    for node, key in list(_multiplied(graph)):
        if key not in bounds:
            raise WeightsError("the bounds in eight bits are of another network than this one")
        value, weights = node.input_value(0), node.input_value(1)
        low, high = min(bounds[key][0], 0.0), max(bounds[key][1], 1e-6)  # 0 is exact: it is what borders are filled with
        at = value.get_node().get_friendly_name(), value.get_index()
        if at not in rounded:
            ends = np.float32(low), np.float32(high)
            rounded[at] = op.fake_quantize(value, *ends, *ends, STEPS)
        node.input(0).replace_source_output(rounded[at].output(0))
        kept = 0 if node.get_type_name() == "Convolution" or node.get_attributes()["transpose_b"] else 1
        held = weights.get_node().data
        axes = tuple(axis for axis in range(held.ndim) if axis != kept)
        most = np.maximum(np.abs(held).max(axis=axes, keepdims=True), 1e-9).astype(np.float32)
        node.input(1).replace_source_output(op.fake_quantize(weights, -most, most, -most, most, STEPS - 1).output(0))
    graph.validate_nodes_and_infer_types()
    return graph


def _multiplied(graph: Any) -> Iterator[tuple[Any, str]]:
    """Yield each operation that multiplies by constants, and a digest of those, by which it is known whatever it is called."""
    for node in graph.get_ordered_ops():
        if node.get_type_name() in MULTIPLY and node.input_value(1).get_node().get_type_name() == "Constant":
            held = np.ascontiguousarray(node.input_value(1).get_node().data)
            yield node, hashlib.sha256(repr(held.shape).encode() + held.tobytes()).hexdigest()[:16]
