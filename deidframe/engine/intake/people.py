"""Find out who is on the pictures of a database that does not say so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo
from deidframe.engine.components.copies import without_copies
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.intake.take_in import Intake
from deidframe.measure.grouping import against_labels

UNKNOWN = "matched to no person"


@dataclass(frozen=True)
class FoundPeople:
    """The faces under the people who were found, and how right that is where labels can say it.

    Args:
        intake: with the found people as subjects; pictures that the clusterer left out are withheld.
        facts: for the record: by whom, how many, and measures against labels where the source has them.
    """

    intake: Intake
    facts: dict[str, Any]


def find_people(pool: ComponentPool, intake: Intake, clusterer: Step, encoder: Step, known: dict[str, str] | None) -> FoundPeople:
    """Group the faces by person.

    A picture that the clusterer calls noise could show anybody, so it is withheld. Two found people who are one are counted as
    two; the certificate says that it counts the people who were found.

    Args:
        intake: faces.
        clusterer, encoder: who finds.
        known: face id -> person where the source has labels, to judge by.

    Raises:
        NothingToDo: no person was found.
    """
    faces = intake.faces
    with pool.working_on("finding people"):
        made = without_copies(pool.encode(encoder, faces), lambda distinct: pool.call(clusterer, distinct, 1))
    labels = made.labels
    kept = np.flatnonzero(labels >= 0)
    if not len(kept):
        raise NothingToDo(f"{clusterer.name} found no person among {len(faces)} faces; nothing was released")
    names = tuple(f"found-{label:06d}" for label in labels[kept].tolist())
    taken = faces.take(kept)
    facts: dict[str, Any] = {
        "by": clusterer.name,
        "encoder": encoder.name,
        "found": len(set(names)),
        "noise": len(faces) - len(kept),
    }
    if known is not None:
        facts["against_labels"] = against_labels(labels, [known[face] for face in faces.ids])
    withheld = {**intake.withheld, **{faces.ids[row]: UNKNOWN for row in np.flatnonzero(labels < 0).tolist()}}
    found = FaceSet(taken.ids, taken.images, taken.landmarks, names)
    return FoundPeople(replace(intake, faces=found, withheld=withheld, shards=()), facts)
