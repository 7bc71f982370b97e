"""A database in parts, each looked at on a machine of its own: what was seen is kept, and the run that follows finds it kept.

Parts share nothing while they work. Grouping needs everybody, so it is done once, by the run; what a part does is what costs most
before that: to read every picture, find its face and encode it. The cache is the ledger: its entries depend on pictures and code
alone, so a part that is killed has lost a shard, and one that is never looked at is looked at by the run itself.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deidframe.contract.errors import NothingToDo, UsageError
from deidframe.contract.roles import Fits
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.shards import fingerprints_of, shards_of
from deidframe.engine.components.identity import code_of, identity
from deidframe.engine.components.step import Step
from deidframe.engine.intake.find_faces import find_faces
from deidframe.engine.planning.plan import Plan
from deidframe.engine.runtime.progress import Reporter
from deidframe.record.write import write_json

FOLDER = "parts"
"""Of a cache, where it is said which parts were looked at."""
KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, order=True)
class Part:
    """One part of a database, `number` (from 1) of `of`."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """Return what `"3/8"` says.

        Raises:
            UsageError: it says something else.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError(f"--shard {text!r}: expected a part and the number of parts, such as 1/8 to 8/8")
        return cls(int(found[1]), int(found[2]))

    def of_list(self, shards: Sequence[range]) -> Sequence[range]:
        """Return this part's shards: neighbours, so that a machine reads what lies together."""
        first, last = (len(shards) * n // self.of for n in (self.number - 1, self.number))
        return shards[first:last]

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True)
class PartDone:
    """What came of a part.

    Args:
        pictures, faces: looked at, and found.
        encoders: in which the faces are encoded.
        left: encoders that learn from everybody first, and so have to wait for the run.
        seconds: that it took.
    """

    pictures: int
    faces: int
    encoders: tuple[str, ...]
    left: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Merged:
    """What was brought together: entries that were copied, those that were damaged or gone, and the number of parts."""

    copied: int
    gone: int
    of: int


def look_at_part(
    plan: Plan,
    part: Part,
    cache: DiskCache,
    scratch: Path,
    reporter: Reporter,
    *,
    offline: bool = False,
    fingerprints: Sequence[str] = (),
) -> PartDone:
    """Find and encode the faces of one part, and keep all of it in the cache.

    Args:
        fingerprints: of all pictures where they are known; to make them reads every file.

    Raises:
        UsageError: the recipe's pictures cannot be cut into parts. StoreError: the cache cannot be written. DeidframeError: a
        component failed; what was looked at until then is kept.
    """
    check_cut(plan)
    started = time.monotonic()
    fingerprints = fingerprints or fingerprints_of(plan.photos)
    facts = facts_of(plan, fingerprints)
    rows = [row for shard in part.of_list(shards_of(fingerprints)) for row in shard]
    own = replace(plan, photos=plan.photos.take(rows), people=tuple(plan.people[row] for row in rows), gate=None)
    cache.journal = _keys(cache, facts, part)
    cache.journal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pool = plan.pool(scratch, reporter, offline=offline, cache=cache)
    faces, encoded, left = 0, list[str](), list[str]()
    try:
        intake = find_faces(own, pool, reporter, [fingerprints[row] for row in rows]) if rows else None
    except NothingToDo:
        intake = None  # nobody is in this part
    if intake is not None:
        faces = len(intake.faces)
        for encoder in _encoders(plan):
            if isinstance(pool.make(encoder), Fits):
                left.append(encoder.name)
                continue
            pool.encode(encoder, intake.faces)
            encoded.append(encoder.name)
    done = PartDone(len(rows), faces, tuple(encoded), tuple(left), time.monotonic() - started)
    _note(cache, facts, part, done)
    return done


def keep(cache: DiskCache, facts: Mapping[str, Any], part: Part, done: PartDone, entries: Iterable[tuple[str, bytes]]) -> None:
    """Keep what was seen of a part elsewhere, and last of all that it is there.

    Raises:
        StoreError: the cache cannot be written.
    """
    cache.journal = _keys(cache, facts, part)
    cache.journal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for key, body in entries:
        if KEY.fullmatch(key):
            cache.put(key, body)
    cache.journal = None
    _note(cache, facts, part, done)


def merge(plan: Plan, cache: DiskCache, others: Sequence[Path]) -> Merged:
    """Bring the parts of other machines' caches into this one, and make sure that all are there.

    Args:
        plan: of the run that follows.
        cache: that it reads.
        others: `stages` folders of other caches, none where all machines shared this one.

    Raises:
        UsageError: a part is missing, or was made from other pictures, of another recipe, or by components that are not the same
        here; each is named.
    """
    check_cut(plan)
    facts = facts_of(plan, fingerprints_of(plan.photos))
    copied = gone = 0
    strange: list[str] = []
    for other in (DiskCache(path) for path in others):
        ledgers = sorted((other.root / FOLDER).glob("*.json"))
        if not ledgers:
            raise UsageError(f"{str(other.root)!r} holds no part: it is the folder `stages` of a cache in which --shard was run")
        for path in ledgers:
            held = _read(path)
            if held["facts"] != facts:
                strange += _strange(held, facts, repr(str(other.root)))
                continue
            part = Part(int(held["part"]), int(held["of"]))
            here = _keys(cache, facts, part)
            cache.journal = here
            here.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            for key in filter(KEY.fullmatch, path.with_suffix(".keys").read_text("utf-8").split()):
                if cache.get(key) is not None:
                    continue
                body = other.get(key)
                if body is None:
                    gone += 1
                    continue
                cache.put(key, body)
                copied += 1
            write_json(here.with_suffix(".json"), held, private=True)
    cache.journal = None
    cache.taken.clear()  # what was copied is not yet what the run found
    return Merged(copied, gone, _whole(cache, facts, strange))


