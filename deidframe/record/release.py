"""Publish a method's staged files: the description last, then one rename, so that a release is whole or not there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deidframe.contract.errors import StoreError
from deidframe.record.write import sync_folder, write_bytes, write_json

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


def publish(
    staged: Path, target: Path, files: Mapping[str, str], certificate: Mapping[str, Any], facts: Mapping[str, Any]
) -> None:
    """Add the manifest and `RELEASE.json` to the staged folder and move it to its public place.

    Args:
        staged: folder of pictures on the same disk.
        target: where the release will stand; must not exist.
        files: file name -> sha256.
        certificate: plain data.
        facts: counts and names that may be public.

    Raises:
        StoreError: the folder cannot be moved.
    """
    write_bytes(staged / MANIFEST, manifest(files))
    write_json(
        staged / RELEASE, {"schema": 1, **facts, "files": len(files), "tree_sha256": tree_hash(files), "certificate": certificate}
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.chmod(0o755)
        staged.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"cannot publish {str(target)!r}: {error.strerror}") from error
