"""What was computed once and is worth keeping: bytes under the sha256 of all that they depend on."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deidframe.contract.errors import StoreError
from deidframe.record.write import write_bytes

_SEAL = 32
"""Bytes of the sha256 at the end of each entry."""


class DiskCache:
    """A folder of entries, 0700, for it may hold what was made from people's faces.

    Args:
        root: made on first use.

    `taken` counts, by what it is, what was found again.
    `journal` is a file to which the key of each entry that is used is added, so that a run's entries can be found again.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.journal: Path | None = None
        self.taken: Counter[str] = Counter()
        self._noted: set[tuple[Path, str]] = set()

    @staticmethod
    def key(facts: Mapping[str, Any]) -> str:
        """Return the sha256 of plain facts, whatever their order."""
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    def get(self, key: str, what: str = "results") -> bytes | None:
        """Return what was kept, None where nothing was or where it was damaged; `what` says what it is, in the plural."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        body, seal = data[:-_SEAL], data[-_SEAL:]
        if _seal(key, body) != seal:  # a damaged entry, or another key's, is computed again
            return None
        self._note(key)
        self.taken[what] += 1
        return body

    def put(self, key: str, body: bytes) -> None:
        """Keep these bytes: written beside, synced and moved into place, so that a kill leaves all of it or nothing.

        Raises:
            StoreError: the disk is full or the folder may not be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise StoreError(
                f"cannot make the cache {str(self.root)!r}: {error.strerror}; set DEIDFRAME_CACHE to a folder that may be written"
            ) from error
        self._note(key)  # before the entry is there: what a kill leaves behind can still be purged
        write_bytes(self._path(key), body + _seal(key, body), private=True)

    def remove(self, key: str) -> bool:
        """Remove one entry; False where it is not there."""
        try:
            self._path(key).unlink()
        except OSError:
            return False
        return True

    def entries(self) -> list[tuple[str, int, float]]:
        """Return key, bytes and time of last writing of each entry, oldest first."""
        found = []
        for path in self.root.glob("??/*"):
            if len(path.name) == 64 and path.is_file():
                facts = path.stat()
                found.append((path.name, facts.st_size, facts.st_mtime))
        return sorted(found, key=lambda entry: (entry[2], entry[0]))

    def trim(self, most: int) -> int:
        """Remove the oldest entries until no more than `most` bytes are left; return how many went."""
        entries = self.entries()
        left, gone = sum(size for _, size, _ in entries), 0
        for key, size, _ in entries:
            if left <= most:
                break
            if self.remove(key):
                left, gone = left - size, gone + 1
        return gone

    def _note(self, key: str) -> None:
        if self.journal is None or (self.journal, key) in self._noted:
            return
        self._noted.add((self.journal, key))
        try:
            handle = os.open(self.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "w") as stream:
                stream.write(f"{key}\n")
        except OSError as error:
            raise StoreError(f"cannot write {str(self.journal)!r}: {error.strerror}") from error

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / key


def _seal(key: str, body: bytes) -> bytes:
    """Return what ends an entry: of its key, too, so that one which lies under another's name is not taken for it."""
    return hashlib.sha256(key.encode() + b"\0" + body).digest()
