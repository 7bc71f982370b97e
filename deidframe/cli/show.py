"""What runs look like on a terminal (bars that move) and in a log (plain lines)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

EVERY = 10.0
"""Seconds between the lines of one stage when nobody watches."""


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


class Bars:
    """Reporter for a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            _Speed(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )

    def say(self, line: str) -> None:
        """Print above the bars."""
        self._console.print(Text(line))

    @contextmanager
    def task(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Draw a bar while the stage lasts."""
        if not total:
            yield lambda done: None
            return
        if not self._progress.live.is_started:
            self._progress.start()
        task = self._progress.add_task(what, total=total)
        try:
            yield lambda done: self._progress.advance(task, done)
        finally:
            self._progress.remove_task(task)
            if not self._progress.tasks:
                self._progress.stop()

    def row(self, cell: Mapping[str, Any]) -> None:
        """Show nothing: the table comes at the end."""


class Events:
    """Reporter for a program: one JSON object a line.

    Args:
        stream: the program's standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def emit(self, event: str, **facts: Any) -> None:
        """Print one event."""
        print(json.dumps({"event": event, **facts}, ensure_ascii=True, default=str), file=self._stream or sys.stdout, flush=True)

    def say(self, line: str) -> None:
        """Print a line as `message`."""
        self.emit("message", text=line.strip())

    @contextmanager
    def task(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Print `stage` when it begins, about once a second, and when it ends."""
        count, last = 0, time.monotonic()
        self.emit("stage", what=what, done=0, total=total)

        def advance(done: int) -> None:
            nonlocal count, last
            count += done
            if time.monotonic() - last >= 1:
                last = time.monotonic()
                self.emit("stage", what=what, done=count, total=total)

        yield advance
        self.emit("stage", what=what, done=count, total=total, ended=True)

    def row(self, cell: Mapping[str, Any]) -> None:
        """Print a row, as it stands in `cells.jsonl`."""
        self.emit("row", **cell)


class Lines:
    """Reporter for a log: one line when a longer stage ends, and one now and then while it lasts.

    Args:
        stream: the program's standard error.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, file=self._stream or sys.stderr, flush=True)

    @contextmanager
    def task(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Say how far it is every few seconds."""
        start = last = time.monotonic()
        count = 0

        def advance(done: int) -> None:
            nonlocal count, last
            count += done
            now = time.monotonic()
            if now - last >= EVERY:
                last = now
                self.say(f"  {what}: {count} of {total}, {count / (now - start):,.0f}/s")

        yield advance
        took = time.monotonic() - start
        if took >= 0.5:
            self.say(f"  {what}: {count} in {took:.1f} s, {count / took:,.0f}/s")

    def row(self, cell: Mapping[str, Any]) -> None:
        """Show nothing: the table comes at the end."""
