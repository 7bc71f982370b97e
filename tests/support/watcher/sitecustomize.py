"""Imported by every Python process of a watched run: notes each socket and each path that is written, as lines of JSON."""

from __future__ import annotations

import json
import os
import sys

NOTES = os.open(os.environ["DEIDFRAME_WATCH"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS = {"os.mkdir": 1, "os.rename": 2, "os.link": 2, "os.symlink": 2, "os.chmod": 1, "shutil.rmtree": 1}
"""Event -> how many of its first arguments are paths."""


def note(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket."):
        told = [repr(argument) for argument in arguments]
    else:
        count = PATHS.get(event, 0)
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
            count = 1
        paths = [path for path in arguments[:count] if isinstance(path, (str, bytes, os.PathLike))]
        told = [os.path.abspath(os.fsdecode(path)) for path in paths]  # noqa: PTH100
        if not told:
            return
    os.write(NOTES, json.dumps([os.getpid(), event, *told]).encode() + b"\n")


sys.addaudithook(note)
