"""Read the releases of earlier runs by their ledgers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deidframe.contract.errors import UsageError
from deidframe.guard.earlier import Earlier
from deidframe.guard.hygiene import opaque_name
from deidframe.record.release import PROMISED, RELEASE


def read_earlier(folders: Sequence[str]) -> tuple[Earlier, ...]:
    """Return every release with a promise of k of earlier runs.

    Args:
        folders: of the runs, whole: with `private`.

    Raises:
        UsageError: a folder is no run, its ledger is purged, it has no release of groups, or its files are not those that its
            ledger tells of.
    """
    return tuple(one for folder in folders for one in _read(Path(folder)))


def _read(run: Path) -> list[Earlier]:
    said = f"release.before: {str(run)!r}"
    if not run.is_dir():
        raise UsageError(f"{said} is no folder; give the run folder of the earlier release, with its private/")
    if not (run / "private" / "mapping").is_dir():
        where = "is no run folder" if not (run / "run.json").is_file() else "has no private/mapping any more (purged)"
        raise UsageError(f"{said} {where}; without the ledger nobody knows whose groups to keep, so nothing can be added to it")
    if _status(run) != "finished":
        raise UsageError(f"{said} is not finished; run it to its end first")
    out = []
    for release in sorted((run / PROMISED).glob("*")):
        if not (release / RELEASE).is_file():
            continue
        certificate = json.loads((release / RELEASE).read_text("utf-8")).get("certificate", {})
        if certificate.get("k_asked") is not None:
            out.append(_ledger(run, release, int(certificate["k_counted"]), said))
    if not out:
        raise UsageError(f"{said} released no groups of k people, so there is nothing to keep")
    return out


def _status(run: Path) -> str:
    try:
        return str(json.loads((run / "run.json").read_text("utf-8")).get("status"))
    except (OSError, ValueError):
        return ""


def _ledger(run: Path, release: Path, k: int, said: str) -> Earlier:
    """Read one release by its mapping and check that they belong together."""
    try:
        rows: list[dict[str, Any]] = json.loads((run / "private" / "mapping" / f"{release.name}.json").read_text("utf-8"))
        key = (run / "private" / "names.key").read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{said}: the ledger of {release.name} cannot be read ({type(error).__name__})") from None
    groups: dict[str, str] = {}
    files: dict[str, Path] = {}
    shown: dict[str, str] = {}
    for row in rows:
        path = release / row["file"]
        if row["file"] != opaque_name(key, release.name, row["face"]):
            raise UsageError(f"{said}: private/names.key is not the key by which the files of {release.name} were named")
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            raise UsageError(
                f"{said}: {release.name} has no file {row['file']}, of which its ledger tells; a release in shards is kept from"
                " its folder of files"
            ) from None
        if groups.setdefault(row["person"], digest) != digest:
            raise UsageError(f"{said}: the files of {release.name} changed: pictures of one person differ; nothing can be kept")
        shown[row["face"]] = digest
        files.setdefault(digest, path)
    return Earlier(run.name, release.name, k, groups, files, shown)
