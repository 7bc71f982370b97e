"""Turn an ONNX file with block-quantised weights into a plain one that every engine reads.

No engine reads both shipped files as they are: onnxruntime refuses a block size on a per-tensor scale, OpenVINO refuses the
other. Folding computes each weight once with numpy and drops the nodes that did it at run time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper


def fold(model: bytes) -> bytes:
    """Return the model with dequantised weights as initialisers, true inputs only, and a free batch size.

    Args:
        model: an ONNX file's bytes. A model without quantised weights only gets its free batch size.

    Raises:
        ValueError: a quantised tensor whose scale does not fit it.
    """
    proto = onnx.load_from_string(model)
    graph = proto.graph
    held = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and all(name in held for name in node.input):
            held[node.output[0]] = _dequantise(node, [held[name] for name in node.input])
        elif node.op_type == "Reshape" and all(name in held for name in node.input):
            held[node.output[0]] = held[node.input[0]].reshape(held[node.input[1]].tolist())
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    reshapes = {node.input[1] for node in kept if node.op_type == "Reshape"}
    inputs = [value for value in graph.input if value.name not in held]
    weights = []
    for name in sorted(used & held.keys()):
        value = held[name]
        if name in reshapes and value.size and value.flat[0] == 1:
            value = value.copy()
            value.flat[0] = 0  # ONNX: 0 copies the input's dimension, here the batch
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    del graph.node[:], graph.initializer[:], graph.input[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.initializer.extend(weights)
    graph.input.extend(inputs)
    for value in (*graph.input, *graph.output):
        shape = value.type.tensor_type.shape
        if len(shape.dim):
            shape.dim[0].dim_param = "batch"
    return bytes(proto.SerializeToString())


def _dequantise(node: Any, inputs: list[NDArray[Any]]) -> NDArray[np.float32]:
    """Compute `(x - zero_point) * scale` of ONNX DequantizeLinear, per tensor, per axis or in blocks along an axis."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    axis, block = int(attributes.get("axis", 1)), int(attributes.get("block_size", 0))
    x, scale = inputs[0], inputs[1]
    zero = inputs[2] if len(inputs) > 2 else np.zeros_like(scale, dtype=x.dtype)

    def spread(values: NDArray[Any]) -> NDArray[Any]:
        if values.size == 1:
            return values.reshape((1,) * x.ndim)
        if values.ndim == x.ndim and block:
            values = np.repeat(values, block, axis=axis)
            return np.take(values, range(x.shape[axis]), axis=axis)
        if values.ndim == 1 and len(values) == x.shape[axis]:
            return values.reshape([-1 if d == axis else 1 for d in range(x.ndim)])
        raise ValueError(f"scale of shape {values.shape} does not fit a tensor of shape {x.shape}")

    folded = (x.astype(np.float32) - spread(zero).astype(np.float32)) * spread(scale).astype(np.float32)
    return np.asarray(folded, np.float32)
