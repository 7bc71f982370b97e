"""The rows of a comparison: each method protected, written, gated, measured, released and attacked; whatever happens is a row."""

from __future__ import annotations

import functools
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import DeidframeError, NothingToDo, PluginError, ReleaseRefused
from deidframe.engine.assault import assault
from deidframe.engine.attributes import people_classes
from deidframe.engine.audit import audit
from deidframe.engine.boundary import one_line
from deidframe.engine.grouping import group, groups_csv, map_data
from deidframe.engine.groups import people_of
from deidframe.engine.intake import Intake
from deidframe.engine.plan import KEY_OF_ROLE, AttackPlan, MethodPlan, Plan
from deidframe.engine.pool import ComponentPool
from deidframe.engine.progress import Reporter
from deidframe.engine.protect import Protected, protect
from deidframe.engine.quality import quality
from deidframe.engine.sheet import write_sheet
from deidframe.engine.staging import Staged, stage
from deidframe.guard.accounting import Account, account
from deidframe.guard.certificate import Audited, Certificate, Evidence, certify
from deidframe.guard.hygiene import check_bare
from deidframe.guard.residual import check_residual
from deidframe.measure.interval import Figure, mean_by_person
from deidframe.measure.loss import loss_ratio, sse, surrogate_loss
from deidframe.measure.rank import by_person
from deidframe.record.release import publish
from deidframe.record.schema import Cell, Status
from deidframe.record.write import write_bytes, write_json

CLEAR = "untouched faces"
"""Name of the row that says how good the matcher is."""
UNPROTECTED = "unprotected, measured only"
"""Why the faces of a baseline are withheld."""
GROUPED = "grouped, not released"
"""Why the faces of a method that only groups are withheld."""


@dataclass(frozen=True)
class Bench:
    """What all rows of one run share.

    Args:
        plan, pool, reporter: of the run. folder: the run folder. intake: the faces, none where there are only encodings.
        names_key: secret of the opaque file names. with_originals: keep thumbnails of real people under `private`.
    """

    plan: Plan
    folder: Path
    pool: ComponentPool
    reporter: Reporter
    intake: Intake | None
    names_key: bytes
    with_originals: bool

    @property
    def faces(self) -> FaceSet:
        """All faces of the run; a plan over encodings alone has no method that asks for them."""
        if self.intake is None:
            raise NothingToDo("there are encodings and no pictures")
        return self.intake.faces

    @property
    def withheld(self) -> dict[str, str]:
        """Why pictures are not among the faces."""
        return self.intake.withheld if self.intake else {}

    @property
    def total(self) -> int:
        """How many pictures or encodings came in."""
        return self.intake.total if self.intake else len(self.plan.people)


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Give a function that says how many seconds have passed, and stops counting at the end of the block."""
    start, stop = time.perf_counter(), [0.0]
    yield lambda: stop[0] or time.perf_counter() - start
    stop[0] = time.perf_counter() - start


def clear_cell(at: Bench, attack: AttackPlan) -> Cell:
    """Measure how well the attack's matcher does on untouched faces."""
    faces = at.faces
    base = Cell(CLEAR, "untouched", attack.spec.name, protects=False, people=len(set(faces.subjects or ())), total=at.total)
    return _attacked(at, base, attack, faces)


def _attacked(at: Bench, base: Cell, attack: AttackPlan, released: FaceSet) -> Cell:
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
    with timed() as seconds:
        try:
            name = f"{base.method} / {spec.name}"
            with at.pool.working_on(name):
                done = assault(at.pool, attack, at.faces, released, name)
        except Exception as error:
            return replace(cell, status="failed", reason=reason_of(error))
    metrics: dict[str, Any] = {}
    for r, figure in done.rates.items():
        metrics[f"rank{r}"] = figure.as_dict()
        metrics[f"chance{r}"] = min(1.0, r / done.people) if done.people else 1.0
        if base.k_counted and base.k:
            metrics[f"bound{r}"] = min(1.0, r / base.k_counted)
    return replace(
        cell, candidates=done.people, probes=done.probes, missed=done.missed, metrics=metrics, stages={"attack": seconds()}
    )


