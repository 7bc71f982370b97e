"""The rows of attacks: on untouched faces, and on what a method shows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from deidframe.engine.evaluate.attack import Target
from deidframe.engine.evaluate.mimic import Mimic
from deidframe.engine.evaluate.undone import WayBack
from deidframe.engine.planning.plan import AttackPlan, MethodPlan
from deidframe.engine.rows.attack import attack_cell, told_apart
from deidframe.engine.rows.context import RunContext
from deidframe.guard.earlier import as_faces
from deidframe.guard.release import Release
from deidframe.recipe.model import BEFORE
from deidframe.record.schema import Cell

CLEAR = "untouched faces"
"""Name of the row that says how good the matcher is."""


def clear_cell(at: RunContext, attack: AttackPlan) -> Cell:
    """Measure how well the attack's matcher does on untouched faces."""
    faces = at.faces
    base = Cell(CLEAR, "untouched", attack.name, protects=False, people=len(set(faces.subjects or ())), total=at.total)
    return attack_cell(at.bench, base, attack, Target(faces, faces), "untouched")


def attacked_cells(
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


def digest_of(at: RunContext, method: MethodPlan, release: Release) -> str:
    """Return a digest of all that a release shows, "" where its files alone do not say it: scenes, and what another tool made."""
    if at.scenes is not None or method.foreign or (method.protects and not release.names):
        return ""
    digest, groups = hashlib.sha256(), release.groups or {}
    for face in release.faces.ids:
        told = f"{face}\0{release.digests.get(face, '')}\0{groups.get(face, '')}\n"
        digest.update(told.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
