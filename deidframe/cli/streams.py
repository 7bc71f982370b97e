"""Where output goes while plugins are at work: what a component prints, in Python or natively, goes into the run's log."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TextIO

from deidframe.cli.plain import PLAIN
from deidframe.engine.runtime import timeout

MOST = 1 << 20
"""Bytes of what plugins printed that are kept, the last ones."""


@dataclass(frozen=True)
class Streams:
    """The streams of the program itself, and what everybody else writes.

    Args:
        out, err: the real standard output and error.
        log: what was written to descriptors 1 and 2 meanwhile.
    """

    out: TextIO
    err: TextIO
    log: IO[bytes]

    def printed(self) -> bytes:
        """Return what was written by others, the last `MOST` bytes."""
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), MOST, max(0, size - MOST))


@contextmanager
def set_apart() -> Iterator[Streams]:
    """Give the program streams of its own while the block lasts, and send descriptors 1 and 2 into an unnamed file.

    A stream that is not the process's own, as a notebook's or a test's, is left as it is.
    """
    with ExitStack() as held:
        log = held.enter_context(tempfile.TemporaryFile())
        out, err = (_own(held, stream, number, log) for stream, number in ((sys.stdout, 1), (sys.stderr, 2)))
        before = timeout.errors_to(err)
        held.callback(timeout.errors_to, before)
        if faulthandler.is_enabled() and err is not sys.stderr:
            faulthandler.enable(file=err)
            held.callback(faulthandler.enable)
        yield Streams(out, err, log)


def _own(held: ExitStack, stream: TextIO, number: int, log: IO[bytes]) -> TextIO:
    """Return the stream, from a copy of its descriptor where it is the process's own; that then leads into the log."""
    try:
        real = stream.fileno() == number
    except (OSError, ValueError, AttributeError):
        real = False
    if not real:
        return stream
    stream.flush()
    copy = os.dup(number)
    made = os.fdopen(copy, "w", encoding=stream.encoding, errors=PLAIN, buffering=1)
    os.dup2(log.fileno(), number)

    def back() -> None:
        stream.flush()  # what is still in the buffer belongs to the log
        made.flush()
        os.dup2(copy, number)
        made.close()

    held.callback(back)
    return made
