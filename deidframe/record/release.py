"""Publish a method's staged files: the description last, then one rename, so that a release is whole or not there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deidframe.contract.errors import StoreError
from deidframe.record.write import sync_folder, write_json

RELEASE = "RELEASE.json"


def tree_hash(files: Mapping[str, str]) -> str:
    """Return one sha256 over all files: of the lines `sha256  name`, sorted by name.

    Args:
        files: file name -> sha256 of the file, hex.
    """
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{files[name]}  {name}\n".encode())
    return digest.hexdigest()


def publish(
    staged: Path, target: Path, files: Mapping[str, str], certificate: Mapping[str, Any], facts: Mapping[str, Any]
) -> None:
    """Add `RELEASE.json` to the staged folder and move it to its public place.

    Args:
        staged: folder of pictures on the same disk. target: where the release will stand; must not exist.
        files: file name -> sha256. certificate: plain data. facts: counts and names that may be public.

    Raises:
        StoreError: the folder cannot be moved.
    """
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
