"""Resolve every name of a recipe and check all that can be checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deidframe.contract.errors import UsageError
from deidframe.engine.components.step import Step
from deidframe.engine.planning.database import Database, list_database
from deidframe.engine.planning.plan import (
    AuditPlan,
    GatePlan,
    MethodPlan,
    Plan,
    ScenePart,
)
from deidframe.engine.planning.resolve import Planner, known_to
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.diagnostics import nearest
from deidframe.recipe.locate import KeyPath
from deidframe.recipe.model import (
    APPARENT,
    FoundSubjects,
    SourceSpec,
)
from deidframe.recipe.parse import Method, Parsed

ROUNDED = (
    'precision = "int8": attackers see rounded encodings, too (on 600 pictures of LFW they name as many untouched faces, within'
    " .002); what is published is best measured in f32"
)


def plan(parsed: Parsed, catalogue: Catalogue, scratch: Path, limit: int | None = None, sample: int | None = None) -> Plan:
    """Check a recipe against what is installed and against its database.

    Args:
        parsed: the recipe.
        catalogue: what is installed.
        scratch: an existing folder.
        limit: take only so many pictures.
        sample: draw whole people, under the recipe's seed, until they have so many pictures.

    Raises:
        RecipeError: everything wrong that can be known without opening a picture; nothing ran.
        NothingToDo: the source holds no picture. UsageError: the source cannot be listed, or limit or sample is not positive.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: expected a number of pictures of at least 1")
    if sample is not None and sample < 1:
        raise UsageError(f"--sample {sample}: expected a number of pictures of at least 1")
    recipe = parsed.recipe
    planner = Planner(parsed, known_to(parsed, catalogue))
    source = planner.part("source", recipe.source, ("source",))
    detector = planner.part("detector", recipe.detector, ("detector",)) if recipe.detector else None
    methods = [planner.method(m) for m in parsed.methods]
    grouping = [part.use for m in parsed.methods for part in m.spec.encoders]
    attacks = [one for row, spec in enumerate(recipe.attack) for one in planner.attack(row, spec, grouping)]
    finder = _finder(planner, recipe.source.subjects)
    elbows = [planner.elbow(row, spec) for row, spec in enumerate(recipe.elbow)]
    seen = [a.encoder for a in attacks if a.encoder]
    quality = planner.quality(recipe.quality, seen)
    measures = [(one, planner.part("measure", one, ("measure", row))) for row, one in enumerate(recipe.measure)]
    audit = planner.audit(recipe.audit, detector)
    judges = [*seen, *(quality.encoders if quality else ())]
    judges += [audit.encoder] if audit and audit.encoder else []
    gate = planner.gate(recipe.source, methods, judges)
    scene = _scene(planner, detector, audit, methods)
    found: Database | None = None
    if source is not None:
        found = list_database(planner.complain, parsed, source, scratch, limit, sample)
        count = len(set(found.people))
        for method in parsed.methods:
            if scene is None and found.people and method.spec.k is not None and method.spec.k > count:
                at: KeyPath = (*method.at, "sweep") if "k" in _swept(planner, method) else (*method.at, "k")
                planner.complain("R131", at, f"k = {method.spec.k} is larger than the number of people, {count}")
        _fitting(planner, found, methods)
        _carried(planner, found)
        _intersecting(planner, methods)
    if planner.complaints or source is None or found is None:
        raise parsed.refuse(planner.complaints)
    return Plan(
        parsed,
        found.photos,
        found.people,
        source,
        detector,
        tuple(m for m in methods if m is not None),
        tuple(attacks),
        limit,
        found.encodings,
        found.labelled,
        finder,
        tuple(e for e in elbows if e is not None),
        quality,
        audit,
        gate,
        _faces(recipe.source, gate),
        (*found.notes, *planner.cautions, *([ROUNDED] if recipe.precision == "int8" else [])),
        scene,
        sample,
        found.whole,
        tuple((spec.called, step) for spec, step in measures if step is not None),
    )


def _scene(
    planner: Planner, detector: Step | None, audit: AuditPlan | None, methods: Sequence[MethodPlan | None]
) -> ScenePart | None:
    """Resolve who lays meshes over faces, and complain about methods that cannot be drawn into scenes."""
    spec = planner.parsed.recipe.scene
    if spec is None or spec.landmarker is None:
        return None
    landmarker = planner.part("landmarker", spec.landmarker, ("scene", "landmarker"))
    for method, plan_of in zip(planner.parsed.methods, methods, strict=True):
        if plan_of is None:
            continue
        if plan_of.grouping:
            planner.complain("R132", method.at, "a grouping releases nothing that could be drawn into scenes")
        if "redactor" in plan_of.steps and plan_of.steps["redactor"].params.takes != "face":
            planner.complain("R132", (*method.at, "redactor"), "in scenes a redactor is given one face after the other")
        if plan_of.then and "redactor" in plan_of.steps:
            planner.complain("R132", (*method.at, "then"), "in scenes a redactor covers faces by itself; leave out then")
        if plan_of.per_person:
            said = "gives each person a target of its own; in scenes surrogates of groups are drawn, and nothing else"
            planner.complain("R132", (*method.at, "anonymizer"), said)
    detectors = tuple(step for step in (detector, audit.detector if audit else None) if step is not None)
    return ScenePart(spec, detectors, landmarker) if landmarker is not None else None


