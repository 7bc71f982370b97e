"""Run one attack on one release: who is in the gallery, who is a probe, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet, LinkScores
from deidframe.contract.errors import NothingToDo
from deidframe.contract.roles import Knowledge
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.briefing import bundles, companions, disguised, exchanged, slices, together, way_back
from deidframe.engine.evaluate.kept_scores import KeptScores
from deidframe.engine.planning.plan import AttackPlan, MethodPlan
from deidframe.measure.interval import Estimate
from deidframe.measure.rank import rank_hits, rank_rates

SCORES = 2**26
"""Scores of probes against the gallery that are held at once, 256 MiB of them."""

ONE_PICTURE = "each person has one picture, so there is no second one to try"


@dataclass(frozen=True)
class AttackResult:
    """What an attack reached.

    Args:
        rates: rank -> figure.
        people: candidates in the gallery.
        probes, missed: how many gave a score and how many did not.
        kept: the raw scores.
        control: rank-1 where it is scored against people who were exchanged for others: it has to be that of guessing.
        gallery: what it was: `"exact"` also where an attack would enrol and nobody has a second picture.
    """

    rates: dict[int, Estimate]
    people: int
    probes: int
    missed: int
    kept: KeptScores
    control: Estimate | None
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
        there = set(released.subjects or subjects)
        gallery, probes = clear.take([row for row, person in enumerate(subjects) if person in there]), released
    if not len(probes):
        raise NothingToDo(ONE_PICTURE)
    person_of = {**dict(zip(clear.ids, subjects, strict=True)), **dict(zip(released.ids, released.subjects or (), strict=True))}
    others = exchanged(probes.ids, person_of)
    people: list[str] = []
    strangers: list[str] = []
    control: list[NDArray[np.float64]] = []
    hits: list[NDArray[np.float64]] = []
    missed, candidates = 0, 0
    kept = KeptScores()
    bundled = bundles(probes.ids, person_of, spec.pictures)
    probes = probes.take([row for bundle in bundled for row in bundle])
    asked, probe_of = disguised(probes, "probe", shuffled=spec.pictures == 1)
    known, face_of = disguised(gallery, "candidate")
    knowledge = Knowledge(
        spec.threat,
        kind,
        way_back(pool, method) if spec.threat == "inversion" else None,
        companions(probe_of, face_of, person_of, groups, spec.knows) if spec.threat == "informed" else None,
    )
    for rows in slices([len(bundle) for bundle in bundled], max(1, SCORES // len(gallery))):
        given: LinkScores = pool.call(attack.step, asked.take(rows), known, knowledge, encoder=attack.encoder)
        scores = LinkScores(
            tuple(probe_of[one] for one in given.probe_ids),
            tuple(face_of[one] for one in given.gallery_ids),
            given.scores,
            tuple(probe_of[one] for one in given.missed_probes),
            tuple(face_of[one] for one in given.missed_gallery),
        )
        if spec.pictures > 1:
            scores = together(scores, [probe_of[asked.ids[row]] for row in rows], person_of, spec.pictures)
        kept.add(scores, person_of)
        named, right = rank_hits(scores, person_of)
        people += named
        hits.append(right)
        named, right = rank_hits(scores, person_of, (1,), others)
        strangers += named
        control.append(right)
        missed += len(scores.missed_probes)
        candidates = len({person_of[face] for face in scores.gallery_ids})
    blind = rank_rates(strangers, np.concatenate(control), (1,)).get(1)
    group_of = None if groups is None else {person_of[face]: group for face, group in groups.items()}
    rates = rank_rates(people, np.concatenate(hits), group_of=group_of)
    return AttackResult(rates, candidates, len(people), missed, kept, blind, kind)


def too_often(chance: float, people: int) -> float:
    """Return the control above which an attack cheats: four standard deviations of guessing, and one person."""
    return float(chance + 4 * np.sqrt(chance * (1 - chance) / max(people, 1)) + 1 / max(people, 1))
