"""Write into a run folder so that no half-written file ever stands under its final name."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deidframe.contract.errors import StoreError, UsageError


def new_run_folder(folder: Path) -> None:
    """Make the folder of a run with its `private` inside, mode 0700.

    Raises:
        UsageError: something is already there. StoreError: it cannot be made.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"run folder {str(folder)!r} exists; give another with --out, or remove it: nothing there was touched")
    try:
        (folder / "private").mkdir(parents=True)
        (folder / "private").chmod(0o700)
    except OSError as error:
        raise StoreError(f"cannot make run folder {str(folder)!r}: {error.strerror}") from error


def write_bytes(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write beside, fsync, and move into place; `private` files get mode 0600.

    Raises:
        StoreError: the disk is full or the folder may not be written.
    """
    write_parts(path, (data,), private=private)


def write_parts(path: Path, parts: Iterable[bytes], *, private: bool = False) -> None:
    """Write what comes in parts, so that a long table is never whole in memory; as `write_bytes` otherwise."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as stream:
                for data in parts:
                    stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(part).chmod(0o600 if private else 0o644)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write {str(path)!r}: {error.strerror}") from error


def write_json(path: Path, data: Any, *, private: bool = False) -> None:
    """Write plain data as JSON without NaN."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(path, text.encode("utf-8", "surrogateescape"), private=private)


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write one JSON document a line."""
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def sync_folder(folder: Path) -> None:
    """Make a rename inside the folder last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
