"""What does a released picture give away of a person besides the name: sex, and whether older or younger than most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deidframe.contract import align
from deidframe.contract.errors import NothingToDo
from deidframe.contract.roles import Briefing, Judges
from deidframe.engine.components.attributes import people_attributes
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.attack import Target
from deidframe.engine.evaluate.briefing import RELEASE, Names, shuffled
from deidframe.engine.planning.plan import AttackPlan
from deidframe.measure.membership import area

NO_JUDGE = "the attacker judges no people, only pictures"
NO_ENCODER = "the attack sees pixels, and nothing there says what is true of the originals"
ONE_KIND = "all people here are of one kind"
FEWEST = 5
"""People of each kind from which it is worth asking."""


@dataclass(frozen=True)
class AttributeResult:
    """How well one of two kinds is told from the other.

    Args:
        area: probability that somebody of the second kind is scored above somebody of the first, ties half; .5 is guessing.
        share: of the larger kind, which is right for as many people when it is always said.
        judged, missed: people with and without a score.
    """

    area: float
    share: float
    judged: int
    missed: int

    @property
    def metrics(self) -> dict[str, float]:
        """Its figures by name."""
        return {"attribute_area": self.area, "attribute_share": self.share}


def run_attribute(pool: ComponentPool, attack: AttackPlan, target: Target) -> AttributeResult:
    """Let an attacker judge the people of a release by its pictures.

    What is true of a person is what the attack's encoder sees in the untouched pictures: it is apparent, and no label.

    Raises:
        NothingToDo: the attacker does not judge people, sees no attributes, or there are too few people of one kind.
    """
    if not isinstance(pool.make(attack.step, attack.encoder), Judges):
        raise NothingToDo(NO_JUDGE)
    if attack.encoder is None:
        raise NothingToDo(NO_ENCODER)
    names, male, years, _ = people_attributes(pool, attack.encoder, target.clear)
    values = dict(zip(names, (male > 0.5 if attack.spec.attribute == "sex" else years > np.median(years)).tolist(), strict=True))
    shown, face_of = Names("released").of(shuffled(target.released, RELEASE), people=True)
    person_of = dict(zip(target.released.ids, target.released.subjects or (), strict=True))
    true = {subject: values[person_of[face_of[face]]] for face, subject in zip(shown.ids, shown.subjects or (), strict=True)}
    kinds = [sum(true.values()), len(true) - sum(true.values())]
    if min(kinds) < FEWEST:
        raise NothingToDo(ONE_KIND)
    pool.forget(attack.step, attack.encoder)
    briefing = Briefing("attribute", True, align.template(shown.size[0]), shown, release=shown, attribute=attack.spec.attribute)
    pool.call(attack.step, briefing, encoder=attack.encoder, verb="prepare")
    given = pool.call(attack.step, shown, encoder=attack.encoder, verb="judge")
    pool.forget(attack.step, attack.encoder)
    second = np.array([true[one] for one in given.ids], bool)
    return AttributeResult(
        area(given.scores[second], given.scores[~second]), max(kinds) / len(true), len(given.ids), len(given.missed)
    )
