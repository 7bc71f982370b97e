"""How a run says what it is doing; the command line draws it, tests stay quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Reporter(Protocol):
    """Takes lines and progress."""

    def say(self, line: str) -> None:
        """Show one line."""
        ...

    def task(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show a stage of `total` items; call what it gives with how many more are done."""
        ...

    def row(self, cell: Mapping[str, Any]) -> None:
        """Take a row of the comparison as plain data, as soon as it is there."""
        ...


class Quiet:
    """Shows nothing."""

    def say(self, line: str) -> None:
        """Drop the line."""

    @contextmanager
    def task(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Count for nobody."""
        yield lambda done: None

    def row(self, cell: Mapping[str, Any]) -> None:
        """Drop the row."""


def tracker(reporter: Reporter) -> Callable[[Iterable[T], int | None, str], Iterator[T]]:
    """Return the `track` that components are given: it yields the items and shows how far it is."""

    def track(items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
        with reporter.task(what, total or 0) as advance:
            for item in items:
                yield item
                advance(1)

    return track
