"""The folder of a run: claimed by one run at a time, taken up where it was cut short, and known again when it is finished."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from deidframe.contract.errors import DeidframeError, StoreError, UsageError
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.measured import FOLDER as MEASURED
from deidframe.engine.cache.shards import fingerprints_of
from deidframe.engine.components.identity import code_of, files_in, identity, same_way, short, weights_of
from deidframe.engine.planning.plan import Plan
from deidframe.engine.release.verify import verify
from deidframe.engine.runtime.crashes import FILE
from deidframe.engine.runtime.hardware import described_device
from deidframe.engine.runtime.progress import Reporter
from deidframe.host.discover import Listed
from deidframe.host.local import is_local
from deidframe.recipe.public import public_recipe
from deidframe.record.provenance import provenance
from deidframe.record.read import read_run
from deidframe.record.release import release_folders
from deidframe.record.schema import Cell
from deidframe.record.write import new_run_folder, write_bytes

STAYS = ("names.key", "lock", "cache.keys", "scenes", MEASURED, FILE)
"""What lies in a run folder's `private` and is not begun anew by a run that goes on."""


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Args:
        folder: the run folder.
        cells: every row. exit_code: 0 all ok, 1 some failed, 6 a release was refused.
        found: it was finished before, and nothing was computed.
    """

    folder: Path
    cells: tuple[Cell, ...]
    found: bool = False

    @property
    def exit_code(self) -> int:
        """As the command line returns it."""
        states = {cell.status for cell in self.cells}
        return 6 if "refused" in states else 1 if "failed" in states else 0


def signature(plan: Plan, fingerprints: Sequence[str], films: Mapping[str, str] | None = None) -> str:
    """Return one sha256 of all that a run's results depend on, "" where the source cannot say what its pictures hold.

    Args:
        plan: of the run.
        fingerprints: of its photos, from `fingerprints_of`; not looked at where the source gives encodings.
        films: video -> its sha256.
    """
    if plan.encodings is not None:
        content = [hashlib.sha256(np.ascontiguousarray(plan.encodings.vectors).tobytes()).hexdigest(), *plan.encodings.ids]
    else:
        content = list(fingerprints)
        if not all(content):
            return ""
    recipe = plan.parsed
    facts: dict[str, Any] = {"recipe": recipe.text, "set": list(recipe.overrides), "limit": plan.limit, "content": content}
    facts |= {"films": dict(films)} if films else {}
    facts |= {"sample": plan.sample} if plan.sample is not None else {}
    facts |= {"beside": _beside(plan), "told": _told(plan.photos.columns)}
    if "" in facts["beside"]:
        return ""
    who = {"ids": list(plan.photos.ids), "people": list(plan.people), "skipped": dict(plan.photos.skipped)}
    steps = sorted((identity(step) for step in plan.steps()), key=lambda one: DiskCache.key(one))
    return DiskCache.key({**facts, **who, "steps": steps, "core": code_of("deidframe")})


def _beside(plan: Plan) -> list[str]:
    """Return what else lies on the disk and decides about results, "" among it where a source cannot say what it holds.

    These are the owner's answers about labels, releases that went before, what another tool released and whose pictures
    those are, and an attacker's own people.
    """
    named: list[Path | str] = [plan.gate.decisions] if plan.gate and plan.gate.decisions else []
    for before in plan.parsed.recipe.release.before:
        run = Path(before)  # its files were held against what they tell of when it was read
        named += sorted([*run.glob("private/mapping/**/*"), *run.glob("release/*/RELEASE.json")])
    named += [method.pairs for method in plan.methods if method.pairs is not None]
    out = files_in(named)
    others = [method.steps["released"] for method in plan.methods if method.foreign]
    for source in (*others, *(attack.own for attack in plan.attacks if attack.own is not None)):
        try:
            listed = plan.listed(source)
        except DeidframeError as error:  # its method or attack fails, and is tried again in any case
            out.append(str(error))
            continue
        if listed is not None:
            out += [*fingerprints_of(listed), *listed.ids, *(listed.subjects or ())]
    return out


def _told(columns: Mapping[str, Mapping[str, str]]) -> str:
    """Return a digest of what the owner's table says of pictures."""
    digest = hashlib.sha256()
    for picture, said in sorted(columns.items()):
        digest.update(repr((picture, sorted(said.items()))).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def database_of(plan: Plan, fingerprints: Sequence[str], films: Mapping[str, str] | None = None) -> str:
    """Return a digest by which two runs know that they took the same faces of the same people, "" where that cannot be said.

    It follows from what the pictures hold, who is labelled together, and the detector; names and order have no part in it.
    """
    if plan.encodings is not None:
        content = [hashlib.sha256(row.tobytes()).hexdigest() for row in np.ascontiguousarray(plan.encodings.vectors)]
    else:
        content = list(fingerprints)
    if not all(content):
        return ""
    together: dict[str, list[str]] = {}
    for person, mark in zip(plan.people, content, strict=True):
        together.setdefault(person, []).append(mark)
    people = sorted(hashlib.sha256("\0".join(sorted(marks)).encode()).digest() for marks in together.values())
    whole = hashlib.sha256(b"".join(people)).hexdigest()
    return short([whole, sorted((films or {}).values()), same_way(plan.detector), plan.faces])


def finished(folder: Path, signed: str) -> Outcome | None:
    """Return the outcome of this very run where it is finished in that folder: same recipe, pictures and code, releases whole.

    Args:
        folder: the run folder.
        signed: `signature` of the plan.

    Raises:
        UsageError: it is this run, and a release of it is no longer what was released.
    """
    try:
        held = json.loads((folder / "run.json").read_text("utf-8", "surrogateescape"))
        before = (folder / "private" / "signature").read_text("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return None
    if not isinstance(held, dict) or held.get("status") != "finished" or not signed or signed != before:
        return None
    cells = read_run(folder).cells
    if any(cell.status == "failed" for cell in cells):  # it is tried again
        return None
    for path in release_folders(folder):
        problems = verify(path).problems
        if problems:
            raise UsageError(f"{path} is not what this run released: {problems[0]}; give another folder with --out")
    return Outcome(folder, cells, found=True)


def claimed(folder: Path, facts: dict[str, Any], signed: str, reporter: Reporter) -> BinaryIO:
    """Make the run folder, or take up the same run where it was cut short; return the lock that keeps a second run out.

    Raises:
        UsageError: another run is at work there, or something else than this run, unfinished, is there.
    """
    before = _unfinished(folder, facts, signed)
    if not before:
        new_run_folder(folder)
    lock = locked(folder)
    if before:
        reporter.say(f"going on with {folder}, which was cut short or in which something failed")
        found = [*folder.iterdir(), *(folder / "private").iterdir()]
        for path in sorted(found, key=lambda one: one.name == "run.json"):  # last: what is killed in here goes on, too
            if path.name == "private" or path.name in STAYS:
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return lock


def locked(folder: Path) -> BinaryIO:
    """Return the lock of a run folder, which keeps every other run, and `purge`, out until it is closed.

    Raises:
        UsageError: a run is at work there. StoreError: the lock cannot be made.
    """
    try:
        lock = os.fdopen(os.open(folder / "private" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    except OSError as error:
        raise StoreError(f"cannot lock {str(folder)!r}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise UsageError(f"another run is at work in {str(folder)!r}; wait for it, or give another folder with --out") from None
    return lock


def _unfinished(folder: Path, facts: dict[str, Any], signed: str) -> bool:
    """Return whether this very run was begun in the folder and is not done, or a run was killed before it wrote anything.

    A run that came to its end is not done where something failed in it and neither pictures nor code have changed since.
    """
    private = folder / "private"
    if private.is_dir() and {path.name for path in folder.iterdir() if not path.name.startswith(".part-")} == {"private"}:
        return {path.name for path in private.iterdir() if not path.name.startswith(".part-")} <= {"signature", *STAYS}
    try:
        held = json.loads((folder / "run.json").read_text("utf-8", "surrogateescape"))
        same = all(held[key] == json.loads(json.dumps(facts[key])) for key in ("name", "seed", "recipe", "limit", "source"))
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if not same or not private.is_dir():
        return False
    if held.get("status") != "finished":
        return True
    try:
        failed = any(cell.status == "failed" for cell in read_run(folder).cells)
        return failed and bool(signed) and (private / "signature").read_text("utf-8", "surrogateescape") == signed
    except (OSError, UsageError):
        return False


def names_key_of(folder: Path, given: bytes | None) -> bytes:
    """Return the secret of the file names, the one drawn before where this run goes on, so that its names stay the same."""
    path = folder / "private" / "names.key"
    if given is None and path.is_file() and len(path.read_bytes()) == 32:
        return path.read_bytes()
    key = given or secrets.token_bytes(32)
    write_bytes(path, key, private=True)
    return key


def check_not_nested(source: Path | None, folder: Path) -> None:
    """Keep the run out of its input, where the next run would read its pictures, and the input out of the run."""
    if source is None:
        return
    there, here = source.resolve(), folder.resolve()
    if here == there or there in here.parents or here in there.parents:
        raise UsageError(
            f"run folder {str(folder)!r} lies inside the input folder {str(source)!r}, or the other way; choose another --out"
        )


def facts_of(plan: Plan) -> dict[str, Any]:
    """Return what is known before anything ran."""
    recipe, steps = plan.parsed.recipe, plan.steps()
    names = {name for step in steps for name in step.weights}
    listed = [step.loaded.listed for step in steps]
    weights = [w for w in weights_of(steps) if w.name in names or _used(w.used_by, plan)]
    return {
        "schema": 1,
        "name": recipe.name,
        "seed": recipe.seed,
        "recipe": public_recipe(plan.parsed),
        "limit": plan.limit,
        "sample": {"pictures": plan.sample, "of": plan.whole} if plan.sample is not None else None,
        "source": {
            "name": plan.source.name,
            "pictures": len(plan.people) if plan.encodings else len(plan.photos),
            "encodings": plan.encodings is not None,
            "people": plan.person_count,
            "subjects": recipe.source.subjects
            if isinstance(recipe.source.subjects, str)
            else f"found by {recipe.source.subjects.use}",
            "fictitious": recipe.source.fictitious,
        },
        "components": {step.name: step.loaded.component.summary for step in steps if step.role in ("encoder", "detector")},
        "measures": {
            name: {"summary": c.summary, "unit": c.unit, "better": c.better}
            for name, c in ((name, step.loaded.component) for name, step in plan.measures)
        },
        "plugins": {_home_of(one): one.version for one in listed if is_local(one) or one.environment},
        **provenance(
            {one.distribution for one in listed if not is_local(one) and not one.environment},
            weights,
            described_device(asks=any(step.asks_gpu for step in steps)),
        ),
    }


def _home_of(listed: Listed) -> str:
    """Return what a plugin that is not installed beside the core came from."""
    return listed.qualified.rpartition(":")[0]


def _used(used_by: tuple[str, ...], plan: Plan) -> bool:
    return any(f"{step.role}.{step.name}" in used_by for step in plan.steps())