def _note(cache: DiskCache, facts: Mapping[str, Any], part: Part, done: PartDone) -> None:
    held = {"facts": facts, "part": part.number, "of": part.of, "pictures": done.pictures, "faces": done.faces}
    write_json(_keys(cache, facts, part).with_suffix(".json"), {**held, "seconds": done.seconds}, private=True)


def parts_there(cache: DiskCache, facts: Mapping[str, Any]) -> dict[int, frozenset[int]]:
    """Return, for each number of parts, which of them the cache knows."""
    there: dict[int, set[int]] = {}
    for path in sorted((cache.root / FOLDER).glob("*.json")):
        held = _read(path)
        if held["facts"] == facts:
            there.setdefault(int(held["of"]), set()).add(int(held["part"]))
    return {of: frozenset(numbers) for of, numbers in there.items()}


def forget(cache: DiskCache) -> None:
    """Remove from a cache what says which parts were looked at."""
    for path in (cache.root / FOLDER).glob("*"):
        path.unlink(missing_ok=True)


def _whole(cache: DiskCache, facts: Mapping[str, Any], strange: Sequence[str]) -> int:
    """Return into how many parts the database was cut, all of which are there."""
    parts = parts_there(cache, facts)
    for path in sorted((cache.root / FOLDER).glob("*.json")):
        held = _read(path)
        strange = [*strange, *_strange(held, facts, "this cache")]
    for of, there in parts.items():
        if len(there) == of:
            return of
    told = f"; {'; '.join(dict.fromkeys(strange))}" if strange else ""
    if not parts:
        raise UsageError(f"no part of this run was looked at yet: run it with --shard 1/N to N/N first{told}")
    of, there = max(parts.items(), key=lambda one: len(one[1]) / one[0])
    gaps = ", ".join(str(Part(n, of)) for n in range(1, of + 1) if n not in there)
    raise UsageError(f"missing parts: {gaps}; look at them with `deidframe run RECIPE --shard`, or give their cache{told}")


def _strange(held: Mapping[str, Any], ours: Mapping[str, Any], where: str) -> list[str]:
    """Say in which ways a part is of another run; of another recipe's nothing is said, for a cache holds many."""
    theirs = held["facts"]
    if theirs == ours or theirs.get("recipe") != ours["recipe"]:
        return []
    part = f"part {held['part']}/{held['of']} in {where}"
    return [f"{part} {one}" for one in apart(theirs, ours) or ["was made by another version of deidframe"]]


def apart(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Return in which ways what was seen elsewhere is not what is seen here."""
    if theirs.get("pictures") != ours["pictures"]:
        return [f"is of other pictures ({theirs.get('count')}, here {ours['count']})"]
    out = []
    for name in sorted({*theirs["steps"], *ours["steps"]}):
        a, b = (one["steps"].get(name) or {} for one in (theirs, ours))
        for fact in ("version", "weights", "params", "code"):
            if a.get(fact) != b.get(fact):
                shown = f" ({a.get(fact)}, here {b.get(fact)})" if fact == "version" else ""
                out.append(f"was made by another {fact} of {name}{shown}")
                break
    return out


def check_cut(plan: Plan) -> None:
    """Refuse a database that cannot be looked at in parts, with a UsageError."""
    if plan.scene is not None:
        raise UsageError("whole photos and videos are not cut into parts; give each machine a folder of its own")
    if plan.encodings is not None or plan.detector is None:
        raise UsageError("the source gives encodings, so there is nothing to look at in parts")
    if plan.photos.fingerprint is None:
        raise UsageError(f"source {plan.source.name} cannot say when a picture changes, so nothing of it may be kept")


def _encoders(plan: Plan) -> list[Step]:
    """Return the encoders in which a run encodes the database."""
    wanted: dict[str, Step] = {}
    for method in plan.methods:
        wanted |= plan.encoders(method)
    more = [plan.finder[1] if plan.finder else None, plan.gate.encoder if plan.gate else None]
    wanted |= {step.key: step for step in more if step is not None}
    return list(wanted.values())


def facts_of(plan: Plan, fingerprints: Sequence[str]) -> dict[str, Any]:
    """Return all that parts of one run have in common."""
    steps = [plan.source, *([plan.detector] if plan.detector else []), *_encoders(plan)]
    auditor = [plan.audit.detector] if plan.audit else []
    made_by = {f"{step.role} {step.loaded.qualified}": identity(step) for step in (*steps, *auditor)}
    recipe = DiskCache.key({"text": plan.parsed.text, "set": list(plan.parsed.overrides), "limit": plan.limit})
    content = DiskCache.key({"ids": list(plan.photos.ids), "content": list(fingerprints)})
    return json.loads(  # type: ignore[no-any-return]
        json.dumps(
            {"recipe": recipe, "pictures": content, "count": len(fingerprints), "steps": made_by, "core": code_of("deidframe")}
        )
    )


def _keys(cache: DiskCache, facts: Mapping[str, Any], part: Part) -> Path:
    return cache.root / FOLDER / f"{DiskCache.key(facts)[:32]}-{part.number}-of-{part.of}.keys"


def _read(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text("utf-8"))
        known = isinstance(held["facts"]["steps"], dict) and 1 <= held["part"] <= held["of"]
    except (OSError, ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise UsageError(
            f"{str(path)!r} cannot be read: it is damaged, or of another version; remove it and look at its part again"
        )
    return dict(held)
