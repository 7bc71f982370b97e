"""Find out who is on the pictures of a database that does not say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, FaceSet
from deidframe.contract.errors import NothingToDo
from deidframe.engine.components.copies import without_copies
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.intake.take_in import Intake
from deidframe.measure.grouping import against_labels

UNKNOWN = "matched to no person"


def mean_by_track(encodings: Embeddings, tracks: Sequence[str]) -> tuple[Embeddings, NDArray[np.int64]]:
    """Return one encoding for each track, the mean of the unit encodings of its views, and for each view its track's row."""
    names, first, of = np.unique(np.array(tracks, np.str_), return_index=True, return_inverse=True)
    norm = np.linalg.norm(encodings.vectors, axis=1, keepdims=True)
    unit = encodings.vectors / np.maximum(norm, 1e-12)
    sums = np.zeros((len(names), unit.shape[1]))
    np.add.at(sums, of, unit)
    mean = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    ids = tuple(encodings.ids[row] for row in first.tolist())
    return Embeddings(ids, mean.astype(np.float32), encodings.space), of.reshape(-1)


@dataclass(frozen=True)
class FoundPeople:
    """The faces under the people who were found, and how right that is where labels can say it.

    Args:
        intake: with the found people as subjects; pictures that the clusterer left out are withheld.
        facts: for the record: by whom, how many, and measures against labels where the source has them.
    """

    intake: Intake
    facts: dict[str, Any]


def find_people(
    pool: ComponentPool,
    intake: Intake,
    clusterer: Step,
    encoder: Step,
    known: dict[str, str] | None,
    tracks: Sequence[str] | None = None,
) -> FoundPeople:
    """Group the faces by person.

    A picture that the clusterer calls noise could show anybody, so it is withheld. Two found people who are one are counted as
    two; the certificate says that it counts the people who were found.

    Args:
        intake: faces.
        clusterer, encoder: who finds.
        known: face id -> person where the source has labels, to judge by.
        tracks: of each face the track that it is a view of: its views are one person, who is told by the mean of them all.

    Raises:
        NothingToDo: no person was found.
    """
    faces = intake.faces
    with pool.working_on("finding people"):
        encodings = pool.encode(encoder, faces)
        told, of = mean_by_track(encodings, tracks) if tracks is not None else (encodings, np.arange(len(faces)))
        made = without_copies(told, lambda distinct: pool.call(clusterer, distinct, 1))
    labels = made.labels[of]
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
