"""Who was in the database at all? The method is run on half of the people, and everybody is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.errors import NothingToDo
from deidframe.contract.roles import Briefing, Judges
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.arena import FEW_OWN, LEAST, firsts, half
from deidframe.engine.evaluate.attack import Target
from deidframe.engine.evaluate.briefing import GALLERY, RELEASE, Names, shuffled
from deidframe.engine.evaluate.mimic import given_mimic
from deidframe.engine.planning.plan import AttackPlan
from deidframe.measure.interval import Estimate, mean_by_person
from deidframe.measure.membership import area, true_positives

FALSE_ALARM = 0.01
NO_JUDGE = "the attacker judges no people, only pictures"


@dataclass(frozen=True)
class MembershipResult:
    """How well members are told from others.

    Args:
        found: share of members who are accepted where one other in a hundred is.
        area: probability that a member is scored above another, ties half.
        judged, missed: people with and without a score, over both halves.
    """

    found: Estimate | None
    area: float
    judged: int
    missed: int

    @property
    def metrics(self) -> dict[str, Any]:
        """Its figures by name."""
        found = {"member_tpr": self.found.as_dict()} if self.found is not None else {}
        return {"member_area": self.area, **found}


def run_membership(pool: ComponentPool, attack: AttackPlan, target: Target) -> MembershipResult:
    """Run the method on each half of the people, in private scratch, and let the attacker judge everybody.

    Who is in which half follows from a hash of the name, as in attacks that learn. With gallery `exact` the attacker has the very
    pictures that may have been released, with `enrol` one other picture of each person, which the method never saw.

    Raises:
        NothingToDo: there are too few people, the method refuses a half, or the attacker does not judge people.
    """
    if not isinstance(pool.make(attack.step, attack.encoder), Judges):
        raise NothingToDo(NO_JUDGE)
    clear, exact = target.clear, attack.spec.gallery == "exact"
    enrolled = clear.take(list(firsts(clear.subjects or ()).values()))
    known = clear if exact else enrolled
    first = set(enrolled.ids)
    used = clear if exact else clear.take([row for row, face in enumerate(clear.ids) if face not in first])
    method = given_mimic(target.mimic)
    person_of = dict(zip(clear.ids, clear.subjects or (), strict=True))
    hits: list[NDArray[np.float64]] = []
    areas, judged, missed = [], 0, 0
    for fold in (0, 1):
        members = half(used, fold)
        people = set(members.subjects or ())
        if len(people) < LEAST:
            raise NothingToDo(FEW_OWN.format(least=LEAST))
        released = method(members)
        release, _ = Names("released").of(shuffled(released, RELEASE))
        candidates, face_of = Names("candidate").of(shuffled(known, GALLERY), people=True)
        briefing = Briefing("membership", exact, align.template(clear.size[0]), candidates, release=release)
        pool.forget(attack.step, attack.encoder)
        pool.call(attack.step, briefing, encoder=attack.encoder, verb="prepare")
        given = pool.call(attack.step, candidates, encoder=attack.encoder, verb="judge")
        pool.forget(attack.step, attack.encoder)
        shows = (person_of[face_of[candidate]] for candidate in candidates.ids)
        person = dict(zip(candidates.subjects or (), shows, strict=True))
        shown = set(released.subjects or ())
        inside = np.array([person[name] in shown for name in given.ids], bool)
        outside = np.array([person[name] not in people for name in given.ids], bool)  # who was withheld is neither
        hits.append(true_positives(given.scores[inside], given.scores[outside], FALSE_ALARM))
        areas.append(area(given.scores[inside], given.scores[outside]))
        judged, missed = judged + len(given.ids), missed + len(given.missed)
    return MembershipResult(mean_by_person(np.concatenate(hits), proportion=True), float(np.mean(areas)), judged, missed)
