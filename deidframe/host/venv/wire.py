"""What goes over the pipe: one JSON text for the structure of a message, and its arrays as they lie in memory; never a pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from deidframe.contract.artifacts import (
    Embeddings,
    FaceSet,
    LinkScores,
    Partial,
    Partition,
    PersonScores,
    Points,
    Surrogates,
    Values,
)
from deidframe.contract.component import SamePerson
from deidframe.contract.photos import Detections, Photos
from deidframe.contract.roles import Briefing, Recognition
from deidframe.contract.stacks import IndexedStack, Stack
from deidframe.contract.weights import WeightsFile

ARTIFACTS: Mapping[str, type] = {
    one.__name__: one
    for one in (
        Briefing,
        Detections,
        Embeddings,
        FaceSet,
        IndexedStack,
        LinkScores,
        Partial,
        Partition,
        PersonScores,
        Photos,
        Points,
        Recognition,
        SamePerson,
        Surrogates,
        Values,
        WeightsFile,
    )
}
"""All that is made anew on the other side, by its own constructor, which checks it."""
INLINE = 8 * 2**20
"""Bytes of pictures that are sent at once; of larger stacks the other side asks for rows when it wants them."""
MOST = 2**31
"""Bytes of a message's structure; a larger one is no message."""
KINDS = frozenset("biuf")
_HEAD = struct.Struct("<QI")
_SIZE = struct.Struct("<Q")


class Broken(EOFError):
    """The other side is gone, or what came from it is no message."""


class Keeper(Protocol):
    """Holds what stays on one side, and stands for what stayed on the other."""

    def hold(self, thing: Any) -> int:
        """Return a number by which the other side asks for it."""
        ...

    def held(self, number: int) -> Any:
        """Return what has this number here."""
        ...

    def stand_in(self, kind: str, number: int, facts: Any) -> Any:
        """Return something that asks the other side."""
        ...


class StandIn:
    """Something of the other side, by its number."""

    number: int


def write(stream: BinaryIO, message: Any, keeper: Keeper) -> None:
    """Send a message of plain data, arrays and artifacts."""
    arrays: list[np.ndarray[Any, Any]] = []
    text = json.dumps(_plain(message, arrays, keeper)).encode("ascii")
    stream.write(_HEAD.pack(len(text), len(arrays)))
    stream.write(text)
    for one in arrays:
        stream.write(_SIZE.pack(one.nbytes))
        stream.write(one.reshape(-1).view(np.uint8).data)
    stream.flush()


def read(stream: BinaryIO, keeper: Keeper) -> Any:
    """Receive a message.

    Raises:
        Broken: there is none.
    """
    size, count = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if size > MOST or count > MOST:
        raise Broken("what came is no message")
    text = _exactly(stream, size)
    buffers = [_exactly(stream, _SIZE.unpack(_exactly(stream, _SIZE.size))[0]) for _ in range(count)]
    try:
        return _whole(json.loads(text), buffers, keeper)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise Broken(f"what came is no message: {error}") from error


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise Broken("the other side is gone")
    return data


def _plain(value: Any, arrays: list[np.ndarray[Any, Any]], keeper: Keeper) -> Any:
    """Return a value as JSON has it, its arrays put aside."""

    def inner(one: Any) -> Any:
        return _plain(one, arrays, keeper)

    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, (bytes, bytearray)):
        arrays.append(np.frombuffer(bytes(value), np.uint8))
        return {"bytes": len(arrays) - 1}
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in KINDS:
            raise TypeError(f"an array of {value.dtype} cannot be sent to another environment")
        arrays.append(np.ascontiguousarray(value))
        return {"array": [len(arrays) - 1, value.dtype.str, list(value.shape)]}
    if isinstance(value, tuple):
        return {"tuple": [inner(one) for one in value]}
    if isinstance(value, list):
        return [inner(one) for one in value]
    if isinstance(value, Mapping):
        return {"map": [[inner(key), inner(one)] for key, one in value.items()]}
    if isinstance(value, StandIn):
        return {"back": value.number}
    made: Any = ARTIFACTS.get(type(value).__name__)
    if made is type(value):
        parts = {f.name: _field(f.name, getattr(value, f.name), inner, keeper) for f in fields(made)}
        return {"of": made.__name__, "fields": parts}
    if isinstance(value, Stack):
        return _stack(value, inner, keeper)
    if callable(value):
        return {"call": keeper.hold(value)}
    return {"object": keeper.hold(value), "has": [one for one in ("space",) if hasattr(value, one)]}


def _field(name: str, value: Any, inner: Callable[[Any], Any], keeper: Keeper) -> Any:
    return _stack(value, inner, keeper) if name in ("images", "pictures") else inner(value)


def _stack(value: Any, inner: Callable[[Any], Any], keeper: Keeper) -> Any:
    """Return pictures as they are where they are few, their stack by number where it is large or makes them when asked."""
    if isinstance(value, (IndexedStack, StandIn)) or (isinstance(value, np.ndarray) and value.nbytes <= INLINE):
        return inner(value)
    return {"stack": keeper.hold(value), "shape": [int(side) for side in value.shape]}


def _whole(value: Any, buffers: list[bytes], keeper: Keeper) -> Any:
    """Return what `_plain` took apart."""

    def inner(one: Any) -> Any:
        return _whole(one, buffers, keeper)

    if isinstance(value, list):
        return [inner(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "of" in value:
        made = ARTIFACTS[value["of"]]
        return made(**{name: inner(one) for name, one in value["fields"].items()})
    ((kind, one), *more) = value.items()
    if kind == "tuple":
        return tuple(inner(each) for each in one)
    if kind == "map":
        return {inner(key): inner(each) for key, each in one}
    if kind == "bytes":
        return buffers[one]
    if kind == "path":
        return Path(one)
    if kind == "array":
        number, dtype, shape = one
        if np.dtype(dtype).kind not in KINDS:
            raise ValueError(f"an array of {dtype}")
        # a copy, since a buffer that was read cannot be written to, and components may want to
        return np.frombuffer(buffers[number], np.dtype(dtype)).reshape(shape).copy()
    if kind == "back":
        return keeper.held(one)
    return keeper.stand_in(kind, one, dict(more))
