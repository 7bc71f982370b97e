"""Hand items to a thread that takes them as an iterator, a few at a time: drawing and encoding side by side, in little memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

AHEAD = 8
"""Items that may wait."""


class _Cut(Exception):
    """The side that puts has failed."""


class Feed:
    """Runs `take(iterator)` in a thread while the body of `with` puts items.

    What `take` raises is raised in the body, or when it ends. Where the body raises, `take` is cut short; what it has written
    it leaves unfinished.

    Args:
        take: is given an iterator over what is put.
    """

    def __init__(self, take: Callable[[Iterator[Any]], None]) -> None:
        self._take, self._items = take, queue.Queue[Any](AHEAD)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="deidframe-encode", daemon=True)

    def _run(self) -> None:
        try:
            self._take(self._each())
        except _Cut:
            pass
        except BaseException as error:
            self._error = error

    def _each(self) -> Iterator[Any]:
        while True:
            item = self._items.get()
            if item is None:
                return
            if item is _Cut:
                raise _Cut
            yield item

    def put(self, item: Any) -> None:
        """Hand over one item; wait while too many are waiting."""
        while True:
            if self._error is not None:
                raise self._error
            try:
                self._items.put(item, timeout=0.2)
                return
            except queue.Full:
                if not self._thread.is_alive() and self._error is None:
                    raise RuntimeError("the encoder ended before its frames did") from None

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._thread.is_alive() and self._error is None:
            try:
                self.put(None if kind is None else _Cut)
            except BaseException:
                if kind is None:
                    raise
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error
