"""The rows of a comparison: each method protected, written, gated, measured, released and attacked; whatever happens is a row."""

from __future__ import annotations

import functools
import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo, PluginError, ReleaseRefused
from deidframe.engine.attack_cells import Bench, attack_cell, keep_traceback, reason_of, timed, told_apart
from deidframe.engine.components.attributes import people_classes
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.arena import unseen
from deidframe.engine.evaluate.attack import Target
from deidframe.engine.evaluate.audit import audit
from deidframe.engine.evaluate.disguised import disguised
from deidframe.engine.evaluate.explorer_data import keep_for_explorer
from deidframe.engine.evaluate.measures import measures
from deidframe.engine.evaluate.mimic import Mimic
from deidframe.engine.evaluate.undone import WayBack
from deidframe.engine.evaluate.untouched import Untouched
from deidframe.engine.foreign import examine
from deidframe.engine.intake.take_in import Intake
from deidframe.engine.planning.plan import KEY_OF_ROLE, AttackPlan, MethodPlan, Plan
from deidframe.engine.protect.grouping import group, groups_csv, map_data
from deidframe.engine.protect.method import protect
from deidframe.engine.release.contact_sheet import write_contact_sheet
from deidframe.engine.release.gates import pass_gates
from deidframe.engine.release.publishing import keep_private, licences_of, publish_release, reached, restate_release, unfinished
from deidframe.engine.release.staging import stage
from deidframe.engine.release.withdraw import withdraw
from deidframe.engine.release.withheld import METHOD, WithheldList
from deidframe.engine.runtime.progress import Reporter
from deidframe.guard.carry import carry
from deidframe.guard.certificate import Audited, Disguised
from deidframe.guard.earlier import Earlier, as_faces, check_intersections, kept_for
from deidframe.guard.release import Promise, Release, Vouched
from deidframe.guard.residual import NOTHING_COMPARED, handed_back
from deidframe.recipe.model import BEFORE
from deidframe.record.release import release_folders
from deidframe.record.schema import Cell, Status
from deidframe.record.write import write_bytes, write_json

if TYPE_CHECKING:  # only runs over scenes load what draws them
    from deidframe.engine.scenes.method import SceneRelease, SceneRoom

CLEAR = "untouched faces"
"""Name of the row that says how good the matcher is."""
KEPT_BACK = "kept for an attack's gallery that no method has seen"
"""Why the first picture of everybody is withheld where an attack asks for it."""
GROUPED = "grouped, not released"
"""Why the faces of a method that only groups are withheld."""


