"""A recogniser as a torch module: an ONNX file's nodes run one after another, so that gradients reach the picture.

Only what recognisers are made of is known; anything else is refused by name. torch is imported when it is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from deidframe.contract.errors import PluginError, WeightsError

Node = tuple[str, tuple[str, ...], str, dict[str, Any]]


def torch_module(model: bytes) -> Callable[[Any], Any]:
    """Return a function from the ONNX model's input to its output, both torch tensors, float32, differentiable.

    Args:
        model: an ONNX file's bytes with one input and plain weights (see `fold`).

    Raises:
        PluginError: torch is not installed. WeightsError: the file is no such network, or has an operation that is not known.
    """
    try:
        import torch
    except ImportError:
        raise PluginError("following gradients needs torch: python -m pip install torch") from None
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load_from_string(model).graph
    except Exception as error:  # onnx's parser has no error class of its own
        raise WeightsError(f"no ONNX network ({type(error).__name__})") from None
    held: dict[str, Any] = {t.name: torch.from_numpy(np.array(numpy_helper.to_array(t))) for t in graph.initializer}
    nodes: list[Node] = []
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            held[node.output[0]] = torch.from_numpy(np.array(numpy_helper.to_array(attributes["value"])))
        elif node.op_type not in OPERATIONS:
            raise WeightsError(
                f"the network's operation {node.op_type} cannot be followed backwards; known: {', '.join(OPERATIONS)}"
            )
        else:
            nodes.append((node.op_type, tuple(node.input), node.output[0], attributes))
    used = {name for node in nodes for name in node[1]}  # some exporters list weights as inputs, too
    inputs = [value.name for value in graph.input if value.name in used and value.name not in held]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise WeightsError(f"the network has {len(inputs)} inputs and {len(graph.output)} outputs, expected one of each")
    return _Runner(_fused(nodes, held), held, inputs[0], graph.output[0].name)


def _fused(nodes: list[Node], held: dict[str, Any]) -> list[Node]:
    """Fold each normalisation that alone follows a convolution into its weights, which saves a third of a recogniser's time."""
    makers = {node[2]: row for row, node in enumerate(nodes)}
    uses = Counter(name for node in nodes for name in node[1])
    out = list(nodes)
    dropped: set[int] = set()
    for row, (kind, sources, target, attributes) in enumerate(nodes):
        before = makers.get(sources[0]) if sources else None
        if kind != "BatchNormalization" or before is None or nodes[before][0] != "Conv" or uses[sources[0]] != 1:
            continue
        names = nodes[before][1]
        if names[1] not in held or not all(name in held for name in sources[1:]):
            continue
        gamma, beta, mean, variance = (held[name] for name in sources[1:])
        factor = gamma / (variance + float(attributes.get("epsilon", 1e-5))).sqrt()
        bias = held[names[2]] if len(names) > 2 else 0.0
        held[f"{target}/weight"] = held[names[1]] * factor.reshape(-1, 1, 1, 1)
        held[f"{target}/bias"] = beta + (bias - mean) * factor
        out[row] = ("Conv", (names[0], f"{target}/weight", f"{target}/bias"), target, nodes[before][3])
        dropped.add(before)
    return [node for row, node in enumerate(out) if row not in dropped]


class _Runner:
    """Runs the nodes; a value is dropped after its last use unless the gradient needs it."""

    def __init__(self, nodes: list[Node], held: dict[str, Any], source: str, target: str) -> None:
        self._nodes, self._source, self._target = nodes, source, target
        self._held = {"cpu": held}

    def __call__(self, x: Any) -> Any:
        held = self._on(x.device)
        values = {self._source: x}
        for kind, sources, target, attributes in self._nodes:
            arguments = [values[name] if name in values else held[name] if name else None for name in sources]
            values[target] = OPERATIONS[kind](arguments, attributes)
        return values[self._target]

    def _on(self, device: Any) -> dict[str, Any]:
        """Return the weights on a device, copied there once; shapes and paddings stay where Python reads them."""
        where = str(device)
        if where not in self._held:
            here = self._held["cpu"]
            self._held[where] = {name: v.to(device) if v.is_floating_point() else v for name, v in here.items()}
        return self._held[where]


