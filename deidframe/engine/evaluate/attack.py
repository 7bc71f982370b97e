"""Run one attack on one release: what it is given, its scores against the truth, and what came out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deidframe.contract.artifacts import FaceSet, LinkScores
from deidframe.contract.errors import NothingToDo
from deidframe.contract.roles import Briefing
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.results import every_face
from deidframe.engine.evaluate.arena import Arena, arenas
from deidframe.engine.evaluate.briefing import Names, brief, bundles, exchanged, slices, together
from deidframe.engine.evaluate.kept_scores import KeptScores
from deidframe.engine.evaluate.mimic import Mimic
from deidframe.engine.evaluate.own_people import own_faces
from deidframe.engine.evaluate.tally import Tallies, Tally
from deidframe.engine.evaluate.undone import WayBack
from deidframe.engine.planning.plan import AttackPlan, MethodPlan
from deidframe.recipe.model import LEARNING
from deidframe.record.schema import OVER_BUDGET

SCORES = 2**24
"""Scores of probes against the gallery that are held at once, 64 MiB of them."""


@dataclass(frozen=True)
class Target:
    """What is attacked.

    Args:
        clear: all untouched faces with their people.
        released: the faces of a method, as its files show them (the clear ones for threat `clear`).
        method: whose faces they are, None for untouched ones.
        groups: face id -> group, where every group shares one picture.
        others: other releases of the same faces, for an attacker who has them, too.
        undo: the method's way back, None where it says none.
        mimic: the method as a function of faces, None where it changes nothing.
        cells: people in each set that cannot be told apart by this release and the others together; () where that is not known.
    """

    clear: FaceSet
    released: FaceSet
    method: MethodPlan | None = None
    groups: Mapping[str, int] | None = None
    others: Sequence[FaceSet] = ()
    cells: tuple[int, ...] = ()
    undo: WayBack | None = None
    mimic: Mimic | None = None


@dataclass(frozen=True)
class AttackResult:
    """What an attack reached.

    Args:
        tally: its figures.
        unlearned: those of the same attacker on the same candidates who has learnt nothing; None where it never learns.
        group_of: person -> group, where people share pictures.
        kept: the raw scores.
        gallery: what it was: `"exact"` also where an attack would enrol and nobody has a second picture.
    """

    tally: Tallies
    unlearned: Tallies | None
    group_of: Mapping[str, int] | None
    kept: KeptScores
    gallery: str


def run_attack(pool: ComponentPool, attack: AttackPlan, target: Target) -> AttackResult:
    """Attack with all that the threat grants and with nothing else.

    Raises:
        NothingToDo: the threat model leaves no probe, or the method gives the attacker nothing to work with.
    """
    own = own_faces(pool, attack.own, target.clear) if attack.own is not None else None
    rounds = arenas(attack.spec, target.clear, target.released, own)
    faces = (*zip(target.clear.ids, target.clear.subjects or (), strict=True), *_people(target.released))
    person_of = dict(faces)
    kept = KeptScores(sum(len(one.probes) for one in rounds))
    reached = Tallies(tuple(_fought(pool, attack, target, one, person_of, kept) for one in rounds))
    unlearned = None
    if attack.spec.threat in LEARNING:
        bare = tuple(Arena(one.gallery, one.probes, None, one.gallery_kind) for one in rounds)
        unlearned = Tallies(tuple(_fought(pool, attack, target, one, person_of, KeptScores()) for one in bare))
    group_of = None if target.groups is None else {person_of[face]: group for face, group in target.groups.items()}
    return AttackResult(reached, unlearned, group_of, kept, rounds[0].gallery_kind)


def _people(faces: FaceSet) -> list[tuple[str, str]]:
    return list(zip(faces.ids, faces.subjects or (), strict=True))


def _fought(
    pool: ComponentPool, attack: AttackPlan, target: Target, arena: Arena, person_of: Mapping[str, str], kept: KeptScores
) -> Tally:
    """Prepare an attacker, show it the probes and count what it says."""
    bundled = bundles(arena.probes.ids, person_of, attack.spec.pictures)
    row_of = {face: n for n, face in enumerate(arena.probes.ids)}
    probes = arena.probes.take([row_of[face] for bundle in bundled for face in bundle])
    asked, probe_of = Names("probe").of(probes)
    briefing, face_of = brief(pool, attack, arena, probe_of, person_of, target.groups, target.others, target.undo, target.mimic)
    others = exchanged(probes.ids, person_of)
    people = frozenset(person_of[face] for face in arena.gallery.ids)
    end = time.monotonic() + attack.spec.budget if attack.spec.budget is not None else np.inf
    tally = Tally(person_of, {bundle[0]: others[bundle[0]] for bundle in bundled}, people)
    if briefing.companions is not None:
        tally.ruled_out = float(np.mean([len(members) for members in briefing.companions.values()]))
    pool.forget(attack.step, attack.encoder)  # what it learnt in one attack is nothing for the next
    pool.call(attack.step, briefing, encoder=attack.encoder, verb="prepare")
    start = 0
    for part in slices(bundled, max(1, SCORES // len(arena.gallery))):
        rows = np.arange(start, start := start + sum(map(len, part)))
        if time.monotonic() > end:
            raise NothingToDo(OVER_BUDGET.format(budget=attack.spec.budget))
        scores = _true_names(
            attack, pool.call(attack.step, asked.take(rows), encoder=attack.encoder), briefing, probe_of, face_of
        )
        if attack.spec.pictures > 1:
            scores = together(scores, part)
        kept.add(scores, person_of)
        tally.add(scores)
    pool.forget(attack.step, attack.encoder)
    return tally


def _true_names(
    attack: AttackPlan, given: LinkScores, briefing: Briefing, probe_of: Mapping[str, str], face_of: Mapping[str, str]
) -> LinkScores:
    """Return an attacker's scores under the ids of the run."""
    every_face(attack.step, "gallery_ids", (*given.gallery_ids, *given.missed_gallery), briefing.gallery.ids, given)
    probes, missed = ([probe_of[one] for one in ids] for ids in (given.probe_ids, given.missed_probes))
    gallery, missed_gallery = ([face_of[one] for one in ids] for ids in (given.gallery_ids, given.missed_gallery))
    table = given.scores
    column = {face: n for n, face in enumerate(gallery)}
    itself = [(n, column[face]) for n, face in enumerate(probes) if face in column] if briefing.threat == "linkage" else []
    if itself:  # that a picture is like itself links nothing
        rows, columns = np.array(itself).T
        table = table.copy()
        table[rows, columns] = table.min() - 1
    return LinkScores(tuple(probes), tuple(gallery), table, tuple(missed), tuple(missed_gallery))


def too_often(chance: float, people: int) -> float:
    """Return the control above which an attack cheats: four standard deviations of guessing, and one person."""
    return float(chance + 4 * np.sqrt(chance * (1 - chance) / max(people, 1)) + 1 / max(people, 1))
