"""Run a plan into a run folder: every method protected, staged, gated, released, attacked, measured and recorded."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import DeidframeError, ReleaseRefused
from deidframe.engine.assault import assault
from deidframe.engine.intake import Intake, take_in
from deidframe.engine.plan import AttackPlan, MethodPlan, Plan
from deidframe.engine.progress import Quiet, Reporter
from deidframe.engine.protect import Protected, people_of, protect
from deidframe.engine.sheet import write_sheet
from deidframe.engine.staging import Staged, stage
from deidframe.engine.workshop import Workshop, blame
from deidframe.guard.accounting import Account, account
from deidframe.guard.certificate import Certificate, certify
from deidframe.guard.residual import check_residual
from deidframe.measure.interval import Figure, mean_by_person
from deidframe.measure.loss import loss_ratio, sse, surrogate_loss
from deidframe.measure.rank import by_person
from deidframe.models.catalogue import listed_weights
from deidframe.record.provenance import provenance
from deidframe.record.release import publish
from deidframe.record.schema import Cell
from deidframe.record.write import new_run_folder, write_bytes, write_json, write_lines

CLEAR = "untouched faces"
"""Name of the row that says how good the matcher is."""


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Args:
        folder: the run folder. cells: every row. exit_code: 0 all ok, 1 some failed, 6 a release was refused.
    """

    folder: Path
    cells: tuple[Cell, ...]

    @property
    def exit_code(self) -> int:
        """As the command line returns it."""
        states = {cell.status for cell in self.cells}
        return 6 if "refused" in states else 1 if "failed" in states else 0


@dataclass
class _Run:
    """A run in progress."""

    plan: Plan
    folder: Path
    shop: Workshop
    reporter: Reporter
    intake: Intake
    names_key: bytes
    with_originals: bool
    cells: list[Cell] = field(default_factory=list)

    def release_root(self) -> Path:
        return self.folder / "release"


def run(
    plan: Plan,
    folder: Path,
    reporter: Reporter | None = None,
    *,
    offline: bool = False,
    with_originals: bool = False,
    names_key: bytes | None = None,
) -> Outcome:
    """Do all that a plan says.

    Args:
        plan: from `plan`. folder: the new run folder. reporter: shows progress. offline: fetch nothing.
        with_originals: also keep thumbnails of real people for a report, under `private`.
        names_key: secret of the opaque file names; drawn afresh when not given.

    Raises:
        UsageError: the run folder exists. NothingToDo: not one face was found. DeidframeError: a part that every method needs
        failed. A method or an attack that fails is a recorded cell and raises nothing.
    """
    reporter = reporter or Quiet()
    new_run_folder(folder)
    started = time.time()
    facts = _facts(plan)
    write_json(folder / "run.json", {**facts, "status": "running"})
    status = "interrupted"
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=folder / "private"))
    try:
        shop = Workshop(plan, scratch, reporter, offline=offline)
        with _timed() as seconds:
            detector = shop.make(plan.detector)
            intake = take_in(plan.photos, plan.people, detector, f"detector {plan.detector.name}", reporter)
        shop.remember(intake.faces)
        facts["intake"] = {
            "total": intake.total,
            "faces": len(intake.faces),
            "withheld": len(intake.withheld),
            "seconds": seconds(),
        }
        key = names_key or secrets.token_bytes(32)
        write_bytes(folder / "private" / "names.key", key, private=True)
        write_json(folder / "private" / "withheld.json", intake.withheld, private=True)
        at_work = _Run(plan, folder, shop, reporter, intake, key, with_originals)
        for attack in plan.attacks:
            if attack.spec.threat == "clear":
                at_work.cells.append(_clear_cell(at_work, attack))
        for method in plan.methods:
            at_work.cells.extend(_method_cells(at_work, method))
        write_lines(folder / "cells.jsonl", [cell.as_dict() for cell in at_work.cells])
        status = "finished"
        return Outcome(folder, tuple(at_work.cells))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        status = f"failed: {error}"
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        write_json(folder / "run.json", {**facts, "status": status, "seconds": time.time() - started})


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
            "pictures": len(plan.photos),
            "people": plan.person_count,
            "subjects": recipe.source.subjects,
            "fictitious": plan.source.loaded.component.fictitious,
        },
        **provenance({step.loaded.listed.distribution for step in steps}, weights),
    }


