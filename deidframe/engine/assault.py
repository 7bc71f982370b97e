"""Run one attack on one release: who is in the gallery, who is a probe, and what came out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet, LinkScores
from deidframe.contract.errors import ArtifactError, NothingToDo
from deidframe.contract.roles import Knowledge
from deidframe.engine.plan import AttackPlan
from deidframe.engine.seam import at_work, checked
from deidframe.engine.workshop import Workshop, blame
from deidframe.measure.interval import Figure
from deidframe.measure.rank import rank_hits, rank_rates

SCORES = 2**26
"""Scores of probes against the gallery that are held at once, 256 MiB of them."""


@dataclass(frozen=True)
class Assault:
    """What an attack reached.

    Args:
        rates: rank -> figure. people: candidates in the gallery. probes, missed: how many gave a score and how many did not.
    """

    rates: dict[int, Figure]
    people: int
    probes: int
    missed: int


def assault(shop: Workshop, attack: AttackPlan, clear: FaceSet, released: FaceSet, cell: str) -> Assault:
    """Attack `released` with all that the threat model gives.

    Args:
        clear: all untouched faces with their people. released: the faces of a method (the clear ones for threat `clear`).

    Raises:
        NothingToDo: the threat model leaves no probe.
    """
    spec = attack.spec
    subjects = clear.subjects or ()
    if spec.gallery == "enrol":
        first: dict[str, int] = {}
        for row, person in enumerate(subjects):
            first.setdefault(person, row)
        gallery = clear.take(list(first.values()))
        enrolled = set(gallery.ids)
        probes = released.take([row for row, face in enumerate(released.ids) if face not in enrolled])
    else:
        gallery, probes = clear, released
    if not len(probes):
        raise NothingToDo(
            f'{cell}: no probe is left beside the enrolled pictures; each person has one picture, say gallery = "exact"'
        )
    person_of = {**dict(zip(clear.ids, subjects, strict=True)), **dict(zip(released.ids, released.subjects or (), strict=True))}
    people: list[str] = []
    hits: list[NDArray[np.float64]] = []
    missed, candidates = 0, 0
    # an attacker never sees who a probe is; it knows its own gallery
    anonymous, at_once = probes.without_subjects(), max(1, SCORES // len(gallery))
    for start in range(0, len(probes), at_once):
        part = anonymous.take(range(start, min(start + at_once, len(probes))))
        scores = _scores(shop, attack, part, gallery, cell)
        named, right = rank_hits(scores, person_of)
        people += named
        hits.append(right)
        missed += len(scores.missed_probes)
        candidates = len({person_of[face] for face in scores.gallery_ids})
    return Assault(rank_rates(people, np.concatenate(hits)), candidates, len(people), missed)


def _scores(shop: Workshop, attack: AttackPlan, probes: FaceSet, gallery: FaceSet, cell: str) -> LinkScores:
    who = f"attacker {attack.step.name}"
    try:
        made = shop.make(attack.step, attack.encoder)
        with at_work(who, exact=False):
            out = made.attack(probes, gallery, Knowledge(attack.spec.threat, attack.spec.gallery))
    except Exception as error:
        raise blame(cell, attack.step, error) from error
    scores = checked(out, LinkScores, who)
    for field, got, wanted in (
        ("probe_ids", (*scores.probe_ids, *scores.missed_probes), probes.ids),
        ("gallery_ids", (*scores.gallery_ids, *scores.missed_gallery), gallery.ids),
    ):
        if sorted(got) != sorted(wanted):
            raise ArtifactError(who, field, f"all {len(wanted)} faces, scored or missed", f"{len(got)}")
    return scores
