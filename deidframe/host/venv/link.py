"""Both ends of the pipe: ask the other side, and answer what it asks meanwhile."""

from __future__ import annotations

import threading
import traceback
import weakref
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import errors
from deidframe.contract.errors import ArtifactError, DeidframeError, PluginError, StageError
from deidframe.host.venv import wire

LONGEST = 20_000
"""Characters of a traceback that are sent."""
Serve = Callable[..., Any]


class Link:
    """One end. Calls nest: while one waits for its answer it answers what the other end asks for.

    Args:
        reader, writer: of the pipe.
        serve: `serve(verb, *arguments)`, what this end does when it is asked.
        end: called where no answer can come any more; ends the other side and says in words what happened.
    """

    def __init__(self, reader: BinaryIO, writer: BinaryIO, serve: Serve, end: Callable[[], str] | None = None) -> None:
        self._reader, self._writer, self._serve, self._end = reader, writer, serve, end
        self._held: dict[int, Any] = {}
        self._next = 0
        self._dropped: list[int] = []
        self._lock = threading.RLock()

    def ask(self, verb: str, *arguments: Any) -> Any:
        """Let the other end do something and return what it gave.

        Raises:
            PluginError: it is gone. What it raised, as the same error of ours, or as one of the same name.
        """
        with self._lock:
            try:
                return self._asked(verb, arguments)
            except wire.Broken as error:
                raise PluginError(self._end() if self._end else str(error)) from None
            except Exception:
                raise
            except BaseException:  # a time limit or the user stops it: its answer would come when another is awaited
                if self._end:
                    self._end()
                raise

    def _asked(self, verb: str, arguments: tuple[Any, ...]) -> Any:
        self._send({"ask": verb, "with": list(arguments)})
        while True:
            message = wire.read(self._reader, self)
            self._forget(message["dropped"])
            if "gave" in message:
                return message["gave"]
            if "raised" in message:
                raise _error(message["raised"])
            self._answer(message)

    def serve(self) -> None:
        """Answer until the other end is gone."""
        while True:
            try:
                message = wire.read(self._reader, self)
            except wire.Broken:
                return
            except DeidframeError as error:  # an artifact that its own checks refuse
                self._send({"raised": _told(error)})
                continue
            self._forget(message["dropped"])
            self._answer(message)

    def _answer(self, message: Any) -> None:
        try:
            made = {"gave": self._do(message["ask"], message["with"])}
        except Exception as error:
            made = {"raised": _told(error)}
        try:
            self._send(made)
        except TypeError as error:  # something that cannot be sent; nothing of it was
            self._send({"raised": _told(error)})

    def _do(self, verb: str, arguments: list[Any]) -> Any:
        if verb == "rows":
            number, rows = arguments
            return np.asarray(self._held[number][rows])
        if verb == "invoke":
            number, method, given, named = arguments
            _public(method)
            thing = self._held[number]
            return (getattr(thing, method) if method else thing)(*given, **named)
        if verb == "value":
            number, name = arguments
            _public(name)
            return getattr(self._held[number], name)
        return self._serve(verb, *arguments)

    def _send(self, message: dict[str, Any]) -> None:
        dropped = self._dropped[:]
        del self._dropped[: len(dropped)]
        try:
            wire.write(self._writer, {**message, "dropped": dropped}, self)
        except OSError as error:
            raise wire.Broken(f"the other side is gone: {error}") from None

    def _forget(self, numbers: list[int]) -> None:
        for number in numbers:
            self._held.pop(number, None)

    # what a message holds by number

    def hold(self, thing: Any) -> int:
        """Keep something until the other end has dropped what stands for it."""
        self._next += 1
        self._held[self._next] = thing
        return self._next

    def held(self, number: int) -> Any:
        """Return what is kept under a number."""
        return self._held[number]

    def stand_in(self, kind: str, number: int, facts: Any) -> Any:
        """Return what stands for something that the other end keeps."""
        made: Any
        if kind == "stack":
            made = FarStack(self, number, tuple(facts["shape"]))
        elif kind == "call":
            made = FarCall(self, number)
        elif kind == "object":
            made = FarObject(self, number, facts["has"])
        else:
            raise ValueError(f"{kind!r} is nothing that can be sent")
        weakref.finalize(made, self._dropped.append, number).atexit = False
        return made


class FarStack(wire.StandIn):
    """Pictures of the other end, which it makes when they are asked for."""

    def __init__(self, link: Link, number: int, shape: tuple[int, ...]) -> None:
        self._link, self.number, self._shape = link, number, shape

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, H, W, 3)`."""
        return self._shape

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows = np.arange(len(self), dtype=np.int64)[key].reshape(-1)
        out: NDArray[np.uint8] = self._link.ask("rows", self.number, rows)
        return out


class FarCall(wire.StandIn):
    """A function of the other end."""

    def __init__(self, link: Link, number: int) -> None:
        self._link, self.number = link, number

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Let the other end call it."""
        return self._link.ask("invoke", self.number, "", list(given), named)


class FarObject(wire.StandIn):
    """An object of the other end, whose methods are called there."""

    def __init__(self, link: Link, number: int, has: list[str]) -> None:
        self._link, self.number, self._has = link, number, frozenset(has)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._has:
            return self._link.ask("value", self.number, name)
        return lambda *given, **named: self._link.ask("invoke", self.number, name, list(given), named)


def _public(name: str) -> None:
    """Refuse what is nobody's business on the other side.

    Raises:
        PluginError: it is not public.
    """
    if name.startswith("_"):
        raise PluginError(f"{name!r} is nothing that can be asked for")


def _told(error: BaseException) -> dict[str, Any]:
    """Return an error as plain data."""
    parts: list[str] = [str(error)]
    if isinstance(error, ArtifactError):
        parts = [error.stage, error.field, error.expected, error.got]
    elif isinstance(error, StageError):
        parts = [error.cell, error.stage, error.component, error.reason]
    trace = "".join(traceback.format_exception(error))[-LONGEST:]
    return {"class": type(error).__name__, "parts": parts, "ours": isinstance(error, DeidframeError), "trace": trace}


def _error(told: Any) -> BaseException:
    """Return the same error of ours, or one of the same name that says the same."""
    name, parts = str(told["class"]), [str(part) for part in told["parts"]]
    ours = getattr(errors, name, None) if told["ours"] else None
    if isinstance(ours, type) and issubclass(ours, DeidframeError):
        made: BaseException = ours(*parts)
    elif told["ours"]:
        made = PluginError(parts[0])
    else:
        made = type(name, (RuntimeError,), {})(*parts)
    made.add_note(f"in the plugin's own environment:\n{told['trace']}")
    return made
