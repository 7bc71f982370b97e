"""Files that a command writes: never over another, and biometric data for its owner alone."""

from __future__ import annotations

from pathlib import Path

from deidframe.contract.errors import UsageError
from deidframe.record.write import write_bytes


def new_file(path: Path) -> Path:
    """Return the path if nothing is there yet and its folder is.

    Raises:
        UsageError: something is there, or the folder is not.
    """
    if path.exists():
        raise UsageError(f"{str(path)!r} exists; give another name, or remove it")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {str(path.parent)!r} does not exist")
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write a file that its owner alone may read."""
    write_bytes(path, data, private=True)