def method_cells(at: Bench, method: MethodPlan) -> Iterator[Cell]:
    """Protect, stage, gate, measure, release and attack with one method; whatever happens is a row.

    The method's own row comes before the attacks begin, so that what is released is on record even when they are cut short.
    """
    at.reporter.say(method.name)
    base = _base(at, method)
    if method.grouping:
        yield _grouped(at, method, base)
        return
    home = at.folder / "private" / "staged" / method.slug
    try:
        at.pool.take_seconds()
        with timed() as seconds:
            made = protect(at.pool, at.faces, method)
            if method.protects or "synthesizer" in method.steps:
                staged = stage(made.faces, home, at.names_key, method.slug, at.reporter)
            else:  # a baseline changes nothing and is never released: what is known of the untouched faces holds for it
                staged = Staged(at.faces, {}, {}, home)
        spent = {KEY_OF_ROLE[role]: part for role, part in at.pool.take_seconds().items() if role in KEY_OF_ROLE}
        audited: Audited | None = None
        if method.protects and at.plan.audit is not None:
            row = {face: n for n, face in enumerate(at.faces.ids)}
            originals = at.faces.take([row[face] for face in staged.faces.ids])
            done = audit(at.pool, at.plan.audit, originals, staged.faces, staged.digests, method.name)
            staged, audited = staged.without(done.withheld), done.said
            kept = (
                {face: group for face, group in made.groups.items() if face not in done.withheld} if made.groups else made.groups
            )
            made = replace(made, groups=kept, withheld={**made.withheld, **done.withheld})
        closed, certificate = _gated(at, method, made, staged, audited)
        at.pool.remember(staged.faces)
        base = replace(
            base,
            k_counted=certificate.k_counted if certificate else 1,
            people=len(set(staged.faces.subjects or ())),
            groups=certificate.groups if certificate else None,
            released=closed.released,
            withheld=closed.withheld,
            failed=closed.failed,
            reasons=dict(closed.reasons),
            stages={**spent, "method": seconds()},
            certificate=certificate.as_dict() if certificate else None,
        )
        base = replace(base, metrics=_measures(at, method, made, staged))
        records = at.pool.take_records()
        if records:
            write_json(at.folder / "private" / "records" / f"{method.slug}.json", records, private=True)
        write_sheet(at.folder, at.faces, staged.faces, made.groups, method.slug, at.plan, with_originals=at.with_originals)
        if certificate:  # last, so that a method that fails has released nothing
            _publish(at, method, made, staged, certificate)
    except Exception as error:
        shutil.rmtree(home, ignore_errors=True)
        yield _nothing_released(at, base, error)
        return
    yield base
    for attack in at.plan.attacks:
        if attack.spec.threat != "clear":
            yield _attacked(at, base, attack, staged.faces)
    if staged.names:  # what was written is not looked at again
        at.pool.forget(staged.faces)
        shutil.rmtree(home, ignore_errors=True)


def died(at: Bench, method: MethodPlan, times: int) -> Cell:
    """Return the row of a method in which the process died again and again: it is not tried once more in this run."""
    at.reporter.say(method.name)
    base = _base(at, method)
    why = f"the process died {times} times while this method was at work (a crash in native code, no memory left, a kill)"
    return replace(_nothing_released(at, base, PluginError(why)), grouping=method.grouping)


def _base(at: Bench, method: MethodPlan) -> Cell:
    """Return a method's row before anything is known."""
    seed = at.plan.parsed.recipe.seed
    return Cell(method.name, method.slug, protects=method.protects, k=method.promised_k, total=at.total, seed=seed)


def _grouped(at: Bench, method: MethodPlan, base: Cell) -> Cell:
    """Group and measure; nothing is released."""
    try:
        if at.plan.encodings is not None:
            encodings, people, space = at.plan.encodings, at.plan.people, at.plan.encodings.space
        else:
            step = method.steps["encoder"]
            encodings, people, space = at.pool.encode(step, at.faces), at.faces.subjects or (), step.name
        apart = None
        if method.within is not None:
            apart = functools.partial(people_classes, at.pool, *method.within, at.faces)
        done = group(at.pool, encodings, people, method, labelled=at.plan.labelled, apart=apart)
        text = groups_csv(done.ids, done.labels)
        write_bytes(
            at.folder / "private" / "groups" / f"{method.slug}.csv", text.encode("utf-8", "surrogateescape"), private=True
        )
        write_json(at.folder / "figures" / "groupings" / f"{method.slug}.json", map_data(at.pool, done))
    except Exception as error:
        return replace(_nothing_released(at, base, error), grouping=True)
    reasons = dict(Counter(at.withheld.values())) | {GROUPED: len(done.ids)}
    return replace(
        base,
        grouping=True,
        encoder=space,
        k_counted=done.smallest if method.k is not None else None,
        people=len(set(people)),
        groups=int(done.metrics["groups"]),  # type: ignore[call-overload]
        withheld=base.total,
        reasons=reasons,
        stages=done.seconds,
        metrics=dict(done.metrics),
    )


def _nothing_released(at: Bench, base: Cell, error: Exception) -> Cell:
    """Return the row of a method that released nothing, with the reason: every picture counts as failed."""
    status: Status = "refused" if isinstance(error, ReleaseRefused) else "failed"
    reason = reason_of(error)
    at.reporter.say(f"  {status}: {reason}")
    return replace(
        base,
        status=status,
        reason=reason,
        released=0,
        withheld=0,
        failed=base.total,
        reasons={},
        metrics={},
        certificate=None,
    )


