"""A time limit on single calls of components: one that hangs fails its method, or ends the process where nothing else ends it."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import TextIO

from deidframe.contract.errors import PluginError

_SECONDS: ContextVar[float | None] = ContextVar("seconds", default=None)
AGAIN = 1.0
"""Seconds after which a component that swallowed the alarm hears it once more."""
_ERRORS: list[TextIO] = []
GRACE = 30.0
"""Seconds after the limit at which the process ends: the component is in native code, which hears no alarm."""


class _Alarm(BaseException):
    """Not an `Exception`, so that a component's own error handling lets it pass."""


@contextmanager
def limit_calls(seconds: float | None) -> Iterator[None]:
    """Let no call inside take longer, None for no limit."""
    before = _SECONDS.set(seconds)
    try:
        yield
    finally:
        _SECONDS.reset(before)


def errors_to(stream: TextIO | None) -> TextIO | None:
    """Let the last words of a process go there, None for standard error; return where they went before."""
    before, _ERRORS[:] = (_ERRORS[0] if _ERRORS else None), [stream] if stream is not None else []
    return before


def _errors() -> TextIO:
    """Return where a traceback can be written by the system itself: a notebook's stderr is no file."""
    try:
        if _ERRORS:
            _ERRORS[0].fileno()
            return _ERRORS[0]
        sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # an unsupported operation is an OSError and a ValueError
        assert sys.__stderr__ is not None, "a process without an error stream has no --timeout"
        return sys.__stderr__
    return sys.stderr


@contextmanager
def limited(who: str) -> Iterator[None]:
    """Hold one call of a component to the limit. A call inside another one counts as part of it.

    A component that is stuck in native code cannot be stopped: after a grace the process writes where it hangs and ends with
    code 1, without a release that is half written, and the same command goes on.

    Raises:
        PluginError: the limit passed.
    """
    seconds = _SECONDS.get()
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def alarm(number: int, frame: FrameType | None) -> None:
        raise _Alarm

    inner = _SECONDS.set(None)
    before = signal.signal(signal.SIGALRM, alarm)
    faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=_errors())
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Alarm:
        raise PluginError(f"{who} did not end within {seconds:g} s and was stopped") from None
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
        _SECONDS.reset(inner)