def _used(used_by: tuple[str, ...], plan: Plan) -> bool:
    return any(f"{step.role}.{step.name}" in used_by for step in plan.steps())


@contextmanager
def _timed() -> Any:
    """Give a function that says how many seconds have passed, and stops counting at the end of the block."""
    start, stop = time.perf_counter(), [0.0]
    yield lambda: stop[0] or time.perf_counter() - start
    stop[0] = time.perf_counter() - start


def _clear_cell(at: _Run, attack: AttackPlan) -> Cell:
    """Measure how well the attack's matcher does on untouched faces."""
    faces = at.intake.faces
    base = Cell(
        CLEAR, "untouched", attack.spec.name, protects=False, people=len(set(faces.subjects or ())), total=at.intake.total
    )
    return _attacked(at, base, attack, faces)


def _attacked(at: _Run, base: Cell, attack: AttackPlan, released: FaceSet) -> Cell:
    """Return the row of one method under one attack."""
    spec = attack.spec
    cell = replace(
        base,
        attack=spec.name,
        threat=spec.threat,
        gallery=spec.gallery,
        encoder=attack.encoder.name,
        seed=at.plan.parsed.recipe.seed,
        certificate=None,
        stages={},
    )
    with _timed() as seconds:
        try:
            done = assault(at.shop, attack, at.intake.faces, released, f"{base.method} / {spec.name}")
        except Exception as error:
            return replace(cell, status="failed", reason=str(blame(spec.name, attack.step, error)))
    metrics: dict[str, Any] = {}
    for r, figure in done.rates.items():
        metrics[f"rank{r}"] = figure.as_dict()
        metrics[f"chance{r}"] = min(1.0, r / done.people) if done.people else 1.0
        if base.k_counted and base.k:
            metrics[f"bound{r}"] = min(1.0, r / base.k_counted)
    return replace(
        cell, candidates=done.people, probes=done.probes, missed=done.missed, metrics=metrics, stages={"attack": seconds()}
    )


def _method_cells(at: _Run, method: MethodPlan) -> list[Cell]:
    """Protect, stage, gate, measure, attack and release with one method; whatever happens is a row."""
    at.reporter.say(f"{method.name}")
    base = Cell(
        method.name, method.slug, protects=method.protects, k=method.k, total=at.intake.total, seed=at.plan.parsed.recipe.seed
    )
    try:
        with _timed() as seconds:
            made = protect(at.shop, at.intake.faces, method)
        staged, closed, certificate = _gated(at, method, made)
        at.shop.remember(staged.faces)
        base = replace(
            base,
            k_counted=certificate.k_counted if certificate else 1,
            people=len(set(staged.faces.subjects or ())),
            groups=certificate.groups if certificate else None,
            released=closed.released,
            withheld=closed.withheld,
            failed=closed.failed,
            reasons=dict(closed.reasons),
            stages={**made.seconds, "method": seconds()},
            certificate=certificate.as_dict() if certificate else None,
        )
        base = replace(base, metrics=_measures(at, method, made, staged))
        if certificate:
            _publish(at, method, made, staged, certificate)
        write_sheet(at.folder, at.intake.faces, staged.faces, made.groups, method.slug, at.plan, with_originals=at.with_originals)
    except ReleaseRefused as error:
        return [_nothing_released(base, "refused", str(error))]
    except Exception as error:
        at.reporter.say(f"  failed: {error}")
        reason = str(error) if isinstance(error, DeidframeError) else f"{type(error).__name__}: {error}"
        return [_nothing_released(base, "failed", reason)]
    cells = [base]
    for attack in at.plan.attacks:
        if attack.spec.threat != "clear":
            cells.append(_attacked(at, base, attack, staged.faces))
    at.shop.forget(staged.faces)
    return cells


def _nothing_released(base: Cell, status: Any, reason: str) -> Cell:
    """Return the row of a method that released nothing: every picture counts as failed."""
    return replace(
        base, status=status, reason=reason, released=0, withheld=0, failed=base.total, reasons={}, metrics={}, certificate=None
    )


