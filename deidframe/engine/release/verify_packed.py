"""Re-check a packed release: the root over its parts, each part, each picture in it, and the counts of the certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deidframe.contract.errors import UsageError
from deidframe.engine.release.packing import CARD, members
from deidframe.guard.carry import FILE
from deidframe.guard.hygiene import bare_jpeg
from deidframe.record.merkle import root_of
from deidframe.record.release import README, RELEASE

THREADS = 4


def check_packed(folder: Path, stated: Mapping[str, Any], problems: list[str], only: str = "") -> dict[str, str]:
    """Return record -> sha256 of its picture (with `only`, of those in that shard), and note everything that is wrong.

    Args:
        folder: of the release.
        stated: its `RELEASE.json`.
        only: one shard whose pictures are read; of the others only the manifests are.

    Raises:
        UsageError: there is no such shard.
    """
    try:
        manifests = [(str(one["file"]), str(one["sha256"]), int(one["count"])) for one in stated["manifests"]]
        shards = [(str(one["file"]), str(one["sha256"]), int(one["count"])) for one in stated["shards"]]
        if root_of([digest for _, digest, _ in (*manifests, *shards)]) != stated["tree_sha256"]:
            problems.append(f"the root over all parts is not the one in {RELEASE}")
        once = bool(stated["once"])
    except (KeyError, TypeError, ValueError):
        problems.append(f"{RELEASE} does not say what its shards are")
        return {}
    if only and only not in {name for name, _, _ in shards}:
        raise UsageError(f"no shard is called {only!r}; there are {', '.join(name for name, _, _ in shards[:3])} and so on")
    known = {name for name, _, _ in (*manifests, *shards)} | {RELEASE, README, CARD, FILE}
    problems += [f"{path.name}: is not listed" for path in sorted(folder.iterdir()) if path.name not in known]
    records = _records(folder, manifests, problems)
    wanted = [one for one in shards if not only or one[0] == only]
    there: set[str] = set()
    with ThreadPoolExecutor(THREADS) as pool:
        for found, wrong in pool.map(lambda one: _shard(folder, one, records, once=once), wanted):
            problems += wrong
            there |= found
    if only:
        held = {name.removesuffix(".jpg") for name in there}
        return {record: sha for record, sha in records.items() if (sha in held if once else record in there)}
    expected = {f"{digest}.jpg" for digest in records.values()} if once else set(records)
    gone = sorted(expected - there)
    if gone:
        problems.append(f"{len(gone)} pictures of the manifests are in no shard, the first {gone[0]}")
    return records


def _records(folder: Path, manifests: Sequence[tuple[str, str, int]], problems: list[str]) -> dict[str, str]:
    records: dict[str, str] = {}
    for name, digest, count in manifests:
        try:
            body = (folder / name).read_bytes()
        except OSError:
            problems.append(f"{name} is missing")
            continue
        if hashlib.sha256(body).hexdigest() != digest:
            problems.append(f"{name} has changed")
        rows = [line.partition("  ") for line in body.decode("utf-8", "replace").splitlines()]
        if len(rows) != count:
            problems.append(f"{name} lists {len(rows)} records, {count} were released")
        for sha, _, record in rows:
            if record in records:
                problems.append(f"{record}: is listed twice")
            records[record] = sha
    return records


def _shard(folder: Path, part: tuple[str, str, int], records: Mapping[str, str], *, once: bool) -> tuple[set[str], list[str]]:
    name, digest, count = part
    path, wrong, seen = folder / name, list[str](), set[str]()
    if not path.is_file() or path.is_symlink():
        return seen, [f"{name} is missing"]
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
            wrong.append(f"{name} has changed")
    try:
        for member, data in members(path):
            sha = hashlib.sha256(data).hexdigest()
            wanted = member.removesuffix(".jpg") if once else records.get(member)
            if wanted is None:
                wrong.append(f"{name}: {member} is in no manifest")
            elif wanted != sha:
                wrong.append(f"{name}: {member} has changed")
            if not bare_jpeg(data):
                wrong.append(f"{name}: {member} holds more than a picture")
            if member in seen:
                wrong.append(f"{name}: {member} is there twice")
            seen.add(member)
    except ValueError as error:
        wrong.append(f"{name} is broken ({error})")
    if len(seen) != count:
        wrong.append(f"{name} holds {len(seen)} pictures, {count} were released")
    return seen, wrong
