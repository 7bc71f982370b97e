"""Publish a method's staged files: the description last, then one rename, so that a release is whole or not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deidframe.contract.errors import StoreError
from deidframe.record.write import sync_folder, write_bytes, write_json

PROMISED, COMPARED = "release", "compared"
"""Folders of a run: of methods that keep a promise, and of those that make none and are there to be compared."""
README = "README.txt"
RELEASE = "RELEASE.json"
MANIFEST = "MANIFEST.sha256"
"""Every picture's hash, as `sha256sum -c` reads it."""


def tree_hash(files: Mapping[str, str]) -> str:
    """Return one sha256 over all files: that of the manifest.

    Args:
        files: file name -> sha256 of the file, hex.
    """
    return hashlib.sha256(manifest(files)).hexdigest()


def manifest(files: Mapping[str, str]) -> bytes:
    """Return the manifest: a line `sha256  name` for each file, sorted by name."""
    return "".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode()


def release_folders(run: Path) -> list[Path]:
    """Return the folders of pictures of a run, those with a promise first."""
    return [path for kind in (PROMISED, COMPARED) for path in sorted(run.glob(f"{kind}/*")) if path.is_dir()]


def restate(folder: Path, target: Path, said: Mapping[str, Any], text: str) -> None:
    """Change what a published folder says of itself, and move it where that belongs.

    Args:
        folder: where it lies.
        target: where it belongs, perhaps the same.
        said: the statement, as plain data.
        text: the same for people.

    Raises:
        StoreError: the folder cannot be moved.
    """
    held = json.loads((folder / RELEASE).read_text("utf-8"))
    write_bytes(folder / README, text.encode("utf-8", "replace"))
    write_json(folder / RELEASE, {**held, "statement": said})
    if target != folder:
        _move(folder, target)


def _move(folder: Path, target: Path) -> None:
    """Move a folder into place; where the disk does not say that it lasts, it goes back, for no row will tell of it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = folder.stat().st_mode & 0o777
        folder.chmod(0o755)
        folder.replace(target)
        try:
            sync_folder(target.parent)
        except OSError:
            target.chmod(mode)
            target.replace(folder)
            raise
    except OSError as error:
        raise StoreError(f"cannot publish {str(target)!r}: {error.strerror}") from error


def publish(
    staged: Path,
    target: Path,
    files: Mapping[str, str],
    certificate: Mapping[str, Any],
    facts: Mapping[str, Any],
    said: Mapping[str, Any],
    text: str,
) -> None:
    """Add the manifest, `README.txt` and `RELEASE.json` to the staged folder and move it to its public place.

    Args:
        staged: folder of pictures on the same disk.
        target: where the release will stand; must not exist.
        files: file name -> sha256.
        certificate: plain data.
        facts: counts and names that may be public.
        said: whether it may be shared, and why, as plain data.
        text: the same for people.

    Raises:
        StoreError: the folder cannot be moved.
    """
    write_bytes(staged / MANIFEST, manifest(files))
    write_bytes(staged / README, text.encode("utf-8", "replace"))
    counts = {"files": len(files), "tree_sha256": tree_hash(files)}
    write_json(staged / RELEASE, {"schema": 1, **facts, **counts, "statement": said, "certificate": certificate})
    _move(staged, target)
