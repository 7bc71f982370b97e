"""Run a plan into a run folder: every method protected, staged, gated, released, attacked, measured and recorded."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from deidframe.contract.errors import DeidframeError, NothingToDo, UsageError
from deidframe.engine.attempts import FILE, MOST, Attempts
from deidframe.engine.comparison import Bench, clear_cell, died, method_cells, timed
from deidframe.engine.elbow import inertia, reach
from deidframe.engine.intake import Intake, take_in
from deidframe.engine.keep import code_of, identity
from deidframe.engine.limit import limit_calls
from deidframe.engine.people import find_people
from deidframe.engine.plan import ElbowPlan, Plan
from deidframe.engine.pool import ComponentPool
from deidframe.engine.progress import Quiet, Reporter
from deidframe.engine.shards import stamps_of
from deidframe.engine.verify import verify
from deidframe.environment import cache_folder
from deidframe.models.catalogue import listed_weights
from deidframe.record.provenance import provenance
from deidframe.record.read import read_run
from deidframe.record.schema import Cell
from deidframe.record.store import Store
from deidframe.record.write import new_run_folder, write_bytes, write_json, write_lines


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Args:
        folder: the run folder. cells: every row. exit_code: 0 all ok, 1 some failed, 6 a release was refused.
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


def run(
    plan: Plan,
    folder: Path,
    reporter: Reporter | None = None,
    *,
    offline: bool = False,
    with_originals: bool = False,
    names_key: bytes | None = None,
    store: Store | None = None,
    timeout: float | None = None,
) -> Outcome:
    """Do all that a plan says.

    Args:
        plan: from `plan`. folder: the run folder, new, or of this very run: it goes on where it was cut short, and is returned
            where it is finished and neither pictures nor code have changed.
        reporter: shows progress. offline: fetch nothing.
        with_originals: also keep thumbnails of real people for a report, under `private`.
        names_key: secret of the opaque file names; drawn afresh when not given. store: keeps what is slow to make.
        timeout: how many seconds one call of a component may take, None for as long as it likes.

    Raises:
        UsageError: the run folder exists. NothingToDo: not one face was found. DeidframeError: a part that every method needs
        failed. A method or an attack that fails is a recorded cell and raises nothing.
    """
    reporter = reporter or Quiet()
    _not_nested(plan.photos.folder, folder)
    stamps = [] if plan.encodings is not None else stamps_of(plan.photos)
    signed = signature(plan, stamps)
    before = None if with_originals else finished(folder, signed)  # the page with originals may be missing from it
    if before is not None:
        reporter.say(f"{folder} is finished and nothing has changed since: nothing is computed")
        return before
    started = time.time()
    cells: list[Cell] = []

    def note(cell: Cell) -> None:
        cells.append(cell)
        reporter.row(cell.as_dict())

    facts = _facts(plan)
    lock = _claimed(folder, facts, signed, reporter)
    write_bytes(folder / "private" / "signature", signed.encode(), private=True)
    write_json(folder / "run.json", {**facts, "status": "running"})
    if store is not None:  # so that `purge` knows what else came of these people, even after a kill
        store.journal = folder / "private" / "store.keys"
    status = "interrupted"
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=folder / "private"))
    attempts = Attempts(folder / "private")
    limit = ExitStack()
    limit.enter_context(limit_calls(timeout))
    try:
        pool = pool_of(plan, scratch, reporter, offline=offline, store=store)
        key = _names_key(folder, names_key)
        intake: Intake | None = None
        facts["intake"] = {"total": len(plan.people), "faces": 0, "withheld": 0, "seconds": 0.0}
        if plan.detector is not None and plan.encodings is None:
            with timed() as seconds:
                intake = look_for_faces(plan, pool, reporter, stamps)
            if plan.finder:
                known = dict(zip(plan.photos.ids, plan.photos.subjects, strict=True)) if plan.photos.subjects else None
                people = find_people(pool, intake, *plan.finder, known)
                intake, facts["people"] = people.intake, people.facts
            counts = {"total": intake.total, "faces": len(intake.faces), "withheld": len(intake.withheld)}
            facts["intake"] = {**counts, "seconds": seconds()}
            if plan.audit is not None and intake is not None:
                facts["intake"]["audit"] = {
                    "detector": plan.audit.detector.name,
                    "covered": intake.beside,
                    "unseen": intake.unseen,
                }
        write_json(folder / "private" / "withheld.json", intake.withheld if intake else {}, private=True)
        at_work = Bench(plan, folder, pool, reporter, intake, key, with_originals)
        for attack in plan.attacks:
            if attack.spec.threat == "clear":
                note(clear_cell(at_work, attack))
        for number, elbow in enumerate(plan.elbows):
            _draw_elbow(at_work, number, elbow)
        for method in plan.methods:
            if attempts.deaths(method.slug) >= MOST:
                note(died(at_work, method, attempts.deaths(method.slug)))
                continue
            attempts.begin(method.slug)
            with pool.working_on(method.name):
                for cell in method_cells(at_work, method):
                    note(cell)  # at once: what follows may be cut short
        status = "finished"
        return Outcome(folder, tuple(cells))
    except Exception as error:
        status = f"failed: {error}"
        raise
    finally:
        limit.close()
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(folder / "private" / "staged", ignore_errors=True)
        attempts.end()
        write_lines(folder / "cells.jsonl", [cell.as_dict() for cell in cells])
        kept = {"kept": dict(store.taken)} if store is not None else {}
        write_json(folder / "run.json", {**facts, **kept, "status": status, "seconds": time.time() - started})
        lock.close()


def finished(folder: Path, signed: str) -> Outcome | None:
    """Return the outcome of this very run where it is finished in that folder: same recipe, pictures and code, releases whole.

    Args:
        folder: the run folder. signed: `signature` of the plan.

    Raises:
        UsageError: it is this run, and a release of it is no longer what was released.
    """
    try:
        held = json.loads((folder / "run.json").read_text("utf-8"))
        before = (folder / "private" / "signature").read_text("utf-8")
    except (OSError, ValueError):
        return None
    if not isinstance(held, dict) or held.get("status") != "finished" or not signed or signed != before:
        return None
    cells = read_run(folder).cells
    if any(cell.status == "failed" for cell in cells):  # it is tried again
        return None
    for path in sorted(folder.glob("release/*")):
        problems = verify(path).problems
        if problems:
            raise UsageError(f"{path} is not what this run released: {problems[0]}; give another folder with --out")
    return Outcome(folder, cells, found=True)


def signature(plan: Plan, stamps: Sequence[str]) -> str:
    """Return one sha256 of all that a run's results depend on, "" where the source cannot say what its pictures hold.

    Args:
        plan: of the run. stamps: of its photos, from `stamps_of`; not looked at where the source gives encodings.
    """
    if plan.encodings is not None:
        content = [hashlib.sha256(np.ascontiguousarray(plan.encodings.vectors).tobytes()).hexdigest(), *plan.encodings.ids]
    else:
        content = list(stamps)
        if not all(content):
            return ""
    recipe = plan.parsed
    facts = {"recipe": recipe.text, "set": list(recipe.overrides), "limit": plan.limit, "content": content}
    who = {"ids": list(plan.photos.ids), "people": list(plan.people), "skipped": dict(plan.photos.skipped)}
    steps = sorted((identity(step) for step in plan.steps()), key=lambda one: Store.key(one))
    return Store.key({**facts, **who, "steps": steps, "core": code_of("deidframe")})


def look_for_faces(plan: Plan, pool: ComponentPool, reporter: Reporter, stamps: Sequence[str] | None = None) -> Intake:
    """Find the face of every photo of the plan, and let every eye remember what it sees of them.

    Args:
        stamps: of the photos, where they are known already.

    Raises:
        NothingToDo: not one face was found.
    """
    if plan.detector is None:
        raise NothingToDo("the plan has no detector, so no face can be found")
    auditor = plan.audit.detector if plan.audit else None
    keep = pool.keep("faces", plan.source, plan.detector, *([auditor] if auditor else []))
    second = functools.partial(pool.call, auditor) if auditor else None
    with pool.working_on("finding faces"):
        detect = functools.partial(pool.call, plan.detector)
        intake = take_in(plan.photos, plan.people, detect, reporter, keep, second, stamps)
    if auditor:
        seen = f"{intake.beside} faces more, which are covered, and one in {intake.unseen} pictures that are withheld"
        reporter.say(f"  {auditor.name} sees {seen}")
    pool.look_at_database(intake)
    return intake


def pool_of(plan: Plan, scratch: Path, reporter: Reporter, *, offline: bool = False, store: Store | None = None) -> ComponentPool:
    """Return an empty pool for the components of a plan."""
    return ComponentPool(plan.parsed.recipe.seed, plan.detector, scratch, reporter, offline=offline, store=store)


def store_folder() -> Path:
    """Return where what is slow to make is kept: `store` in the cache of `deidframe.models`."""
    return cache_folder() / "store"


def _claimed(folder: Path, facts: dict[str, Any], signed: str, reporter: Reporter) -> BinaryIO:
    """Make the run folder, or take up the same run where it was cut short; return the lock that keeps a second run out.

    Raises:
        UsageError: another run is at work there, or something else than this run, unfinished, is there.
    """
    before = _unfinished(folder, facts, signed)
    if not before:
        new_run_folder(folder)
    lock = os.fdopen(os.open(folder / "private" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise UsageError(f"another run is at work in {str(folder)!r}; wait for it, or give another folder with --out") from None
    if before:
        reporter.say(f"going on with {folder}, which was cut short or in which something failed")
        for path in [*folder.iterdir(), *(folder / "private").iterdir()]:
            if path.name in ("private", "names.key", "lock", "store.keys", FILE):
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return lock


def _unfinished(folder: Path, facts: dict[str, Any], signed: str) -> bool:
    """Return whether this very run was begun in the folder and is not done, or a run was killed before it wrote anything.

    A run that came to its end is not done where something failed in it and neither pictures nor code have changed since.
    """
    private = folder / "private"
    if private.is_dir() and {path.name for path in folder.iterdir() if not path.name.startswith(".part-")} == {"private"}:
        return {path.name for path in private.iterdir() if not path.name.startswith(".part-")} <= {
            "lock",
            "names.key",
            "signature",
            FILE,
        }
    try:
        held = json.loads((folder / "run.json").read_text("utf-8"))
        same = all(held[key] == json.loads(json.dumps(facts[key])) for key in ("name", "seed", "recipe", "limit", "source"))
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if not same or not private.is_dir():
        return False
    if held.get("status") != "finished":
        return True
    try:
        failed = any(cell.status == "failed" for cell in read_run(folder).cells)
        return failed and bool(signed) and (private / "signature").read_text("utf-8") == signed
    except (OSError, UsageError):
        return False


def _names_key(folder: Path, given: bytes | None) -> bytes:
    """Return the secret of the file names, the one drawn before where this run goes on, so that its names stay the same."""
    path = folder / "private" / "names.key"
    if given is None and path.is_file() and len(path.read_bytes()) == 32:
        return path.read_bytes()
    key = given or secrets.token_bytes(32)
    write_bytes(path, key, private=True)
    return key


def _draw_elbow(at: Bench, number: int, wanted: ElbowPlan) -> None:
    """Write the curve for the report; an elbow that cannot be drawn is said so in its place and costs nothing else."""
    spec = wanted.spec
    data: dict[str, Any] = {"use": spec.use, "encoder": spec.encoder or "", "error": ""}
    try:
        if wanted.encoder is not None:
            encodings = at.pool.encode(wanted.encoder, at.faces)
        else:
            assert at.plan.encodings is not None, "the planner asks for an encoder where there are pictures"
            encodings = at.plan.encodings
        found = inertia(at.pool, encodings) if spec.use == "k-means" else reach(encodings, spec.neighbour)
        data |= asdict(found) | {"x": found.x.tolist(), "y": found.y.tolist()}
    except DeidframeError as error:
        data["error"] = str(error)
    write_json(at.folder / "figures" / f"elbow-{number}.json", data)


def _not_nested(source: Path | None, folder: Path) -> None:
    """Keep the run out of its input, where the next run would read its pictures, and the input out of the run."""
    if source is None:
        return
    there, here = source.resolve(), folder.resolve()
    if here == there or there in here.parents or here in there.parents:
        raise UsageError(
            f"run folder {str(folder)!r} lies inside the input folder {str(source)!r}, or the other way; choose another --out"
        )


def _facts(plan: Plan) -> dict[str, Any]:
    """Return what is known before anything ran."""
    recipe, steps = plan.parsed.recipe, plan.steps()
    packages = {step.loaded.listed.package for step in steps}
    names = {name for step in steps for name in step.loaded.component.weights}
    weights = [w for w in listed_weights(packages) if w.name in names or _used(w.used_by, plan)]
    return {
        "schema": 1,
        "name": recipe.name,
        "seed": recipe.seed,
        "recipe": {"file": Path(plan.parsed.file).name, "text": plan.parsed.text, "set": list(plan.parsed.overrides)},
        "limit": plan.limit,
        "source": {
            "name": plan.source.name,
            "pictures": len(plan.people) if plan.encodings else len(plan.photos),
            "encodings": plan.encodings is not None,
            "people": plan.person_count,
            "subjects": recipe.source.subjects
            if isinstance(recipe.source.subjects, str)
            else f"found by {recipe.source.subjects.use}",
            "fictitious": plan.source.loaded.component.fictitious,
        },
        **provenance({step.loaded.listed.distribution for step in steps}, weights),
    }


def _used(used_by: tuple[str, ...], plan: Plan) -> bool:
    return any(f"{step.role}.{step.name}" in used_by for step in plan.steps())