@dataclass(frozen=True)
class RunContext:
    """What all rows of one run share.

    Args:
        plan, pool, reporter: of the run.
        folder: the run folder.
        intake: the faces, none where there are only encodings.
        names_key: secret of the opaque file names.
        with_originals: keep thumbnails of real people under `private`.
        vouched: who says who is who.
        withheld_list: where what a method withholds is noted.
        bench: of the run's attacks.
        released: method -> its release, for an attacker who has two releases.
        scenes: draws faces into whole photos, None where pictures of faces are released.
        earlier: releases of the same people that are in the world already.
        partitions: method -> the groups of its release and its k, of those that are published.
        digests: method -> of what its release shows.
    """

    plan: Plan
    folder: Path
    pool: ComponentPool
    reporter: Reporter
    intake: Intake | None
    names_key: bytes
    with_originals: bool
    bench: Bench
    vouched: Vouched = field(default_factory=Vouched)
    withheld_list: WithheldList | None = None
    released: dict[str, Release] = field(default_factory=dict)
    scenes: SceneRoom | None = None
    earlier: tuple[Earlier, ...] = ()
    partitions: dict[str, tuple[Mapping[str, int], int]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def offered(self) -> FaceSet:
        """The faces that methods are given: all but those that an attack's gallery keeps."""
        kept = self.kept_back
        return self.faces.take([row for row, face in enumerate(self.faces.ids) if face not in kept]) if kept else self.faces

    @property
    def kept_back(self) -> dict[str, str]:
        """Face id -> why no method is given it."""
        if not any(attack.spec.gallery == "unseen" for attack in self.plan.attacks):
            return {}
        return {self.faces.ids[row]: KEPT_BACK for row in unseen(self.faces.subjects or ())}

    @property
    def faces(self) -> FaceSet:
        """All faces of the run; a plan over encodings alone has no method that asks for them."""
        if self.intake is None:
            raise NothingToDo("there are encodings and no pictures")
        return self.intake.faces

    @functools.cached_property
    def untouched(self) -> Untouched:
        """What is seen of the clear faces, once for all methods."""
        return Untouched(self.pool, self.faces, self.bench.labels)

    @property
    def withheld(self) -> dict[str, str]:
        """Why pictures are not among the faces."""
        return self.intake.withheld if self.intake else {}

    @property
    def total(self) -> int:
        """How many pictures or encodings came in."""
        return self.intake.total if self.intake else len(self.plan.people)


def clear_cell(at: RunContext, attack: AttackPlan) -> Cell:
    """Measure how well the attack's matcher does on untouched faces."""
    faces = at.faces
    base = Cell(CLEAR, "untouched", attack.name, protects=False, people=len(set(faces.subjects or ())), total=at.total)
    return attack_cell(at.bench, base, attack, Target(faces, faces), "untouched")


def method_cells(at: RunContext, method: MethodPlan) -> Iterator[Cell]:
    """Protect, stage, gate, measure, release and attack with one method; whatever happens is a row.

    The method's own row comes before the attacks begin, so that what is released is on record even when they are cut short.
    """
    at.reporter.say(method.name)
    base = _base(at, method)
    if method.grouping:
        yield _grouped(at, method, base)
        return
    if method.foreign:
        yield from _foreign_cells(at, method, base)
        return
    home = at.folder / "private" / "staged" / method.slug
    drawn: SceneRelease | None = None
    try:
        at.pool.take_seconds()
        with timed() as seconds:
            kept = kept_for(method.slug, at.earlier) if method.promised_k is not None else None
            at.pool.take_left()
            made = protect(at.pool, at.offered, method, earlier=kept)
            made.withheld.update(at.kept_back)
            part = _of_a_part(at.plan)
            promise = Promise(method.promised_k, method.promise, _found_by(at.plan), at.vouched, method.shows, part=part)
            if method.protects or "synthesizer" in method.steps:
                release, residual = stage(made, at.faces, method.name, method.slug, promise, home, at.names_key, at.reporter)
            else:  # a baseline changes nothing and is never released: what is known of the untouched faces holds for it
                release = Release(method.name, at.faces, at.faces, made.withheld, promise)
                residual = NOTHING_COMPARED
            unmade = at.pool.take_left()
            if release.faces.ids and len(unmade) == len(release):
                raise ReleaseRefused(f"{method.name}: of no face was anything made; {next(iter(unmade.values()))}")
            release = release.without(unmade)
        spent = {KEY_OF_ROLE[role]: part for role, part in at.pool.take_seconds().items() if role in KEY_OF_ROLE}
        promises = method.protects and (method.promised_k is not None or bool(method.promise))
        if method.protects and not (promises and method.shows):
            release = release.without(handed_back(release, residual))
        guises: Disguised | None = None
        if promises:
            hidden, guises = disguised(at.pool, at.faces, release)
            release = release.without(hidden)
        audited: Audited | None = None
        if method.protects and at.plan.audit is not None:
            done = audit(at.pool, at.plan.audit, release, by_design=guises is not None and guises.shown > 0)
            release, audited = release.without(done.withheld), done.said
        # of who is left after every gate: a set of people shrinks with each face that is withheld
        release = replace(release, promise=replace(release.promise, together=_together(at, method, release)))
        closed, certificate = pass_gates(
            release, at.faces, at.withheld, residual.compared, audited, guises, protects=method.protects
        )
        if at.withheld_list is not None:
            at.withheld_list.add(release.withheld, METHOD, method.name)
        carried = carry(release, at.plan.photos.columns, at.plan.parsed.recipe.source.carry) if certificate else ()
        if certificate and carried:
            certificate = certificate.with_carried(carried)
        at.pool.cache_faces(release.faces)
        base = replace(
            base,
            k_counted=certificate.k_counted if certificate else 1,
            people=len(set(release.subjects)),
            groups=certificate.groups if certificate else None,
            released=closed.released,
            withheld=closed.withheld,
            failed=closed.failed,
            reasons=dict(closed.reasons),
            stages={**spent, "method": seconds()},
            certificate=certificate.as_dict() if certificate else None,
        )
        shown = _digest(at, method, release)
        base = _measured(at, method, release, base, shown)
        if method.protects:
            judges, owner = at.plan.judges(method), at.plan.parsed.recipe.source.fictitious or at.with_originals
            keep_for_explorer(at.folder, method.slug, at.pool, judges, release, show_originals=owner)
        records = at.pool.take_records()
        if records:
            write_json(at.folder / "private" / "records" / f"{method.slug}.json", records, private=True)
        if certificate and release.groups is not None:
            at.partitions[method.name] = _grouped_people(release.groups, release.person_of), method.promised_k or 1
        if certificate:  # last, so that a method that fails has released nothing; what is never released has no sheet
            fictitious, key = at.plan.parsed.recipe.source.fictitious, at.names_key
            write_contact_sheet(at.folder, release, method.slug, key, fictitious=fictitious, with_originals=at.with_originals)
            if at.scenes is not None:
                drawn = at.scenes.release(method, release, certificate)
                keep_private(at.folder, method.slug, release, at.pool, {}, drawn.file_of)
                base = in_scenes(base, drawn)
            else:
                columns = at.plan.photos.columns
                release = publish_release(
                    at.folder, method.slug, release, certificate, licences_of(method), at.pool, columns, carried
                )
    except Exception as error:
        shutil.rmtree(home, ignore_errors=True)
        for folder in release_folders(at.folder):
            if folder.name == method.slug:  # the row says that there is none
                withdraw(at.folder, folder)
        yield _nothing_released(at, base, error)
        return
    yield base
    tried = []
    seen = drawn.faces if drawn is not None else release.faces
    for cell in _attacked(at, method, base, replace(release, faces=seen), method, shown):
        tried.append(cell)
        yield cell
    if drawn is not None and at.scenes is not None:
        at.scenes.restate(drawn, reached(tried), licences_of(method), unfinished(tried))
        at.released[method.name] = replace(release, faces=drawn.faces)
    elif certificate:
        moved = restate_release(at.folder, release, certificate, licences_of(method), tried)
        at.released[method.name], at.digests[method.name] = moved, shown
    if release.names:  # what was written is not looked at again
        at.pool.drop_faces(release.faces)
        shutil.rmtree(home, ignore_errors=True)


def _together(at: RunContext, method: MethodPlan, release: Release) -> str:
    """Return what this release gives away together with others of the same people, in words for its certificate.

    Raises:
        ReleaseRefused: they leave fewer than k people undistinguished, and nobody allowed that.
    """
    if release.groups is None or method.promised_k is None or at.scenes is not None:
        return ""
    mine = _grouped_people(release.groups, release.person_of)
    others: dict[str, tuple[Mapping[str, Any], int]] = {
        f"the earlier release {one.name}": (one.groups, one.k) for one in at.earlier
    }
    if not at.plan.parsed.recipe.source.fictitious:  # nobody is told apart who does not exist
        others |= {f'"{name}" of this run': known for name, known in at.partitions.items()}
    allowed = at.plan.parsed.recipe.release.allow_intersection
    return check_intersections(method.name, mine, method.promised_k, others, allowed=allowed)


def _of_a_part(plan: Plan) -> str:
    """Return what a release of some pictures gives away with one of all, "" where all were asked for or nobody is real."""
    if (plan.sample is None and plan.limit is None) or plan.parsed.recipe.source.fictitious:
        return ""
    taken = "the first pictures" if plan.sample is None else f"a sample, {len(plan.people)} of {plan.whole} pictures"
    return (
        f"made of {taken}: a release of the whole groups the same people otherwise, and both together may leave fewer than k"
        " people undistinguished, so this one is not to be shared beside it"
    )


def _grouped_people(groups: Mapping[str, int], person_of: Mapping[str, str]) -> dict[str, int]:
    return {person_of[face]: group for face, group in groups.items()}


def _digest(at: RunContext, method: MethodPlan, release: Release) -> str:
    """Return a digest of all that a release shows, "" where its files alone do not say it: scenes, and what another tool made."""
    if at.scenes is not None or method.foreign or (method.protects and not release.names):
        return ""
    digest, groups = hashlib.sha256(), release.groups or {}
    for face in release.faces.ids:
        told = f"{face}\0{release.digests.get(face, '')}\0{groups.get(face, '')}\n"
        digest.update(told.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _measured(at: RunContext, method: MethodPlan, release: Release, base: Cell, shown: str) -> Cell:
    """Return a method's row with its figures: those of before a cut where it shows the same."""
    known, what = at.bench.measured, {"row": base.slug, "shown": shown}
    kept = known.get(what) if known is not None and shown else None
    if kept is not None:
        return replace(base, **kept.data)
    recorded = len(at.pool.records)
    metrics, by, unmeasured = measures(at.pool, at.plan, method, release, at.untouched)
    if known is not None and shown and not unmeasured and len(at.pool.records) == recorded:  # what failed is tried again
        known.put(what, {"metrics": metrics, "by": by})
    return replace(base, metrics=metrics, by=by, unmeasured=unmeasured)


def _attacked(
    at: RunContext, method: MethodPlan, base: Cell, release: Release, tool: MethodPlan, shown: str = ""
) -> Iterator[Cell]:
    """Yield the rows of the attacks on what a method shows.

    Args:
        base: the method's own row.
        tool: what an attacker takes the method for.
        shown: a digest of what it shows, "" where there is none.
    """
    undo, mimic = WayBack.of(at.pool, tool), Mimic.of(at.pool, tool)
    for attack in at.plan.attacks:
        if attack.spec.threat != "clear":
            names = [name for name in attack.spec.others if name in at.released and name != method.name]
            also = [(at.released[name].faces, at.released[name].groups) for name in names]
            together = [shown, *(at.digests.get(name, "") for name in names)]
            if BEFORE in attack.spec.others:
                also += [as_faces(one, at.faces) for one in at.earlier if one.slug == method.slug]
            cells = told_apart([release.groups, *(groups for _, groups in also)], at.faces) if also else ()
            target = Target(at.faces, release.faces, method, release.groups, [faces for faces, _ in also], cells, undo, mimic)
            yield attack_cell(at.bench, base, attack, target, "+".join(together) if all(together) else "")
    for known in (undo, mimic):
        if known is not None:
            known.drop()


def _foreign_cells(at: RunContext, method: MethodPlan, base: Cell) -> Iterator[Cell]:
    """Look at what another tool released, without and with recognisers; nothing is released."""
    try:
        with timed() as seconds:
            done = examine(at.pool, at.plan, method, at.faces, at.folder, at.reporter)
        closed, _ = pass_gates(done.release, at.faces, at.withheld, (), None, None, protects=False)
        at.pool.cache_faces(done.release.faces)
        metrics, by, unmeasured = measures(at.pool, at.plan, method, done.release, at.untouched)
        judges, owner = at.plan.judges(method), at.plan.parsed.recipe.source.fictitious or at.with_originals
        keep_for_explorer(at.folder, method.slug, at.pool, judges, done.release, show_originals=owner)
        base = replace(
            base,
            k_counted=done.findings.fewest,
            people=len(set(done.release.subjects)),
            groups=len(set(done.findings.shared.values())) if done.findings.fewest > 1 else None,
            released=closed.released,
            withheld=closed.withheld,
            failed=closed.failed,
            reasons=dict(closed.reasons),
            metrics=metrics,
            by=by,
            unmeasured=unmeasured,
            stages={"method": seconds()},
        )
    except Exception as error:
        yield _nothing_released(at, base, error)
        return
    yield base
    yield from _attacked(at, method, base, done.release, done.tool)
    at.pool.drop_faces(done.release.faces)


def in_scenes(base: Cell, drawn: SceneRelease) -> Cell:
    """Return the row of a method whose faces are drawn into scenes: no k is promised of those."""
    metrics = {**base.metrics, **drawn.metrics}
    return replace(base, k=None, certificate={**drawn.certificate.as_dict(), "method": base.method}, metrics=metrics)


def died(at: RunContext, method: MethodPlan, times: int) -> Cell:
    """Return the row of a method in which the process died again and again: it is not tried once more in this run."""
    at.reporter.say(method.name)
    base = _base(at, method)
    why = f"the process died {times} times while this method was at work (a crash in native code, no memory left, a kill)"
    return replace(_nothing_released(at, base, PluginError(why)), grouping=method.grouping)


def withdrawn(cell: Cell, why: str) -> Cell:
    """Return a row of a method whose files changed after they were checked."""
    reason = f"its files changed after they were written: {why}"
    return replace(cell, status="refused", reason=reason, released=0, failed=cell.total - cell.withheld, certificate=None)


def _base(at: RunContext, method: MethodPlan) -> Cell:
    """Return a method's row before anything is known."""
    seed = at.plan.parsed.recipe.seed
    return Cell(
        method.name,
        method.slug,
        protects=method.protects,
        foreign=method.foreign,
        k=method.promised_k,
        total=at.total,
        seed=seed,
        sees=tuple(sorted(method.sees)),
        settings=method.settings,
    )


def _grouped(at: RunContext, method: MethodPlan, base: Cell) -> Cell:
    """Group and measure; nothing is released."""
    try:
        if at.plan.encodings is not None:
            encodings, people, space = at.plan.encodings, at.plan.people, at.plan.encodings.space
        else:
            step = method.steps["encoder"]
            encodings, people, space = at.pool.encode(step, at.faces), at.faces.subjects or (), step.name
        beside = [at.pool.encode(one, at.faces) for one in method.beside]
        apart = None
        if method.within is not None:
            apart = functools.partial(people_classes, at.pool, *method.within, at.faces)
        done = group(at.pool, encodings, people, method, labelled=at.plan.labelled, apart=apart, beside=beside)
        text = groups_csv(done.ids, done.labels)
        write_bytes(
            at.folder / "private" / "groups" / f"{method.slug}.csv", text.encode("utf-8", "surrogateescape"), private=True
        )
        write_json(at.folder / "figures" / "groupings" / f"{method.slug}.json", map_data(at.pool, done, at.names_key))
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


def _nothing_released(at: RunContext, base: Cell, error: Exception) -> Cell:
    """Return the row of a method that released nothing, with the reason: every picture counts as failed."""
    status: Status = "refused" if isinstance(error, ReleaseRefused) else "failed"
    reason = reason_of(error)
    at.reporter.say(f"  {status}: {reason}")
    keep_traceback(at.folder, base.slug, error)
    return replace(
        base,
        status=status,
        reason=reason,
        released=0,
        withheld=0,
        failed=base.total,
        reasons={},
        metrics={},
        by={},
        certificate=None,
    )


def _found_by(plan: Plan) -> str:
    return f"{plan.finder[0].name} with {plan.finder[1].name}" if plan.finder else ""
