"""The rows of a method: protected, written, gated, measured, released and attacked; whatever happens is a row."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deidframe.contract.errors import ReleaseRefused
from deidframe.engine.evaluate.audit import audit
from deidframe.engine.evaluate.disguised import disguised
from deidframe.engine.evaluate.explorer_data import keep_for_explorer
from deidframe.engine.evaluate.measures import measures
from deidframe.engine.planning.plan import KEY_OF_ROLE, MethodPlan, Plan
from deidframe.engine.protect.method import protect
from deidframe.engine.release.contact_sheet import write_contact_sheet
from deidframe.engine.release.gates import pass_gates
from deidframe.engine.release.publishing import keep_private, licences_of, publish_release, reached, restate_release, unfinished
from deidframe.engine.release.staging import stage
from deidframe.engine.release.withdraw import withdraw
from deidframe.engine.release.withheld import METHOD
from deidframe.engine.rows.attack import timed
from deidframe.engine.rows.attacked import attacked_cells, digest_of
from deidframe.engine.rows.context import RunContext
from deidframe.engine.rows.foreign import foreign_cells
from deidframe.engine.rows.grouped import grouped_cell
from deidframe.engine.rows.row import base_of, nothing_released
from deidframe.guard.carry import Carried, carry
from deidframe.guard.certificate import Audited, Certificate, Disguised
from deidframe.guard.earlier import check_intersections, kept_for
from deidframe.guard.release import Promise, Release
from deidframe.guard.residual import NOTHING_COMPARED, Residual, handed_back
from deidframe.record.release import release_folders
from deidframe.record.schema import Cell
from deidframe.record.write import write_json

if TYPE_CHECKING:  # only runs over scenes load what draws them
    from deidframe.engine.scenes.method import SceneRelease


@dataclass(frozen=True)
class _Made:
    """What a method made: staged, not yet gated; `seconds` by stage."""

    release: Release
    residual: Residual
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class _Gated:
    """What passed the gates, and its row; no certificate for a baseline."""

    release: Release
    certificate: Certificate | None
    carried: tuple[Carried, ...]
    row: Cell


@dataclass(frozen=True)
class _Released:
    """What was released: its row, the faces, a digest of what they show, and the scenes where they were drawn into some."""

    release: Release
    certificate: Certificate | None
    row: Cell
    shown: str
    drawn: SceneRelease | None = None


def method_cells(at: RunContext, method: MethodPlan) -> Iterator[Cell]:
    """Protect, stage, gate, measure, release and attack with one method; whatever happens is a row.

    The method's own row comes before the attacks begin, so that what is released is on record even when they are cut short.
    """
    at.reporter.say(method.name)
    base = base_of(at, method)
    if method.grouping:
        yield grouped_cell(at, method, base)
        return
    if method.foreign:
        yield from foreign_cells(at, method, base)
        return
    home = at.folder / "private" / "staged" / method.slug
    try:
        done = _released(at, method, _gated(at, method, base, _made(at, method, home)))
    except Exception as error:
        shutil.rmtree(home, ignore_errors=True)
        for folder in release_folders(at.folder):
            if folder.name == method.slug:  # the row says that there is none
                withdraw(at.folder, folder)
        yield nothing_released(at, base, error)
        return
    yield done.row
    tried = []
    seen = done.release if done.drawn is None else replace(done.release, faces=done.drawn.faces)
    for cell in attacked_cells(at, method, done.row, seen, method, done.shown):
        tried.append(cell)
        yield cell
    _restated(at, method, done, tried)
    if done.release.names:  # what was written is not looked at again
        at.pool.drop_faces(done.release.faces)
        shutil.rmtree(home, ignore_errors=True)


def _made(at: RunContext, method: MethodPlan, home: Path) -> _Made:
    """Let the method work and stage what it made.

    Raises:
        ReleaseRefused: of no face was anything made.
    """
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
    return _Made(release, residual, {**spent, "method": seconds()})


def _gated(at: RunContext, method: MethodPlan, base: Cell, made: _Made) -> _Gated:
    """Withhold what no gate lets through, and certify the rest.

    Raises:
        ReleaseRefused: a promise does not hold of what is left.
    """
    release = made.release
    promises = method.protects and (method.promised_k is not None or bool(method.promise))
    if method.protects and not (promises and method.shows):
        release = release.without(handed_back(release, made.residual))
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
        release, at.faces, at.withheld, made.residual.compared, audited, guises, protects=method.protects
    )
    if at.withheld_list is not None:
        at.withheld_list.add(release.withheld, METHOD, method.name)
    carried = carry(release, at.plan.photos.columns, at.plan.parsed.recipe.source.carry) if certificate else ()
    if certificate and carried:
        certificate = certificate.with_carried(carried)
    row = replace(
        base,
        k_counted=certificate.k_counted if certificate else 1,
        people=len(set(release.subjects)),
        groups=certificate.groups if certificate else None,
        released=closed.released,
        withheld=closed.withheld,
        failed=closed.failed,
        reasons=dict(closed.reasons),
        stages=dict(made.seconds),
        certificate=certificate.as_dict() if certificate else None,
    )
    return _Gated(release, certificate, carried, row)


def _released(at: RunContext, method: MethodPlan, gated: _Gated) -> _Released:
    """Measure what passed the gates, and release it last, so that a method that fails has released nothing."""
    release, certificate = gated.release, gated.certificate
    at.pool.cache_faces(release.faces)
    shown = digest_of(at, method, release)
    row = _measured(at, method, release, gated.row, shown)
    if method.protects:
        judges, owner = at.plan.judges(method), at.plan.parsed.recipe.source.fictitious or at.with_originals
        keep_for_explorer(at.folder, method.slug, at.pool, judges, release, show_originals=owner)
    records = at.pool.take_records()
    if records:
        write_json(at.folder / "private" / "records" / f"{method.slug}.json", records, private=True)
    if certificate and release.groups is not None:
        at.partitions[method.name] = _grouped_people(release.groups, release.person_of), method.promised_k or 1
    if certificate is None:  # what is never released has no sheet
        return _Released(release, None, row, shown)
    fictitious, key = at.plan.parsed.recipe.source.fictitious, at.names_key
    write_contact_sheet(at.folder, release, method.slug, key, fictitious=fictitious, with_originals=at.with_originals)
    if at.scenes is not None:
        drawn = at.scenes.release(method, release, certificate)
        keep_private(at.folder, method.slug, release, at.pool, {}, drawn.file_of)
        return _Released(release, certificate, in_scenes(row, drawn), shown, drawn)
    columns = at.plan.photos.columns
    release = publish_release(at.folder, method.slug, release, certificate, licences_of(method), at.pool, columns, gated.carried)
    return _Released(release, certificate, row, shown)


def _restated(at: RunContext, method: MethodPlan, done: _Released, tried: list[Cell]) -> None:
    """Say beside the release what the attacks reached, and keep it for those that take two."""
    if done.drawn is not None and at.scenes is not None:
        at.scenes.restate(done.drawn, reached(tried), licences_of(method), unfinished(tried))
        at.released[method.name] = replace(done.release, faces=done.drawn.faces)
    elif done.certificate:
        moved = restate_release(at.folder, done.release, done.certificate, licences_of(method), tried)
        at.released[method.name], at.digests[method.name] = moved, done.shown


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


def in_scenes(base: Cell, drawn: SceneRelease) -> Cell:
    """Return the row of a method whose faces are drawn into scenes: no k is promised of those."""
    metrics = {**base.metrics, **drawn.metrics}
    return replace(base, k=None, certificate={**drawn.certificate.as_dict(), "method": base.method}, metrics=metrics)


def _found_by(plan: Plan) -> str:
    return f"{plan.finder[0].name} with {plan.finder[1].name}" if plan.finder else ""
