"""The parsed ResNet as an ONNX graph, so that the one inference engine runs it in batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from deidframe_dlib.serial import DOWN, Convolution, ResNet

SIZE = 150
"""Side of the only input that dlib's network takes, in pixels."""


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def hold(self, array: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(self, x: str, c: Convolution) -> str:
        pads = [c.padding] * 4
        return self.add("Conv", [x, self.hold(c.weight), self.hold(c.bias)], strides=[c.stride] * 2, pads=pads)

    def grow(self, x: str, channels: int, pixels: int) -> str:
        """Pad with zeros at the high end, which is how dlib adds tensors of different sizes."""
        if not channels and not pixels:
            return x
        ends = np.array([0, 0, 0, 0, 0, channels, pixels, pixels], np.int64)
        return self.add("Pad", [x, self.hold(ends)])


def build(net: ResNet) -> bytes:
    """Return an ONNX model: input `(batch, 3, 150, 150)` RGB 0..255, output `(batch, 128)`."""
    g = _Graph()
    # (x - mean) / 256 is linear, and the first convolution has no padding, so both fold into it exactly
    weight = net.first.weight / 256.0
    bias = net.first.bias - (weight * net.mean[None, :, None, None]).sum(axis=(1, 2, 3))
    x = g.conv("input", Convolution(weight.astype(np.float32), bias.astype(np.float32), net.first.stride, net.first.padding))
    x = g.add("MaxPool", [g.add("Relu", [x])], kernel_shape=[3, 3], strides=[2, 2])
    size = ((SIZE - 7) // 2 + 1 - 3) // 2 + 1
    channels = net.first.weight.shape[0]
    for (a, b), down in zip(net.blocks, DOWN, strict=True):
        main = g.conv(g.add("Relu", [g.conv(x, a)]), b)
        filters = b.weight.shape[0]
        after = (size - 3) // 2 + 1 if down else size
        if down:
            x = g.add("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
            size = size // 2
        side = max(size, after)
        x = g.add("Add", [g.grow(main, 0, side - after), g.grow(x, filters - channels, side - size)])
        x = g.add("Relu", [x])
        size, channels = side, filters
    x = g.add("Flatten", [g.add("GlobalAveragePool", [x])])
    g.nodes.append(helper.make_node("MatMul", [x, g.hold(net.fc)], ["encoding"]))
    graph = helper.make_graph(
        g.nodes,
        "dlib-resnet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("encoding", TensorProto.FLOAT, ["batch", 128])],
        g.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())
