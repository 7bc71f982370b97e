"""Run a plan into a run folder: every method protected, staged, gated, released, attacked, measured and recorded."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import DeidframeError, StoreError
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.measured import FOLDER, Measured
from deidframe.engine.cache.shards import fingerprints_of
from deidframe.engine.components.pool import ComponentPool, seal_of
from deidframe.engine.evaluate.explorer_data import HOME as EXPLORE
from deidframe.engine.evaluate.labels import Labels, labels_of
from deidframe.engine.evaluate.originals import keep_originals
from deidframe.engine.intake.encode_all import encode_all
from deidframe.engine.intake.find_faces import find_faces
from deidframe.engine.intake.foreign import read_map
from deidframe.engine.intake.people import find_people
from deidframe.engine.intake.same_person import check_people
from deidframe.engine.intake.take_in import Intake
from deidframe.engine.planning.plan import ElbowPlan, Plan
from deidframe.engine.release.earlier import read_earlier
from deidframe.engine.release.packing import repack
from deidframe.engine.release.withdraw import recorded, take_back, withdraw_changed
from deidframe.engine.release.withheld import LISTING, PEOPLE, READING, WithheldList
from deidframe.engine.rows.attack import Bench, reason_of, timed
from deidframe.engine.rows.attacked import clear_cell
from deidframe.engine.rows.context import RunContext
from deidframe.engine.rows.method import method_cells
from deidframe.engine.rows.row import died, withdrawn
from deidframe.engine.run_folder import (
    Outcome,
    check_not_nested,
    claimed,
    database_of,
    facts_of,
    finished,
    names_key_of,
    signature,
)
from deidframe.engine.runtime.crashes import MAX_CRASHES, Crashes
from deidframe.engine.runtime.hardware import device_for
from deidframe.engine.runtime.progress import Quiet, Reporter
from deidframe.engine.runtime.timeout import limit_calls
from deidframe.engine.tools.elbow import draw
from deidframe.environment import cache_folder
from deidframe.guard.earlier import check_same_database
from deidframe.guard.release import Vouched
from deidframe.recipe.public import without_places
from deidframe.record.release import release_folders
from deidframe.record.schema import Cell
from deidframe.record.write import write_bytes, write_json, write_lines
from deidframe.words import counted

ENCODING = "(encoding)"
"""Among `Crashes`, the name of no method: where the process died in it, each method encodes for itself, so that one is blamed."""

if TYPE_CHECKING:
    from deidframe.engine.scenes.method import SceneRoom


def run(
    plan: Plan,
    folder: Path,
    reporter: Reporter | None = None,
    *,
    offline: bool = False,
    with_originals: bool = False,
    names_key: bytes | None = None,
    cache: DiskCache | None = None,
    timeout: float | None = None,
    draws: Callable[..., Iterator[tuple[int, FaceSet]]] | None = None,
) -> Outcome:
    """Do all that a plan says.

    Args:
        plan: from `plan`.
        folder: the run folder, new, or of this very run: it goes on where it was cut short, and is returned where it is finished
            and neither pictures nor code have changed.
        reporter: shows progress.
        offline: fetch nothing.
        with_originals: also keep thumbnails of real people for a report, under `private`.
        names_key: secret of the opaque file names; drawn afresh when not given.
        cache: holds what is slow to make.
        draws: draws surrogates on other machines, None on this one.
        timeout: how many seconds one call of a component may take, None for as long as it likes.

    Raises:
        UsageError: the run folder exists. NothingToDo: not one face was found. DeidframeError: a part that every method needs
        failed. A method or an attack that fails is a recorded cell and raises nothing.
    """
    reporter = reporter or Quiet()
    check_not_nested(plan.photos.folder, folder)
    earlier = read_earlier(plan.parsed.recipe.release.before)
    for method in plan.methods:
        if method.foreign:
            check_not_nested(plan.released_folder(method), folder)
        if method.pairs is not None:
            read_map(Path(method.pairs))  # what is wrong with it names files, and is said before there is a public row
    if isinstance(plan.parsed.recipe.source.subjects, str):
        check_same_database(earlier, plan.people)
    fingerprints = [] if plan.encodings is not None else fingerprints_of(plan.photos)
    digests = digests_of(plan.photos.films) if plan.scene is not None else {}
    signed = signature(plan, fingerprints, digests)
    before = None if with_originals else finished(folder, signed)  # the page with originals may be missing from it
    if before is not None:
        reporter.say(f"{folder} is finished and nothing has changed since: nothing is computed")
        return before
    started = time.time()
    cells: list[Cell] = []

    def note(cell: Cell) -> None:
        cells.append(cell)
        write_lines(folder / "cells.jsonl", [one.as_dict() for one in cells])  # what is released is on record, even after a kill
        reporter.row(cell.as_dict())

    facts = {**facts_of(plan), "database": database_of(plan, fingerprints, digests)}
    lock = claimed(folder, facts, signed, reporter)
    write_bytes(folder / "private" / "signature", signed.encode(), private=True)
    write_json(folder / "run.json", {**facts, "status": "running"})
    if cache is not None:  # so that `purge` knows what else came of these people, even after a kill
        cache.journal = folder / "private" / "cache.keys"
    status = "interrupted"
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=folder / "private"))
    crashes = Crashes(folder / "private", folder / "private" / "cache.keys")
    limit = ExitStack()
    limit.enter_context(limit_calls(timeout))
    try:
        pool = plan.pool(scratch, reporter, offline=offline, cache=cache)
        pool.draws = draws
        pool.secret = key = names_key_of(folder, names_key)
        pool.columns = plan.photos.columns
        intake: Intake | None = None
        vouched, withheld = Vouched(), WithheldList(folder / "private")
        facts["intake"] = {"total": len(plan.people), "faces": 0, "withheld": 0, "seconds": 0.0}
        scenes = _scene_room(plan, pool, folder, reporter)
        if plan.detector is not None and plan.encodings is None:
            with timed() as seconds:
                if scenes is not None:
                    intake = scenes.gather(plan.photos, fingerprints, digests).intake
                    pool.use_database(intake.faces, intake.shards)
                else:
                    intake = find_faces(plan, pool, reporter, fingerprints)
                    if not crashes.deaths(ENCODING):
                        crashes.begin(ENCODING)
                        encode_all(plan, pool, intake.faces, reporter)
            listed = {file: why for file, why in plan.photos.skipped.items() if scenes is None or file not in plan.photos.films}
            withheld.add(listed, LISTING)
            withheld.add({file: why for file, why in intake.withheld.items() if file not in listed}, READING)
            read = intake.withheld
            if plan.finder:
                labelled = plan.photos.subjects if scenes is None else None  # a scene's label names no one of its faces
                known = dict(zip(plan.photos.ids, labelled, strict=True)) if labelled else None
                if known is not None:  # faces besides the labelled one are nobody's
                    known = {face: known.get(face, face) for face in intake.faces.ids}
                tracks = scenes.gathered.tracks if scenes is not None and scenes.gathered is not None else None
                people = find_people(pool, intake, *plan.finder, known, tracks)
                intake, facts["people"] = people.intake, people.facts
            if plan.gate:
                by = _labelled_by(plan)
                marks = dict(zip(plan.photos.ids, fingerprints, strict=True))
                checked = check_people(
                    pool, intake, plan.gate, marks, by, folder / "private", reporter, with_originals=with_originals
                )
                intake, facts["labels"], vouched = checked.intake, checked.facts, checked.vouched
            withheld.add({file: why for file, why in intake.withheld.items() if file not in read}, PEOPLE)
            counts = {"total": intake.total, "faces": len(intake.faces), "withheld": len(intake.withheld)}
            facts["intake"] = {**counts, "seconds": seconds(), "again": dict(intake.again), "which": plan.faces}
            if scenes is not None and scenes.gathered is not None:
                facts["scene"] = {
                    "scope": scenes.part.spec.scope,
                    "files": len(plan.photos) + len(plan.photos.films),
                    "sighted": scenes.gathered.sighted,
                }
            if plan.audit is not None and intake is not None and scenes is None:
                facts["intake"]["audit"] = {
                    "detector": plan.audit.detector.name,
                    "covered": intake.beside,
                    "unseen": intake.unseen,
                }
        labels: Mapping[str, Labels] = {}
        if intake is not None and plan.quality is not None:
            try:
                labels = labels_of(pool, plan, intake.faces)
            except Exception as error:  # an encoder that sees no attributes; each method's row says what it could not measure
                reporter.say(f"nothing is told by kind of people: {reason_of(error)}")
            facts["attributes"] = {name: one.facts() for name, one in labels.items()}
            held = {name: dict(one.of) for name, one in labels.items() if not one.unfit}
            write_json(folder / EXPLORE / "attributes.json", held, private=True)
            for name, one in labels.items():
                if one.unfit:
                    reporter.say(f"nothing is told by {name}: {one.unfit}")
        if intake is not None and scenes is None and (plan.parsed.recipe.source.fictitious or with_originals):
            keep_originals(folder, intake.faces, key)
        device = device_for(asks=any(step.asks_gpu for step in plan.steps()))
        measured = Measured.of(folder, signed, device=device, faces=seal_of(intake.faces).hex()) if intake is not None else None
        bench = Bench(pool, folder, plan.parsed.recipe.seed, labels=labels, measured=measured)
        at_work = RunContext(
            plan, folder, pool, reporter, intake, key, with_originals, bench, vouched, withheld, scenes=scenes, earlier=earlier
        )
        for attack in plan.attacks:
            if attack.spec.threat == "clear":
                note(clear_cell(at_work, attack))
        for number, elbow in enumerate(plan.elbows):
            _draw_elbow(at_work, number, elbow)
        for method in plan.methods:
            if crashes.deaths(method.slug) >= MAX_CRASHES:
                note(died(at_work, method, crashes.deaths(method.slug)))
                continue
            crashes.begin(method.slug)
            with pool.working_on(method.name):
                for cell in method_cells(at_work, method):
                    note(cell)  # at once: what follows may be cut short
        layout = plan.parsed.recipe.release
        if layout.layout != "files":
            for path in release_folders(folder):
                reporter.say(f"packing {path.name}")
                with tempfile.TemporaryDirectory(dir=scratch) as room:
                    repack(path, layout.layout, Path(room), once=layout.once)
        for name, why in withdraw_changed(folder).items():
            cells[:] = [withdrawn(cell, why) if cell.slug == name else cell for cell in cells]
        if measured is not None:
            if measured.disk.taken:
                reporter.say(f"  {counted(measured.disk.taken.total(), 'row')} of before the cut taken over")
            if not any(cell.status == "failed" for cell in cells):  # else the same command goes on once more
                shutil.rmtree(folder / "private" / FOLDER, ignore_errors=True)
        status = "finished"
        return Outcome(folder, tuple(cells))
    except KeyboardInterrupt:
        raise  # `interrupted` is what it is
    except BaseException as error:
        status = f"failed: {without_places(str(error))}"  # run.json is public
        raise
    finally:
        limit.close()
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(folder / "private" / "staged", ignore_errors=True)
        crashes.end()
        with lock:
            _on_record(folder, cells)
            kept = {"kept": dict(cache.taken)} if cache is not None else {}
            write_json(folder / "run.json", {**facts, **kept, "status": status, "seconds": time.time() - started})


def _on_record(folder: Path, cells: Sequence[Cell]) -> None:
    """Write all rows; where the disk refuses, what it does not tell of does not stay among releases."""
    try:
        write_lines(folder / "cells.jsonl", [cell.as_dict() for cell in cells])
    except StoreError:
        take_back(folder, keep=recorded(folder))
        raise


def _scene_room(plan: Plan, pool: ComponentPool, folder: Path, reporter: Reporter) -> SceneRoom | None:
    """Return what draws faces into scenes; only runs over scenes load it."""
    if plan.scene is None:
        return None
    from deidframe.engine.scenes.method import SceneRoom

    return SceneRoom(plan.scene, pool, folder, reporter)


def _labelled_by(plan: Plan) -> str:
    """Say who made the labels."""
    if plan.finder:
        return f"people were found by {plan.finder[0].name} with {plan.finder[1].name}"
    if plan.labelled:
        return "people are those whom the owner's labels name"
    return "every picture is taken for another person, as the owner says"


def stages_folder() -> Path:
    """Return where what is slow to make is cached: `stages` in the cache folder."""
    return cache_folder() / "stages"


def digests_of(films: Mapping[str, Path]) -> dict[str, str]:
    """Return the sha256 of each video, something else of one that cannot be read."""
    out = {}
    for name, path in films.items():
        try:
            with path.open("rb") as stream:
                out[name] = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            out[name] = f"unread {name}"
    return out


def _draw_elbow(at: RunContext, number: int, wanted: ElbowPlan) -> None:
    """Write the curve for the report; where it cannot be drawn, the report says why and nothing else is lost."""
    spec = wanted.spec
    data: dict[str, Any] = {"use": spec.use, "encoder": spec.encoder or "", "error": ""}
    try:
        if wanted.encoder is not None:
            encodings = at.pool.encode(wanted.encoder, at.faces)
        else:
            assert at.plan.encodings is not None, "the planner asks for an encoder where there are pictures"
            encodings = at.plan.encodings
        found = draw(at.pool, wanted.clusterer, encodings, neighbour=spec.neighbour)
        data |= asdict(found) | {"x": found.x.tolist(), "y": found.y.tolist()}
    except DeidframeError as error:
        data["error"] = str(error)
    write_json(at.folder / "figures" / f"elbow-{number}.json", data)