def _pads(attributes: dict[str, Any]) -> tuple[int, int]:
    """Return symmetric padding (height, width); ONNX gives both ends."""
    pads = list(attributes.get("pads", (0, 0, 0, 0)))
    if pads[:2] != pads[2:] or attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", "NOTSET"):
        raise WeightsError(f"padding {pads} differs between the ends, which cannot be followed backwards here")
    return pads[0], pads[1]


def _conv(a: list[Any], k: dict[str, Any]) -> Any:
    from torch.nn import functional

    bias = a[2] if len(a) > 2 else None
    stride, dilation = tuple(k.get("strides", (1, 1))), tuple(k.get("dilations", (1, 1)))
    return functional.conv2d(a[0], a[1], bias, stride, _pads(k), dilation, int(k.get("group", 1)))


def _concat(a: list[Any], k: dict[str, Any]) -> Any:
    import torch

    return torch.cat(a, dim=int(k["axis"]))


def _norm(a: list[Any], k: dict[str, Any]) -> Any:
    from torch.nn import functional

    return functional.batch_norm(a[0], a[3], a[4], a[1], a[2], eps=float(k.get("epsilon", 1e-5)))


def _prelu(a: list[Any], _: dict[str, Any]) -> Any:
    from torch.nn import functional

    return functional.prelu(a[0], a[1].reshape(-1))


def _pool(kind: str) -> Callable[[list[Any], dict[str, Any]], Any]:
    def pool(a: list[Any], k: dict[str, Any]) -> Any:
        from torch.nn import functional

        if k.get("ceil_mode"):
            raise WeightsError("pooling with ceil_mode cannot be followed backwards here")
        do = functional.max_pool2d if kind == "max" else functional.avg_pool2d
        return do(a[0], tuple(k["kernel_shape"]), tuple(k.get("strides", (1, 1))), _pads(k))

    return pool


def _pad(a: list[Any], k: dict[str, Any]) -> Any:
    from torch.nn import functional

    ends = a[1].tolist() if len(a) > 1 else list(k["pads"])
    half = len(ends) // 2
    # ONNX lists all begins, then all ends, first dimension first; torch wants pairs, last dimension first
    pairs = [end for place in reversed(range(half)) for end in (int(ends[place]), int(ends[place + half]))]
    return functional.pad(a[0], pairs)


def _gemm(a: list[Any], k: dict[str, Any]) -> Any:
    x = a[0].T if k.get("transA") else a[0]
    w = a[1].T if k.get("transB") else a[1]
    out = float(k.get("alpha", 1.0)) * (x @ w)
    return out + float(k.get("beta", 1.0)) * a[2] if len(a) > 2 else out


OPERATIONS: dict[str, Callable[[list[Any], dict[str, Any]], Any]] = {
    "Add": lambda a, _: a[0] + a[1],
    "AveragePool": _pool("average"),
    "BatchNormalization": _norm,
    "Concat": _concat,
    "Conv": _conv,
    "Div": lambda a, _: a[0] / a[1],
    "Dropout": lambda a, _: a[0],
    "Flatten": lambda a, k: a[0].flatten(int(k.get("axis", 1))),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda a, _: a[0].mean((2, 3), keepdim=True),
    "Identity": lambda a, _: a[0],
    "MatMul": lambda a, _: a[0] @ a[1],
    "MaxPool": _pool("max"),
    "Mul": lambda a, _: a[0] * a[1],
    "PRelu": _prelu,
    "Pad": _pad,
    "Relu": lambda a, _: a[0].relu(),
    "Reshape": lambda a, _: a[0].reshape([a[0].shape[n] if d == 0 else d for n, d in enumerate(a[1].tolist())]),
    "Sigmoid": lambda a, _: a[0].sigmoid(),
    "Softmax": lambda a, k: a[0].softmax(int(k.get("axis", -1))),
    "Sub": lambda a, _: a[0] - a[1],
    "Transpose": lambda a, k: a[0].permute(list(k["perm"])),
}
"""What a network may be made of."""
