"""The arrays of InceptionResnetV1, whatever file they come in: one kernel and one bias for each convolution.

Three files are read: Keras' HDF5 (arrays alone; its Lambda layers hold marshalled code that is never loaded), a frozen TensorFlow
graph (protobuf, read field by field, no TensorFlow), and a state dictionary of facenet-pytorch. Normalisation is folded into each
convolution, so that what is left is a plain network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import WeightsError

Array = NDArray[np.float32]
STATE = ("weight", "bias", "running_mean", "running_var")
NORM = ("beta", "moving_mean", "moving_variance")
EPSILON = 1e-3
"""Of every normalisation of the network."""


@dataclass(frozen=True)
class Layer:
    """A convolution with its normalisation folded in: kernel `(O, I, H, W)`, bias `(O,)`."""

    kernel: Array
    bias: Array


@dataclass(frozen=True)
class Arrays:
    """All of the network.

    Args:
        layers: scope, such as `Block35_1/Branch_0/Conv2d_1x1`, -> convolution.
        last: `(1792, D)` of the linear layer, normalisation folded in; last_bias: `(D,)`.
    """

    layers: Mapping[str, Layer]
    last: Array
    last_bias: Array


def read_keras(path: Path) -> Arrays:
    """Return the arrays of `facenet_keras.h5`.

    Raises:
        WeightsError: it is another file.
    """
    import h5py

    held: dict[str, Array] = {}
    try:
        with h5py.File(path, "r") as file:

            def note(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    layer, _, kind = name.rpartition("/")
                    held[f"{layer.rpartition('/')[2]}:{kind.partition(':')[0]}"] = np.asarray(item, np.float32)

            file["model_weights"].visititems(note)
        layers = {}
        for scope in scopes():
            name = scope.replace("/", "_")
            kernel = held[f"{name}:kernel"].transpose(3, 2, 0, 1)
            if f"{name}:bias" in held:
                layers[scope] = Layer(np.ascontiguousarray(kernel), held[f"{name}:bias"])
            else:
                norm = f"{name}_BatchNorm"
                layers[scope] = _folded(
                    kernel, held[f"{norm}:beta"], held[f"{norm}:moving_mean"], held[f"{norm}:moving_variance"]
                )
        end = [held[f"Bottleneck_BatchNorm:{part}"] for part in NORM]
        return _with_last(layers, held["Bottleneck:kernel"], end[0], end[1], end[2])
    except (KeyError, OSError, ValueError) as error:
        raise WeightsError(f"encoder facenet: {path.name} is not the Keras file of FaceNet ({error})") from None


def read_frozen(path: Path) -> Arrays:
    """Return the arrays of `graph_final.pb`, in which every normalisation but the last is folded already.

    Raises:
        WeightsError: it is another file.
    """
    try:
        held = dict(_constants(path.read_bytes()))
        layers = {}
        for scope in scopes():
            name = f"InceptionResnetV1/{_frozen_scope(scope)}"
            bias = held[f"{name}/biases"] if f"{name}/biases" in held else held[f"{name}/Conv2D_bn_offset"]
            layers[scope] = Layer(np.ascontiguousarray(held[f"{name}/weights"].transpose(3, 2, 0, 1)), bias)
        last, norm = held["InceptionResnetV1/Bottleneck/weights"], "InceptionResnetV1/Bottleneck/BatchNorm"
        return _with_last(layers, last, held[f"{norm}/beta"], held[f"{norm}/moving_mean"], held[f"{norm}/moving_variance"])
    except (KeyError, IndexError, OSError, ValueError) as error:
        raise WeightsError(f"encoder facenet: {path.name} is not the frozen graph of FaceNet ({error})") from None


def read_state(state: Mapping[str, Array], name: str) -> Arrays:
    """Return the arrays of a state dictionary of facenet-pytorch.

    Args:
        state: as arrays.
        name: of its file, for errors.

    Raises:
        WeightsError: an array is missing.
    """
    try:
        layers = {}
        for scope in scopes():
            at = _state_scope(scope)
            if f"{at}.conv.weight" in state:
                gamma, beta, mean, variance = (state[f"{at}.bn.{part}"] for part in STATE)
                layers[scope] = _folded(state[f"{at}.conv.weight"], beta, mean, variance, gamma)
            else:
                layers[scope] = Layer(state[f"{at}.weight"], state[f"{at}.bias"])
        gamma, beta, mean, variance = (state[f"last_bn.{part}"] for part in STATE)
        return _with_last(layers, state["last_linear.weight"].T, beta, mean, variance, gamma)
    except KeyError as error:
        raise WeightsError(f"encoder facenet: {name} lacks {error} of the network") from None


def scopes() -> Iterator[str]:
    """Yield every convolution of InceptionResnetV1 by its scope, as its authors name it."""
    yield from (f"Conv2d_{part}" for part in ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3", "4b_3x3"))
    for n in range(1, 6):
        yield from _block(f"Block35_{n}", (("Conv2d_1x1",), ("0a_1x1", "0b_3x3"), ("0a_1x1", "0b_3x3", "0c_3x3")))
    yield "Mixed_6a/Branch_0/Conv2d_1a_3x3"
    yield from (f"Mixed_6a/Branch_1/Conv2d_{part}" for part in ("0a_1x1", "0b_3x3", "1a_3x3"))
    for n in range(1, 11):
        yield from _block(f"Block17_{n}", (("Conv2d_1x1",), ("0a_1x1", "0b_1x7", "0c_7x1")))
    for branch, parts in enumerate((("0a_1x1", "1a_3x3"), ("0a_1x1", "1a_3x3"), ("0a_1x1", "0b_3x3", "1a_3x3"))):
        yield from (f"Mixed_7a/Branch_{branch}/Conv2d_{part}" for part in parts)
    for n in range(1, 7):
        yield from _block(f"Block8_{n}", (("Conv2d_1x1",), ("0a_1x1", "0b_1x3", "0c_3x1")))


def _block(name: str, branches: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    for n, parts in enumerate(branches):
        for part in parts:
            yield f"{name}/Branch_{n}/{part if part.startswith('Conv2d') else f'Conv2d_{part}'}"
    yield f"{name}/Conv2d_1x1"


def _frozen_scope(scope: str) -> str:
    block, _, rest = scope.partition("/")
    kind, _, number = block.rpartition("_")
    if kind == "Block8" and number == "6":
        return f"Block8/{rest}"
    places = {"Block35": "Repeat/block35", "Block17": "Repeat_1/block17", "Block8": "Repeat_2/block8"}
    return f"{places[kind]}_{number}/{rest}" if kind in places else scope


_REPEATS = {"Block35": "repeat_1", "Block17": "repeat_2", "Block8": "repeat_3"}
_PLACE = {"0a": 0, "0b": 1, "0c": 2}


def _state_scope(scope: str) -> str:
    """Return facenet-pytorch's name of a convolution."""
    block, *rest = scope.split("/")
    if not rest:
        return f"conv2d_{block.split('_')[1]}"
    kind, _, number = block.rpartition("_")
    if kind == "Block8" and number == "6":
        home = "block8"
    else:
        home = f"{_REPEATS[kind]}.{int(number) - 1}" if kind in _REPEATS else block.lower()
    if len(rest) == 1:
        return f"{home}.conv2d"
    branch, part = rest[0].lower().replace("_", ""), rest[1].split("_")[1]
    if home.startswith("mixed"):
        if (home, branch) == ("mixed_6a", "branch0"):
            return f"{home}.{branch}"
        long = (home, branch) in (("mixed_6a", "branch1"), ("mixed_7a", "branch2"))
        return f"{home}.{branch}.{('0a', '0b', '1a').index(part) if long else ('0a', '1a').index(part)}"
    return f"{home}.{branch}" if part == "1x1" else f"{home}.{branch}.{_PLACE[part]}"