def reason_of(error: Exception) -> str:
    """Return what a row says of an error: our own words as they are, anything else with its kind."""
    return str(error) if isinstance(error, DeidframeError) else one_line(error)


def _gated(
    at: Bench, method: MethodPlan, made: Protected, staged: Staged, audited: Audited | None
) -> tuple[Account, Certificate | None]:
    """Pass every gate on the written files; an untouched baseline has no certificate, for it is never released."""
    faces = at.faces
    every = [*faces.ids, *at.withheld]
    withheld = {**at.withheld, **made.withheld}
    if not method.protects:
        return account(every, [], {**withheld, **dict.fromkeys(staged.faces.ids, UNPROTECTED)}, {}, method.name), None
    closed = account(every, staged.faces.ids, withheld, {}, method.name)
    row = {face: n for n, face in enumerate(faces.ids)}
    compared = check_residual(faces.take([row[face] for face in staged.faces.ids]), staged.faces, method.name)
    bare = check_bare((staged.folder / name for name in staged.names.values()), method.name)
    evidence = Evidence(sum(face in row for face in staged.digests), compared, bare, audited)
    person_of = dict(zip(faces.ids, faces.subjects or (), strict=True))
    found_by = f"{at.plan.finder[0].name} with {at.plan.finder[1].name}" if at.plan.finder else ""
    return closed, certify(
        method.name, method.promised_k, made.groups, person_of, staged.digests, closed, evidence, found_by, method.promise
    )


def _measures(at: Bench, method: MethodPlan, made: Protected, staged: Staged) -> dict[str, Any]:
    """Return loss and detection figures in the grouping encoder and in every attack's."""
    clear, released = at.faces, staged.faces
    row = {face: n for n, face in enumerate(clear.ids)}
    kept = clear.take([row[face] for face in released.ids])
    metrics: dict[str, Any] = {}
    people = list(kept.subjects or ())
    for step in at.plan.encoders(method).values():
        eyes = at.pool.eyes(step)
        look = eyes.look(released, known_landmarks=True)
        found = mean_by_person(by_person(people, (look.scores > 0).astype(np.float64)), proportion=True)
        _put(metrics, "faces_found", found)
        before = eyes.encode(kept)
        _put(metrics, f"loss.{step.name}", surrogate_loss(before.vectors, look.embeddings.vectors, people))
        if made.people is not None and made.partition is not None:
            members, names, _ = people_of(before, kept.subjects or ())
            shown, _, _ = people_of(look.embeddings, kept.subjects or ())
            group_of = dict(zip(made.person_names, made.partition.labels.tolist(), strict=True))
            labels = np.array([group_of[name] for name in names], np.int64)
            metrics[f"sse.{step.name}"] = sse(members.vectors, labels)
            _put(metrics, f"loss_ratio.{step.name}", loss_ratio(members.vectors, labels, shown.vectors))
    if at.plan.quality is not None:
        metrics |= quality(at.pool, at.plan.quality, kept, released, staged.digests, made.groups)
    return metrics


def _put(metrics: dict[str, Any], name: str, figure: Figure | None) -> None:
    if figure is not None:
        metrics[name] = figure.as_dict()


def _publish(at: Bench, method: MethodPlan, made: Protected, staged: Staged, certificate: Certificate) -> None:
    """Write the mapping under `private`, then move the files to the release."""
    subjects = dict(zip(at.faces.ids, at.faces.subjects or (), strict=True))
    groups = made.groups or {}
    mapping = [
        {"file": staged.names[face], "face": face, "person": subjects[face], "group": groups.get(face)}
        for face in staged.faces.ids
    ]
    write_json(at.folder / "private" / "mapping" / f"{method.slug}.json", mapping, private=True)
    if made.people is not None:
        part = at.pool.scratch / "encodings.npz"
        np.savez(part, vectors=made.people.vectors, people=np.array(made.person_names), space=np.array(made.people.space))
        write_bytes(at.folder / "private" / "encodings" / f"{method.slug}.npz", part.read_bytes(), private=True)
    files = {staged.names[face]: staged.digests[face] for face in staged.faces.ids}
    facts = {"method": method.name, "people": certificate.people, "pictures": certificate.pictures}
    target = at.folder / "release" / method.slug
    publish(staged.folder, target, files, certificate.as_dict(), facts)
    _moved(staged, target)


def _moved(staged: Staged, target: Path) -> None:
    """Let the staged faces be read from where they lie now."""
    stack = getattr(staged.faces.images, "pictures", None)
    paths: list[Path] = getattr(stack, "paths", [])
    paths[:] = [target / path.name for path in paths]
