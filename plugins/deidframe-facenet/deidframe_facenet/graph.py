"""InceptionResnetV1 as an ONNX graph, so that the one inference engine runs it in batches and torch can follow it backwards.

Source: C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi, "Inception-v4, Inception-ResNet and the impact of residual connections on
learning", AAAI 2017, figures 9 to 14, in the form in which D. Sandberg trained it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from deidframe_facenet.arrays import Arrays

SIZE = 160
"""Side of its input in pixels."""
SCALES = {"Block35": 0.17, "Block17": 0.10, "Block8": 0.20}
"""By how much each block adds to what comes in; the last block adds all."""


class _Graph:
    def __init__(self, arrays: Arrays) -> None:
        self.nodes: list[Any] = []
        self.held: list[Any] = []
        self._arrays = arrays

    def hold(self, array: Any) -> str:
        name = f"w{len(self.held)}"
        self.held.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(self, x: str, scope: str, *, stride: int = 1, padding: tuple[int, int] = (0, 0), scale: float = 1.0) -> str:
        layer = self._arrays.layers[scope]
        inputs = [x, self.hold(layer.kernel * np.float32(scale)), self.hold(layer.bias * np.float32(scale))]
        return self.add("Conv", inputs, strides=[stride] * 2, pads=[*padding, *padding])

    def relu(self, x: str, scope: str, *, stride: int = 1, same: bool = False) -> str:
        """Return a convolution and what of it is positive; `same` keeps the size."""
        height, width = self._arrays.layers[scope].kernel.shape[2:]
        padding = (height // 2, width // 2) if same else (0, 0)
        return self.add("Relu", [self.conv(x, scope, stride=stride, padding=padding)])

    def pool(self, x: str) -> str:
        return self.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])

    def chain(self, x: str, *scopes: str, last_stride: int = 1) -> str:
        """Return convolutions one after another that keep the size; the last one may halve it."""
        for n, scope in enumerate(scopes):
            last = n == len(scopes) - 1 and last_stride > 1
            x = self.relu(x, scope, stride=last_stride if last else 1, same=not last)
        return x

    def block(self, x: str, name: str, branches: tuple[tuple[str, ...], ...], *, scale: float, positive: bool = True) -> str:
        parts = [self.chain(x, *(f"{name}/Branch_{n}/Conv2d_{part}" for part in branch)) for n, branch in enumerate(branches)]
        added = self.conv(self.add("Concat", parts, axis=1), f"{name}/Conv2d_1x1", scale=scale)
        total = self.add("Add", [x, added])
        return self.add("Relu", [total]) if positive else total


def build(arrays: Arrays) -> bytes:
    """Return an ONNX model: input `(batch, 3, 160, 160)` RGB, scaled as the weights want it, output `(batch, D)`."""
    g = _Graph(arrays)
    x = g.relu("input", "Conv2d_1a_3x3", stride=2)
    x = g.relu(g.relu(x, "Conv2d_2a_3x3"), "Conv2d_2b_3x3", same=True)
    x = g.relu(g.relu(g.pool(x), "Conv2d_3b_1x1"), "Conv2d_4a_3x3")
    x = g.relu(x, "Conv2d_4b_3x3", stride=2)
    for n in range(1, 6):
        branches = (("1x1",), ("0a_1x1", "0b_3x3"), ("0a_1x1", "0b_3x3", "0c_3x3"))
        x = g.block(x, f"Block35_{n}", branches, scale=SCALES["Block35"])
    at = "Mixed_6a/Branch_"
    longest = g.chain(x, *(f"{at}1/Conv2d_{part}" for part in ("0a_1x1", "0b_3x3", "1a_3x3")), last_stride=2)
    x = g.add("Concat", [g.relu(x, f"{at}0/Conv2d_1a_3x3", stride=2), longest, g.pool(x)], axis=1)
    for n in range(1, 11):
        x = g.block(x, f"Block17_{n}", (("1x1",), ("0a_1x1", "0b_1x7", "0c_7x1")), scale=SCALES["Block17"])
    at = "Mixed_7a/Branch_"
    parts = [
        g.chain(x, *(f"{at}{n}/Conv2d_{part}" for part in branch), last_stride=2)
        for n, branch in enumerate((("0a_1x1", "1a_3x3"), ("0a_1x1", "1a_3x3"), ("0a_1x1", "0b_3x3", "1a_3x3")))
    ]
    x = g.add("Concat", [*parts, g.pool(x)], axis=1)
    for n in range(1, 7):
        scale = SCALES["Block8"] if n < 6 else 1.0
        x = g.block(x, f"Block8_{n}", (("1x1",), ("0a_1x1", "0b_1x3", "0c_3x1")), scale=scale, positive=n < 6)
    x = g.add("MatMul", [g.add("Flatten", [g.add("GlobalAveragePool", [x])]), g.hold(arrays.last)])
    g.nodes.append(helper.make_node("Add", [x, g.hold(arrays.last_bias)], ["encoding"]))
    graph = helper.make_graph(
        g.nodes,
        "facenet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("encoding", TensorProto.FLOAT, ["batch", arrays.last.shape[1]])],
        g.held,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())
