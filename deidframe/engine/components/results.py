"""What a component of each role has to give back for what it was given: type, rows, order, space and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deidframe.contract.artifacts import (
    Embeddings,
    FaceSet,
    LinkScores,
    Partial,
    Partition,
    PersonScores,
    Points,
    Surrogates,
    Values,
)
from deidframe.contract.errors import ArtifactError
from deidframe.contract.photos import Detections, Photos
from deidframe.contract.roles import TorchEncoder
from deidframe.engine.components.boundary import checked, same_rows, same_space
from deidframe.engine.components.step import Step


def check_result(step: Step, verb: str, arguments: tuple[Any, ...], out: Any) -> Any:
    """Return what a component gave, after checking it against what it was given; artifacts check themselves for finiteness.

    Args:
        step: the component.
        verb: that was called.
        arguments: it was called with.
        out: it returned.

    Raises:
        ArtifactError: it broke its contract.
    """
    if verb in ("fit", "prepare"):
        return None
    if verb == "as_torch":
        return checked(out, TorchEncoder, step.who)
    if verb == "redact_scene":
        return _scenes(step, checked(out, Photos, step.who), arguments[0])
    if verb == "judge":
        return every_person(step, checked(out, PersonScores, step.who), *arguments)
    return _CHECKS[step.role](step, out, *arguments)


def _source(step: Step, out: Any) -> Photos | Embeddings:
    if not isinstance(out, (Photos, Embeddings)):
        raise ArtifactError(step.who, "result", "Photos or Embeddings", type(out).__name__)
    return out


def _detector(step: Step, out: Any, photos: Photos) -> Detections:
    found = checked(out, Detections, step.who)
    same_rows(found.looked_at, photos.ids, step.who)
    return found


def _encoder(step: Step, out: Any, faces: FaceSet) -> Embeddings:
    made = checked(out, Embeddings, step.who)
    same_rows(made.ids, faces.ids, step.who)
    same_space(made.space, step.space, step.who)
    return made


def _partition(step: Step, out: Any, people: Embeddings, *rest: Any) -> Partition:
    made = checked(out, Partition, step.who)
    same_rows(made.ids, people.ids, step.who)
    return made


def _anonymizer(step: Step, out: Any, people: Embeddings, partition: Partition) -> Surrogates:
    aimed = checked(out, Surrogates, step.who)
    grouped = np.flatnonzero(partition.labels >= 0)
    same_rows(aimed.ids, [people.ids[row] for row in grouped.tolist()], step.who)
    same_space(aimed.space, people.space, step.who)
    wanted = np.arange(len(grouped)) if step.per_person else partition.labels[grouped]
    if not np.array_equal(aimed.groups, wanted):
        kind = "one for each person" if step.per_person else "the groups of the partition"
        raise ArtifactError(step.who, "groups", kind, "others")
    return aimed


def _faces(step: Step, out: Any, faces: FaceSet, *rest: Any) -> FaceSet | Partial:
    made = checked(out.faces if isinstance(out, Partial) else out, FaceSet, step.who)
    same_rows(made.ids, faces.ids, step.who)
    if made.size != faces.size:
        wanted, got = ("x".join(map(str, size)) for size in (faces.size, made.size))
        raise ArtifactError(step.who, "images", f"pictures of {wanted}", got)
    return Partial(made, out.withheld) if isinstance(out, Partial) else made


def _scenes(step: Step, made: Photos, photos: Photos) -> Photos:
    every = (*made.ids, *made.skipped)
    if sorted(every) != sorted(photos.ids):
        raise ArtifactError(step.who, "photos", f"all {len(photos)} photos, made or skipped", f"{len(every)}")
    return made


def _points(step: Step, out: Any, faces: FaceSet) -> Points:
    made = checked(out, Points, step.who)
    same_rows(made.ids, faces.ids, step.who)
    return made


def _attacker(step: Step, out: Any, probes: FaceSet) -> LinkScores:
    scores = checked(out, LinkScores, step.who)
    return every_face(step, "probe_ids", (*scores.probe_ids, *scores.missed_probes), probes.ids, scores)


def _measure(step: Step, out: Any, originals: FaceSet, released: FaceSet) -> Values:
    found = checked(out, Values, step.who)
    if sorted((*found.ids, *found.missed)) != sorted(originals.ids):
        raise ArtifactError(step.who, "ids", f"all {len(originals)} faces, with a value or missed", f"{len(found.ids)}")
    return found


def every_face(step: Step, field: str, got: Sequence[str], wanted: Sequence[str], scores: LinkScores) -> LinkScores:
    """Return scores in which every face that was given is scored or missed.

    Raises:
        ArtifactError: there are others.
    """
    if sorted(got) != sorted(wanted):
        raise ArtifactError(step.who, field, f"all {len(wanted)} faces, scored or missed", f"{len(got)}")
    return scores


def every_person(step: Step, scores: PersonScores, people: FaceSet) -> PersonScores:
    """Return scores in which everybody who was given is scored or missed.

    Raises:
        ArtifactError: there are others.
    """
    there = set(people.subjects or ())
    if sorted((*scores.ids, *scores.missed)) != sorted(there):
        raise ArtifactError(step.who, "ids", f"all {len(there)} people, scored or missed", f"{len(scores.ids)}")
    return scores


_CHECKS: Mapping[str, Callable[..., Any]] = {
    "source": _source,
    "detector": _detector,
    "encoder": _encoder,
    "clusterer": _partition,
    "outlier-handler": _partition,
    "anonymizer": _anonymizer,
    "synthesizer": _faces,
    "redactor": _faces,
    "landmarker": _points,
    "attacker": _attacker,
    "measure": _measure,
}
