"""What belongs to the whole process, and so to no component: watched during each call, and put back whatever happened."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

RANDOM = "random numbers"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
Change = tuple[str, str, str]
"""What was changed, what was expected, and what was found."""


@dataclass(frozen=True)
class Process:
    """What a component must leave as it was."""

    plain: tuple[Any, ...]
    deep: dict[str, Any]
    folder: str
    environment: dict[str, str]
    umask: int
    handlers: tuple[Any, ...]
    streams: tuple[Any, Any]

    @classmethod
    def now(cls) -> Process:
        """Return how it is."""
        # NumPy hands out a copy of its state, Python an immutable one
        deep = np.random.get_state(legacy=False)
        environment, handlers = dict(os.environ), tuple(map(signal.getsignal, SIGNALS))
        return cls(random.getstate(), deep, os.getcwd(), environment, _umask(), handlers, (sys.stdout, sys.stderr))  # noqa: PTH109

    def put_back(self) -> Change | None:
        """Undo what has changed and return what an error says of it, None where nothing has."""
        found: Change | None = None
        held, left = self.deep["state"], np.random.get_state(legacy=False)["state"]
        if random.getstate() != self.plain or held["pos"] != left["pos"] or not np.array_equal(held["key"], left["key"]):
            random.setstate(self.plain)
            np.random.set_state(self.deep)
            found = (RANDOM, "those of context.rng", "those of the whole process (a library that draws is imported in __init__)")
        if _folder() != self.folder:
            os.chdir(self.folder)
            found = ("working directory", "the one it was called in", "another")
        if dict(os.environ) != self.environment:
            found = self._environment() or found
        if _umask() != self.umask:
            os.umask(self.umask)
            found = ("umask", f"{self.umask:04o}", "another")
        # libraries take over handlers and streams of a process only if asked to; signals can be set by the main thread alone
        if threading.current_thread() is threading.main_thread():
            for number, before in zip(SIGNALS, self.handlers, strict=True):
                if signal.getsignal(number) is not before and before is not None:
                    signal.signal(number, before)
                    found = ("signal handlers", "those that were there", f"another for {signal.Signals(number).name}")
        if (sys.stdout, sys.stderr) != self.streams:
            sys.stdout, sys.stderr = self.streams
            found = ("standard streams", "those that were there", "others")
        return found

    def _environment(self) -> Change | None:
        """Put the variables back; new ones, as libraries set them when they are imported, go in silence."""
        touched = sorted(name for name, value in self.environment.items() if os.environ.get(name) != value)
        for name in {*os.environ, *self.environment}:
            if name not in self.environment:
                del os.environ[name]
            elif os.environ.get(name) != self.environment[name]:
                os.environ[name] = self.environment[name]
        return ("environment", "the variables as they were", f"{touched[0]} changed") if touched else None


def _umask() -> int:
    """Return the mask of new files, which can be read by setting it alone."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _folder() -> str:
    """Return the working directory, "" where it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return ""
