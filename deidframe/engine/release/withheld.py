"""One list of everything that was not released: which file, at which stage, why, and what its owner can do."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deidframe.record.write import write_bytes

FILE = "withheld.csv"
COLUMNS = ("file", "method", "stage", "reason", "what to do")
LISTING, READING, PEOPLE, METHOD = "listing files", "reading pictures", "checking people", "protecting"
_ADVICE = (
    ("not a picture", "nothing, unless it is a picture under another ending"),
    ("symbolic link", "put the file itself there, or set follow_links in source.params"),
    ("hidden, or made by a program", "nothing, unless it is the only copy of the picture"),
    ("lies outside the folders", "put it into the folder of the person whom it shows"),
    ("no face found", "look at it: is the face whole, large enough and not covered?"),
    ("does not show the face", "look at who is on it and put it into that person's folder"),
    ("which of its faces", "crop it to the face of its person"),
    ("in no group", "ask for a smaller k, or for an outlier handler that settles everybody"),
    ("matched to no person", "label it, or take it out"),
    ("second face", "crop the picture to one face"),
    ("is its original", "look at it: there may be nothing in it that the method could take away"),
    ("close to an original", "ask for more protection, or take the picture out"),
)
_READ = "open it in a picture program and save it again"


@dataclass(frozen=True)
class _Line:
    file: str
    method: str
    stage: str
    reason: str


class WithheldList:
    """Collects what is withheld and keeps the list on disk whole after each addition.

    Args:
        folder: `private` of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lines: list[_Line] = []

    def add(self, withheld: Mapping[str, str], stage: str, method: str = "") -> None:
        """Add ids with their reasons; `method` is empty where they are withheld from all."""
        self._lines += [_Line(file, method, stage, reason) for file, reason in sorted(withheld.items())]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((one.file, one.method, one.stage, one.reason, advice(one.reason)) for one in self._lines)
        write_bytes(self.path, out.getvalue().encode("utf-8", "surrogateescape"), private=True)

    def __len__(self) -> int:
        return len(self._lines)


def advice(reason: str) -> str:
    """Return what an owner can do about a picture that was withheld for this reason."""
    return next((words for known, words in _ADVICE if known in reason), _READ)
