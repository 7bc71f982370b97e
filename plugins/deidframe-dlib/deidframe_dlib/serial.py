"""Read dlib's serialised `face_recognition_resnet_model_v1.dat` with numpy alone.

The format: an int is a control byte (low nibble: byte count; 0x80: negative) and a little-endian magnitude; a real is an int
mantissa m and an int exponent e for m * 2**e; a string is an int length and bytes; a bool the character '0' or '1'; a tensor
the int 2, four ints n k nr nc, then raw little-endian f32; an alias of a tensor the int 1 and four ints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import WeightsError

FILTERS = [32] * 3 + [64] * 4 + [128] * 3 + [256] * 4
"""Output channels of the 14 residual blocks, input first."""
DOWN = [False] * 3 + [True] + [False] * 3 + [True] + [False] * 2 + [True] + [False] * 2 + [True]
"""Which blocks halve the resolution."""
_VERSIONS = 130
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Convolution:
    """A convolution with the affine layer after it folded in.

    Args:
        weight: `(out, in, kh, kw)`.
        bias: `(out,)`.
        stride, padding: pixels, the same for both axes.
    """

    weight: Array
    bias: Array
    stride: int
    padding: int


@dataclass(frozen=True)
class ResNet:
    """The whole network: `blocks` holds two convolutions each; `mean` is RGB, 0..255; `fc` is `(256, 128)`."""

    mean: Array
    first: Convolution
    blocks: tuple[tuple[Convolution, Convolution], ...]
    fc: Array


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def fail(self, what: str) -> WeightsError:
        return WeightsError(f"dlib file: expected {what} at byte {self.at}; this is not the network that was tested")

    def integer(self) -> int:
        control = self.data[self.at]
        size = control & 0x0F
        if size == 0 or size > 8:
            raise self.fail("an integer")
        self.at += 1 + size
        value = int.from_bytes(self.data[self.at - size : self.at], "little")
        return -value if control & 0x80 else value

    def integers(self, count: int) -> list[int]:
        return [self.integer() for _ in range(count)]

    def real(self) -> float:
        mantissa = self.integer()
        return float(mantissa * 2.0 ** self.integer())

    def string(self, wanted: str) -> None:
        size = self.integer()
        if self.data[self.at : self.at + size] != wanted.encode():
            raise self.fail(repr(wanted))
        self.at += size

    def tensor(self) -> Array:
        if self.integer() != 2:
            raise self.fail("a tensor")
        shape = self.integers(4)
        count = int(np.prod(shape))
        out = np.frombuffer(self.data, "<f4", count, self.at).reshape(shape)
        self.at += 4 * count
        return out

    def alias(self) -> None:
        if self.integer() != 1:
            raise self.fail("an alias")
        self.integers(4)

    def tail(self, ints: int = 0) -> None:
        for _ in range(3):
            if self.data[self.at : self.at + 1] not in (b"0", b"1"):
                raise self.fail("a bool")
            self.at += 1
        for _ in range(3):
            if self.tensor().size:
                raise self.fail("an empty tensor")
        self.integers(ints)

    def convolution(self, inputs: int) -> Convolution:
        """Read a `con_4` and the `affine_` after it, folded into one."""
        self.string("con_4")
        flat = self.tensor().reshape(-1)
        filters, height, width, stride, _, padding, _ = self.integers(7)
        self.alias()
        self.alias()
        for _ in range(4):
            self.real()
        count = filters * inputs * height * width
        if len(flat) != count + filters:
            raise self.fail(f"{count + filters} weights of a convolution, got {len(flat)},")
        weight, bias = flat[:count].reshape(filters, inputs, height, width), flat[count:]
        return Convolution(weight, bias, stride, padding)

    def affine(self, before: Convolution) -> Convolution:
        """Read the `affine_` that follows and fold it into the convolution."""
        self.string("affine_")
        gamma, beta = self.tensor().reshape(2, -1)
        self.alias()
        self.alias()
        self.integer()
        return Convolution(before.weight * gamma[:, None, None, None], before.bias * gamma + beta, before.stride, before.padding)


def read_resnet(data: bytes) -> ResNet:
    """Return the network's weights, affine layers folded into the convolutions.

    Raises:
        WeightsError: the bytes are not this network, or something is left over at the end.
    """
    reader = _Reader(data)
    try:
        return _read(reader)
    except (IndexError, ValueError) as error:
        raise WeightsError(f"dlib file: cut short or damaged near byte {reader.at} ({error})") from error


def _read(reader: _Reader) -> ResNet:
    reader.integer()
    reader.string("loss_metric_2")
    reader.real()
    reader.real()
    reader.integers(_VERSIONS)
    reader.string("input_rgb_image_sized")
    mean = np.array([reader.real() for _ in range(3)], np.float32)
    reader.integers(2)

    first = reader.convolution(3)
    reader.tail(1)
    first = reader.affine(first)
    reader.tail()
    _plain(reader, "relu_")
    _pool(reader, "max_pool_2")
    blocks: list[tuple[Convolution, Convolution]] = []
    channels = 32
    for filters, down in zip(FILTERS, DOWN, strict=True):
        a = reader.convolution(channels)
        reader.tail()
        a = reader.affine(a)
        reader.tail()
        _plain(reader, "relu_")
        b = reader.convolution(filters)
        reader.tail()
        b = reader.affine(b)
        reader.tail()
        if down:
            _pool(reader, "avg_pool_2")
        _plain(reader, "add_prev_")
        _plain(reader, "relu_")
        blocks.append((a, b))
        channels = filters
    _pool(reader, "avg_pool_2")
    reader.string("fc_2")
    reader.integers(2)
    fc = reader.tensor().reshape(256, 128)
    reader.alias()
    reader.alias()
    reader.integer()
    for _ in range(4):
        reader.real()
    reader.tail()
    if reader.at != len(reader.data):
        raise reader.fail("the end of the file")
    return ResNet(mean, first, tuple(blocks), fc)


def _plain(reader: _Reader, name: str) -> None:
    reader.string(name)
    reader.tail()


def _pool(reader: _Reader, name: str) -> None:
    reader.string(name)
    reader.integers(6)
    reader.tail()