def _gated(at: _Run, method: MethodPlan, made: Protected) -> tuple[Staged, Account, Certificate | None]:
    """Write the faces to files and pass every gate on the files; untouched baselines go to scratch and never leave it."""
    faces = at.intake.faces
    person_of = dict(zip(faces.ids, faces.subjects or (), strict=True))
    home = at.folder / "private" / "staged" if method.protects else at.shop.scratch / "staged"
    staged = stage(made.faces, home / method.slug, at.names_key, method.slug, at.reporter)
    every = [*faces.ids, *at.intake.withheld]
    withheld = {**at.intake.withheld, **made.withheld}
    if not method.protects:
        return (
            staged,
            account(every, [], {**withheld, **dict.fromkeys(staged.faces.ids, "unprotected, measured only")}, {}, method.name),
            None,
        )
    try:
        closed = account(every, staged.faces.ids, withheld, {}, method.name)
        row = {face: n for n, face in enumerate(faces.ids)}
        check_residual(faces.take([row[face] for face in staged.faces.ids]), staged.faces, method.name)
        certificate = certify(method.name, method.k, made.groups, person_of, staged.digests, closed)
    except BaseException:
        shutil.rmtree(staged.folder, ignore_errors=True)
        raise
    return staged, closed, certificate


def _measures(at: _Run, method: MethodPlan, made: Protected, staged: Staged) -> dict[str, Any]:
    """Return loss and detection figures in the grouping encoder and in every attack's."""
    clear, released = at.intake.faces, staged.faces
    row = {face: n for n, face in enumerate(clear.ids)}
    kept = clear.take([row[face] for face in released.ids])
    metrics: dict[str, Any] = {}
    people = list(kept.subjects or ())
    for step in at.plan.encoders(method).values():
        eyes = at.shop.eyes(step)
        look = eyes.look(released, known_landmarks=True)
        found = mean_by_person(by_person(people, (look.scores > 0).astype(np.float64)), proportion=True)
        _put(metrics, "faces_found", found)
        before = eyes.encode(kept)
        _put(metrics, f"loss.{step.name}", surrogate_loss(before.vectors, look.embeddings.vectors, people))
        if made.people is not None and made.partition is not None:
            members, _, rows = people_of(before, kept.subjects or ())
            shown, _, _ = people_of(look.embeddings, kept.subjects or ())
            groups = made.groups or {}
            labels = np.zeros(len(members), np.int64)
            labels[rows] = [groups[face] for face in kept.ids]
            metrics[f"sse.{step.name}"] = sse(members.vectors, labels)
            _put(metrics, f"loss_ratio.{step.name}", loss_ratio(members.vectors, labels, shown.vectors))
    return metrics


def _put(metrics: dict[str, Any], name: str, figure: Figure | None) -> None:
    if figure is not None:
        metrics[name] = figure.as_dict()


def _publish(at: _Run, method: MethodPlan, made: Protected, staged: Staged, certificate: Certificate) -> None:
    """Write the mapping under `private`, then move the files to the release."""
    subjects = dict(zip(at.intake.faces.ids, at.intake.faces.subjects or (), strict=True))
    groups = made.groups or {}
    mapping = [
        {"file": staged.names[face], "face": face, "person": subjects[face], "group": groups.get(face)}
        for face in staged.faces.ids
    ]
    write_json(at.folder / "private" / "mapping" / f"{method.slug}.json", mapping, private=True)
    if made.people is not None:
        part = at.shop.scratch / "encodings.npz"
        np.savez(part, vectors=made.people.vectors, people=np.array(made.person_names), space=np.array(made.people.space))
        write_bytes(at.folder / "private" / "encodings" / f"{method.slug}.npz", part.read_bytes(), private=True)
    files = {staged.names[face]: staged.digests[face] for face in staged.faces.ids}
    facts = {"method": method.name, "people": certificate.people, "pictures": certificate.pictures}
    target = at.release_root() / method.slug
    publish(staged.folder, target, files, certificate.as_dict(), facts)
    _moved(staged, target)


def _moved(staged: Staged, target: Path) -> None:
    """Let the staged faces be read from where they lie now."""
    stack = getattr(staged.faces.images, "pictures", None)
    paths: list[Path] = getattr(stack, "paths", [])
    paths[:] = [target / path.name for path in paths]
