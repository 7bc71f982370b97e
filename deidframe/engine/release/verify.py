"""Re-check a release from its files alone, as a stranger would who trusts nobody: what was written, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deidframe.contract.errors import UsageError
from deidframe.engine.release.packing import LAYOUTS
from deidframe.engine.release.verify_packed import check_packed
from deidframe.guard.bare_video import bare_mp4
from deidframe.guard.carry import FILE
from deidframe.guard.hygiene import bare_jpeg
from deidframe.guard.means import FILE as MEANS
from deidframe.guard.means import KIND as MEANS_KIND
from deidframe.guard.means import check_means
from deidframe.record.release import COMPARED, MANIFEST, PROMISED, README, RELEASE, release_folders
from deidframe.words import counted

SCENES = "scenes"
"""Kind of a release of whole photos, which keep their folders."""
MOST_NAMED = 20
"""Problems of one kind that are named one by one."""


@dataclass(frozen=True)
class Verdict:
    """What was found in one release.

    Args:
        folder: of the release.
        files: pictures in it.
        distinct: different ones.
        k: promised, None without.
        problems: in words.
        digests: file name -> sha256 of each.
        kind: `"scenes"` of whole photos or videos, "" of faces.
    """

    folder: Path
    files: int
    distinct: int
    k: int | None
    problems: tuple[str, ...]
    digests: Mapping[str, str]
    kind: str = ""


def releases_in(folder: Path) -> list[Path]:
    """Return the release folders that a path stands for: itself, a run's, or all methods' of a run.

    Raises:
        UsageError: there is none.
    """
    if not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is not a folder")
    if (folder / RELEASE).exists() or any(folder.glob("*.jpg")):
        return [folder]
    scenes = [folder / kind for kind in (PROMISED, COMPARED) if (folder / kind / RELEASE).exists()]
    if scenes:  # whole photos or videos: one release, whose own folders are no releases
        return scenes
    inside = release_folders(folder) or sorted(path for path in folder.iterdir() if path.is_dir())
    found = [path for path in inside if (path / RELEASE).exists() or any(path.glob("*.jpg"))]
    if not found:
        raise UsageError(f"{str(folder)!r} holds no release: no {RELEASE} in it or in its folders")
    return found


def verify(folder: Path, shard: str = "") -> Verdict:
    """Read every file of a release and compare it with the manifest and the certificate.

    Checked: the manifest's hash; each file's; that none is missing and none is more; that pictures hold nothing but pixels; that
    the numbers of files and of different pictures are the certificate's; and, where k was promised, that every picture is shared
    by at least k files. That those files show k different people cannot be seen from the files: the certificate says it. Times
    of files are not looked at, since a copy changes them.

    Args:
        folder: the release.
        shard: of a packed release, one shard whose pictures are looked at alone.

    Raises:
        UsageError: there is no such shard.
    """
    problems: list[str] = []
    stated = _stated(folder, problems)
    if stated is not None and stated.get("layout") in LAYOUTS:
        records = check_packed(folder, stated, problems, shard)
        _carried(folder, stated, problems)
        if shard:
            return Verdict(folder, len(records), len(set(records.values())), None, tuple(problems), records)
        return _judged(folder, stated, records, problems, scenes=False)
    if shard:
        raise UsageError(f"{str(folder)!r} has no shards: it is checked as a whole")
    listed = _listed(folder, stated, problems)
    held: dict[str, str] = {}
    unclean: list[str] = []
    scenes, means = ((stated or {}).get("kind") == kind for kind in (SCENES, MEANS_KIND))
    for path in sorted(folder.rglob("*") if scenes else folder.iterdir()):
        if path.parent == folder and path.name in (RELEASE, MANIFEST, README):
            continue
        if scenes and path.is_dir() and not path.is_symlink():
            continue
        if path.name == FILE and stated and "carried_sha256" in stated:
            continue
        if path.is_symlink() or not path.is_file():
            problems.append(f"{path.name}: is not a plain file")
            continue
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as stream:
            held[name] = hashlib.file_digest(stream, "sha256").hexdigest()
        if means and path.name == MEANS:
            problems += check_means(path, (stated or {}).get("certificate") or {})
        elif not (bare_mp4(path) if path.suffix == ".mp4" else bare_jpeg(path.read_bytes())):
            unclean.append(name)
    if listed is not None:
        _named(problems, "is missing", [name for name in listed if name not in held])
        _named(problems, "is not in the manifest", [name for name in held if name not in listed])
        _named(problems, "has changed", [name for name, digest in held.items() if listed.get(name, digest) != digest])
    _named(problems, "holds more than a picture", unclean)
    _carried(folder, stated or {}, problems)
    return _judged(folder, stated, held, problems, scenes=scenes, means=means)


def _judged(
    folder: Path, stated: dict[str, Any] | None, held: dict[str, str], problems: list[str], *, scenes: bool, means: bool = False
) -> Verdict:
    """Hold what was found against what the certificate counts."""
    sharers = Counter(held.values())
    certificate = (stated or {}).get("certificate") or {}
    k = certificate.get("k_asked")
    for name, wanted, found in (
        ("pictures", certificate.get("pictures"), len(held)),
        ("different pictures", certificate.get("distinct_pictures"), len(sharers)),
    ):
        if scenes and wanted is None:  # scenes promise nothing of who shares a picture
            continue
        if stated is not None and wanted != found:
            problems.append(f"the certificate counts {wanted} {name}, there are {found}")
    if k is not None:
        if not isinstance(certificate.get("k_counted"), int) or certificate["k_counted"] < k:
            problems.append(f"the certificate counts k = {certificate.get('k_counted')}, {k} was asked for")
        few = [digest for digest, count in sharers.items() if count < k]
        if few and not means:
            problems.append(f"{counted(len(few), 'picture')} shared by fewer than {k} files")
    return Verdict(folder, len(held), len(sharers), k, tuple(problems), held, SCENES if scenes else "")


def _carried(folder: Path, stated: Mapping[str, Any], problems: list[str]) -> None:
    """Hold the table of released columns against its hash; one that nobody stated is no part of a release."""
    carried = folder / FILE
    if "carried_sha256" not in stated:
        if carried.exists():
            problems.append(f"{FILE}: is not listed")
    elif not carried.is_file():
        problems.append(f"{FILE} is missing")
    elif hashlib.sha256(carried.read_bytes()).hexdigest() != stated["carried_sha256"]:
        problems.append(f"{FILE} has changed")


def _stated(folder: Path, problems: list[str]) -> dict[str, Any] | None:
    try:
        stated = json.loads((folder / RELEASE).read_text("utf-8"))
    except FileNotFoundError:
        problems.append(f"{RELEASE} is missing: the release was never finished, or it was removed")
        return None
    except (OSError, ValueError):
        problems.append(f"{RELEASE} cannot be read")
        return None
    if not isinstance(stated, dict) or stated.get("schema") != 1 or not isinstance(stated.get("certificate"), dict):
        problems.append(f"{RELEASE} is not of a kind that this version knows")
        return None
    return stated


def _listed(folder: Path, stated: dict[str, Any] | None, problems: list[str]) -> dict[str, str] | None:
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError:
        problems.append(f"{MANIFEST} is missing")
        return None
    if stated is not None and hashlib.sha256(data).hexdigest() != stated.get("tree_sha256"):
        problems.append(f"{MANIFEST} has changed: its hash is not the one in {RELEASE}")
    out = {}
    for line in data.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        out[name] = digest
    return out


def _named(problems: list[str], what: str, names: list[str]) -> None:
    problems += [f"{name}: {what}" for name in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        problems.append(f"{len(names) - MOST_NAMED} more: {what}")
