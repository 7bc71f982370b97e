"""Whether an MP4 file holds pictures and sound and nothing else: its boxes are walked, no sample is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

INSIDE = {
    "": {"ftyp", "moov", "mdat", "free"},
    "moov": {"mvhd", "trak", "udta"},
    "trak": {"tkhd", "edts", "mdia"},
    "edts": {"elst"},
    "mdia": {"mdhd", "hdlr", "minf"},
    "minf": {"vmhd", "smhd", "dinf", "stbl"},
    "dinf": {"dref"},
    "stbl": {"stsd", "stts", "ctts", "stss", "stsc", "stsz", "stco", "co64", "sgpd", "sbgp"},
}
"""Box -> the boxes that may lie in it."""
NAMES = (b"VideoHandler", b"SoundHandler")
NO_WORDS = 61
"""Bytes of the box of words that the writer adds, when it holds none."""


def bare_mp4(path: Path) -> bool:
    """Return whether a file has boxes of pictures and sound alone, times of 0, the writer's names of handlers, and no word."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, 2)
            return _bare(stream, "", 0, stream.tell())
    except (OSError, struct.error):
        return False


def _boxes(stream: BinaryIO, start: int, stop: int) -> Iterator[tuple[str, int, int]]:
    """Yield kind, begin and end of what each box holds; a broken one is called `?`."""
    while start < stop:
        stream.seek(start)
        head = stream.read(8)
        if len(head) < 8:
            yield "?", start, stop
            return
        size, kind = struct.unpack(">I4s", head)
        begin = start + 8
        if size == 1:
            size, begin = struct.unpack(">Q", stream.read(8))[0], start + 16
        if size < begin - start or start + size > stop:
            yield "?", start, stop
            return
        yield kind.decode("latin1"), begin, start + size
        start += size


def _bare(stream: BinaryIO, inside: str, start: int, stop: int) -> bool:
    for kind, begin, end in _boxes(stream, start, stop):
        if kind not in INSIDE[inside]:
            return False
        stream.seek(begin)
        if kind == "free" and any(stream.read(end - begin)):
            return False
        if kind in ("mvhd", "tkhd", "mdhd"):
            version = stream.read(4)[0]
            if any(stream.read(16 if version else 8)):  # when it was made and changed
                return False
        if kind == "hdlr" and stream.read(end - begin)[24:].rstrip(b"\0") not in NAMES:
            return False
        if kind == "udta" and (end - begin + 8 != NO_WORDS or not stream.read(end - begin).endswith(b"\0\0\0\x08ilst")):
            return False
        if kind in INSIDE and not _bare(stream, kind, begin, end):
            return False
    return True
