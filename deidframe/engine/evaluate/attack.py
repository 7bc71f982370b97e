"""Run one attack on one release: who is in the gallery, who is a probe, and what came out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet, LinkScores
from deidframe.contract.errors import NothingToDo
from deidframe.contract.roles import Knowledge
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.kept_scores import KeptScores
from deidframe.engine.planning.plan import AttackPlan
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
        gallery: what it was: `"exact"` also where an attack would enrol and nobody has a second picture.
    """

    rates: dict[int, Estimate]
    people: int
    probes: int
    missed: int
    kept: KeptScores
    gallery: str


def run_attack(pool: ComponentPool, attack: AttackPlan, clear: FaceSet, released: FaceSet) -> AttackResult:
    """Attack `released` with all that the threat model gives.

    Args:
        clear: all untouched faces with their people.
        released: the faces of a method (the clear ones for threat `clear`).

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
    people: list[str] = []
    hits: list[NDArray[np.float64]] = []
    missed, candidates = 0, 0
    kept = KeptScores()
    knowledge = Knowledge(spec.threat, kind)
    # an attacker never sees who a probe is; it knows its own gallery
    anonymous, at_once = probes.without_subjects(), max(1, SCORES // len(gallery))
    for start in range(0, len(probes), at_once):
        part = anonymous.take(range(start, min(start + at_once, len(probes))))
        scores: LinkScores = pool.call(attack.step, part, gallery, knowledge, encoder=attack.encoder)
        kept.add(scores, person_of)
        named, right = rank_hits(scores, person_of)
        people += named
        hits.append(right)
        missed += len(scores.missed_probes)
        candidates = len({person_of[face] for face in scores.gallery_ids})
    return AttackResult(rank_rates(people, np.concatenate(hits)), candidates, len(people), missed, kept, kind)
