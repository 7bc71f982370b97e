"""Run one attack on one release: who is in the gallery, who is a probe, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deidframe.contract.artifacts import FaceSet, LinkScores
from deidframe.contract.errors import NothingToDo
from deidframe.contract.roles import Knowledge
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.briefing import bundles, companions, disguised, exchanged, shuffled, slices, together, way_back
from deidframe.engine.evaluate.kept_scores import KeptScores
from deidframe.engine.evaluate.tally import Tally
from deidframe.engine.planning.plan import AttackPlan, MethodPlan

SCORES = 2**26
"""Scores of probes against the gallery that are held at once, 256 MiB of them."""

ONE_PICTURE = "each person has one picture, so there is no second one to try"


@dataclass(frozen=True)
class AttackResult:
    """What an attack reached.

    Args:
        tally: its figures.
        group_of: person -> group, where people share pictures.
        kept: the raw scores.
        gallery: what it was: `"exact"` also where an attack would enrol and nobody has a second picture.
    """

    tally: Tally
    group_of: Mapping[str, int] | None
    kept: KeptScores
    gallery: str


def run_attack(
    pool: ComponentPool,
    attack: AttackPlan,
    clear: FaceSet,
    released: FaceSet,
    method: MethodPlan | None = None,
    groups: Mapping[str, int] | None = None,
) -> AttackResult:
    """Attack `released` with all that the threat model gives.

    Args:
        clear: all untouched faces with their people.
        released: the faces of a method (the clear ones for threat `clear`).
        method: whose faces they are, for an attacker who knows the tool.
        groups: face id -> group, for an attacker who knows others of a group.

    The exact gallery holds the people of the release and nobody who was withheld from it. Where nobody has a picture besides the
    enrolled one, the exact originals are the gallery.

    Raises:
        NothingToDo: the threat model leaves no probe.
    """
    spec = attack.spec
    subjects, kind = clear.subjects or (), spec.gallery
    if kind == "enrol" and spec.threat != "clear" and len(set(subjects)) == len(subjects):
        kind = "exact"
    if kind == "enrol":
        first: dict[str, int] = {}
        for row, person in enumerate(subjects):
            first.setdefault(person, row)
        gallery = clear.take(list(first.values()))
        enrolled = set(gallery.ids)
        probes = released.take([row for row, face in enumerate(released.ids) if face not in enrolled])
    else:
        released_people = set(released.subjects or subjects)
        gallery, probes = clear.take([row for row, person in enumerate(subjects) if person in released_people]), released
    if not len(probes):
        raise NothingToDo(ONE_PICTURE)
    person_of = {**dict(zip(clear.ids, subjects, strict=True)), **dict(zip(released.ids, released.subjects or (), strict=True))}
    others = exchanged(probes.ids, person_of)
    kept = KeptScores()
    bundled = bundles(probes.ids, person_of, spec.pictures)
    row_of = {face: n for n, face in enumerate(probes.ids)}
    probes = probes.take([row_of[face] for bundle in bundled for face in bundle])
    asked, probe_of = disguised(probes, "probe")
    known, face_of = disguised(shuffled(gallery), "candidate")
    there = frozenset(person_of[face] for face in gallery.ids)
    tally = Tally(person_of, {bundle[0]: others[bundle[0]] for bundle in bundled}, there)
    knowledge = Knowledge(
        spec.threat,
        kind,
        way_back(pool, method) if spec.threat == "inversion" else None,
        companions(probe_of, face_of, person_of, groups, spec.knows) if spec.threat == "informed" else None,
    )
    start = 0
    for part in slices(bundled, max(1, SCORES // len(gallery))):
        stop = start + sum(map(len, part))
        rows = np.arange(start, stop)
        start = stop
        given: LinkScores = pool.call(attack.step, asked.take(rows), known, knowledge, encoder=attack.encoder)
        scores = LinkScores(
            tuple(probe_of[one] for one in given.probe_ids),
            tuple(face_of[one] for one in given.gallery_ids),
            given.scores,
            tuple(probe_of[one] for one in given.missed_probes),
            tuple(face_of[one] for one in given.missed_gallery),
        )
        if spec.pictures > 1:
            scores = together(scores, part)
        kept.add(scores, person_of)
        tally.add(scores)
    group_of = None if groups is None else {person_of[face]: group for face, group in groups.items()}
    return AttackResult(tally, group_of, kept, kind)


def too_often(chance: float, people: int) -> float:
    """Return the control above which an attack cheats: four standard deviations of guessing, and one person."""
    return float(chance + 4 * np.sqrt(chance * (1 - chance) / max(people, 1)) + 1 / max(people, 1))