def _folded(kernel: Array, beta: Array, mean: Array, variance: Array, gamma: Array | None = None) -> Layer:
    factor = (1.0 if gamma is None else gamma.astype(np.float64)) / np.sqrt(variance.astype(np.float64) + EPSILON)
    folded = (kernel * factor[:, None, None, None]).astype(np.float32)
    return Layer(np.ascontiguousarray(folded), (beta - mean * factor).astype(np.float32))


def _with_last(
    layers: Mapping[str, Layer], last: Array, beta: Array, mean: Array, variance: Array, gamma: Array | None = None
) -> Arrays:
    factor = (1.0 if gamma is None else gamma.astype(np.float64)) / np.sqrt(variance.astype(np.float64) + EPSILON)
    return Arrays(layers, (last * factor).astype(np.float32), (beta - mean * factor).astype(np.float32))


def _constants(data: bytes) -> Iterator[tuple[str, Array]]:
    """Yield name and value of each float tensor of a frozen graph."""
    for number, node in _fields(data):
        if number != 1:
            continue
        parts = list(_fields(node))
        names = [value for key, value in parts if key == 1]
        for entry in (value for key, value in parts if key == 5):
            pair = dict(_fields(entry))
            if pair.get(1) != b"value":
                continue
            for tensor in (value for key, value in _fields(pair[2]) if key == 8):
                held = list(_fields(tensor))
                content = next((value for key, value in held if key == 4), b"")
                if dict(held).get(1) != 1 or not content:  # no float tensor, or a single number
                    continue
                shape = [_size(dimension) for key, value in held if key == 2 for k, dimension in _fields(value) if k == 2]
                yield names[0].decode(), np.frombuffer(content, "<f4").reshape(shape)


def _size(dimension: bytes) -> int:
    return int(dict(_fields(dimension)).get(1, 0))


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field of a protobuf message; messages and texts as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            yield key >> 3, data[at : at + size]
            at += size
        elif kind == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("cut short")
            yield key >> 3, data[at : at + size]
            at += size
        else:
            raise ValueError(f"unknown field kind {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    shift = value = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