def _finder(planner: Planner, subjects: str | FoundSubjects) -> tuple[Step, Step] | None:
    """Resolve the clusterer and the encoder that find the people."""
    if isinstance(subjects, str):
        return None
    at: KeyPath = ("source", "subjects")
    clusterer = planner.part("clusterer", subjects, at)
    encoder = planner.encoder(subjects.encoder, (*at, "encoder"))
    return (clusterer, encoder) if clusterer and encoder else None


def _fitting(planner: Planner, found: Database, methods: Sequence[MethodPlan | None]) -> None:
    """Complain where methods and source do not fit: faces need pictures and a detector, encodings need neither."""
    recipe = planner.parsed.recipe
    if found.encodings is None:
        if recipe.detector is None:
            planner.complain("R105", ("detector",), "is missing; a source of pictures needs one")
        for method, plan_of in zip(planner.parsed.methods, methods, strict=True):
            if plan_of is not None and plan_of.grouping and "encoder" not in plan_of.steps:
                planner.complain("R132", (*method.at, "clusterer"), "a grouping of pictures needs an encoder")
        for row, elbow in enumerate(recipe.elbow):
            if elbow.encoder is None:
                planner.complain("R132", ("elbow", row), "an elbow of pictures needs an encoder")
        return
    for method, plan_of in zip(planner.parsed.methods, methods, strict=True):
        if plan_of is not None and (not plan_of.grouping or "encoder" in plan_of.steps or plan_of.within):
            planner.complain(
                "R132", method.at, "the source gives encodings and no pictures: only a clusterer and outliers can work on them"
            )
    if not isinstance(recipe.source.subjects, str):
        planner.complain(
            "R132", ("source", "subjects"), "the source gives encodings: who is on them is found by a method without k"
        )
    if recipe.audit is not None:
        planner.complain("R132", ("audit",), "the source gives encodings and no pictures: there is nothing to audit")
    for row, elbow in enumerate(recipe.elbow):
        if elbow.encoder is not None:
            planner.complain("R132", ("elbow", row, "encoder"), "the source gives encodings: leave the encoder out")
    for row, _ in enumerate(recipe.attack):
        planner.complain("R132", ("attack", row), "the source gives encodings and no pictures: there is nothing to attack")


def _intersecting(planner: Planner, methods: Sequence[MethodPlan | None]) -> None:
    """Complain about releases of real people that are grouped in several ways: whoever has two of them intersects the groups."""
    recipe = planner.parsed.recipe
    if recipe.release.allow_intersection or recipe.source.fictitious or recipe.scene is not None:
        return
    first: dict[str, str] = {}
    for method, plan_of in zip(planner.parsed.methods, methods, strict=True):
        if plan_of is None or plan_of.grouping or plan_of.promised_k is None:
            continue
        first.setdefault(plan_of.grouping_key, plan_of.name)
        if len(first) > 1 and plan_of.name in first.values():
            planner.complain(
                "R136",
                method.at,
                f'"{plan_of.name}" groups the same people otherwise than "{next(iter(first.values()))}": whoever has both'
                " releases intersects the groups and is left with fewer than k people. Group alike, or say"
                " [release] allow_intersection = true for a comparison that is not published",
            )


def _swept(planner: Planner, method: Method) -> tuple[str, ...]:
    row = method.at[1]
    assert isinstance(row, int)
    return tuple(planner.parsed.recipe.method[row].sweep)


def _faces(spec: SourceSpec, gate: GatePlan | None) -> str:
    """Return which of several faces is meant: with labels, and an encoder that can tell, the labelled person's."""
    if spec.faces is not None:
        return spec.faces
    known = gate.encoder.loaded.component.same_person if gate and gate.encoder else None
    return "labelled person" if spec.subjects == "labelled" and known and known.stray_few > 0 else "centre"


def _carried(planner: Planner, found: Database) -> None:
    """Complain about columns that the owner's table does not have."""
    known = sorted({name for row in found.photos.columns.values() for name in row})
    recipe = planner.parsed.recipe
    wanted: list[tuple[KeyPath, str]] = [(("source", "carry", n), name) for n, name in enumerate(recipe.source.carry)]
    if recipe.quality is not None:
        seen = APPARENT if recipe.quality.attributes else ()
        wanted += [(("quality", "utility", n), name) for n, name in enumerate(recipe.quality.utility) if name not in seen]
    for at, name in wanted:
        if name not in known:
            listed, hint = ", ".join(known) or "none", ""
            if name in APPARENT:
                hint = '; give [quality] attributes = "age-sex" and it is what that sees'
            planner.complain("R134", at, f'the source gives no column "{name}"; columns: {listed}{nearest(name, known)}{hint}')
