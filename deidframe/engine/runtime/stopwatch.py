"""Where a run's time and memory go: a reporter that measures every stage it is told of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deidframe.engine.runtime.progress import Quiet, Reporter

EVERY = 0.05
"""Seconds between two looks at the memory."""
REST = "the rest"
"""What no stage tells of."""


@dataclass
class Stage:
    """What one stage took, without the stages inside it.

    Args:
        items: pictures, groups or whatever it counts.
        seconds, cpu: by the clock, and of all cores.
        peak: the most memory of the process meanwhile, bytes; files that are mapped into it left out where the system tells.
    """

    items: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0


class Stopwatch:
    """Passes on to another reporter, and keeps what each stage took. Use it as a context manager.

    Args:
        shown: what shows progress.
    """

    def __init__(self, shown: Reporter | None = None) -> None:
        self._shown: Reporter = shown or Quiet()
        self.stages: dict[str, Stage] = {REST: Stage()}
        self._within = [REST]
        self._since = (0.0, 0.0)
        self._end = threading.Event()
        self._watch = threading.Thread(target=self._look, name="deidframe-memory", daemon=True)

    def __enter__(self) -> Stopwatch:
        self._since = time.perf_counter(), time.process_time()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._turn()
        self._end.set()
        self._watch.join()

    @property
    def peak(self) -> int:
        """The most memory of all stages, bytes."""
        return max(stage.peak for stage in self.stages.values())

    def say(self, line: str) -> None:
        """Pass a line on."""
        self._shown.say(line)

    def row(self, cell: Mapping[str, Any]) -> None:
        """Pass a row on."""
        self._shown.row(cell)

    @contextmanager
    def task(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Measure a stage, and show it."""
        stage = self.stages.setdefault(what, Stage())
        self._turn()
        self._within.append(what)
        try:
            with self._shown.task(what, total) as advance:

                def counted(done: int) -> None:
                    stage.items += done
                    advance(done)

                yield counted
        finally:
            self._turn()
            self._within.pop()

    def _turn(self) -> None:
        """Book what passed since the last change of stage."""
        now = time.perf_counter(), time.process_time()
        stage = self.stages[self._within[-1]]
        stage.seconds += now[0] - self._since[0]
        stage.cpu += now[1] - self._since[1]
        self._since = now

    def _look(self) -> None:
        while not self._end.wait(EVERY):
            stage = self.stages[self._within[-1]]
            stage.peak = max(stage.peak, memory())


def memory() -> int:
    """Return the bytes of memory that the process holds, without those of mapped files where the system tells them apart."""
    try:
        text = Path("/proc/self/status").read_text()
        for name in ("RssAnon:", "VmRSS:"):
            if name in text:
                return int(text.split(name)[1].split()[0]) * 1024
    except (OSError, ValueError):
        pass
    import resource  # there on every system that has no /proc, Windows aside

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
