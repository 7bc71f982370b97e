"""What an attacker is given, and what it is not: other names, another order, and only the knowledge that the recipe grants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from deidframe.contract.artifacts import FaceSet, LinkScores
from deidframe.contract.errors import NothingToDo
from deidframe.contract.roles import Inverts
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.planning.plan import MethodPlan

SEED = 20260102
GALLERY = 1
"""Draws another order for the gallery than for as many probes."""
NO_WAY_BACK = "the method says no way back"
NO_GROUPS = "the method makes no groups whose members could be known"


def disguised(faces: FaceSet, called: str) -> tuple[FaceSet, dict[str, str]]:
    """Return faces, which come in a shuffled order, under names that say nothing and without who is on them; and name -> face id.

    The truth stays in the engine: neither a name nor a place in a list can tell an attacker who a probe is.
    """
    names = tuple(f"{called}-{n:08d}" for n in range(len(faces)))
    return FaceSet(names, faces.images, faces.landmarks, None), dict(zip(names, faces.ids, strict=True))


def shuffled(faces: FaceSet) -> FaceSet:
    """Return faces in an order that says nothing."""
    return faces.take(np.random.default_rng([SEED, len(faces), GALLERY]).permutation(len(faces)).tolist())


def bundles(probes: Sequence[str], person_of: Mapping[str, str], pictures: int) -> list[tuple[str, ...]]:
    """Return the probes that an attacker knows to show one person, so many at a time, in a shuffled order."""
    of: dict[str, list[str]] = {}
    for probe in probes:
        of.setdefault(person_of[probe] if pictures > 1 else probe, []).append(probe)
    cut = [tuple(own[start : start + pictures]) for own in of.values() for start in range(0, len(own), pictures)]
    return [cut[n] for n in np.random.default_rng([SEED, len(cut)]).permutation(len(cut)).tolist()]


def slices(bundled: Sequence[tuple[str, ...]], most: int) -> Iterator[list[tuple[str, ...]]]:
    """Cut bundles into slices of about so many probes, none through a bundle."""
    part: list[tuple[str, ...]] = []
    count = 0
    for bundle in bundled:
        if part and count + len(bundle) > most:
            yield part
            part, count = [], 0
        part.append(bundle)
        count += len(bundle)
    yield part


def together(scores: LinkScores, bundled: Sequence[tuple[str, ...]]) -> LinkScores:
    """Return one row for each bundle of probes, under its first: the mean of the scores that its pictures have.

    The mean of cosines is the cosine with the mean of unit encodings, times its length, which changes no rank.
    """
    row = {probe: n for n, probe in enumerate(scores.probe_ids)}
    ids, means, missed = [], [], []
    for bundle in bundled:
        seen = [row[probe] for probe in bundle if probe in row]
        if seen:
            ids.append(bundle[0])
            means.append(scores.scores[seen].mean(axis=0))
        else:
            missed.append(bundle[0])
    table = np.array(means, np.float32).reshape(len(ids), len(scores.gallery_ids))
    return LinkScores(tuple(ids), scores.gallery_ids, table, tuple(missed), scores.missed_gallery)


def exchanged(probes: Sequence[str], person_of: Mapping[str, str]) -> dict[str, str]:
    """Return another person for each probe: people are exchanged whole, each for the next in a shuffled circle."""
    people = sorted({person_of[probe] for probe in probes})
    order = np.random.default_rng(SEED).permutation(len(people)).tolist()
    after = {people[a]: people[b] for a, b in zip(order, [*order[1:], *order[:1]], strict=True)}
    return {probe: after[person_of[probe]] for probe in probes}


def way_back(pool: ComponentPool, method: MethodPlan | None) -> Callable[[FaceSet], FaceSet]:
    """Return how a method is undone.

    Raises:
        NothingToDo: it says no way back.
    """
    step = method.steps.get("redactor") if method else None
    if step is None or not isinstance(pool.make(step), Inverts):
        raise NothingToDo(NO_WAY_BACK)
    return lambda faces: pool.call(step, faces, verb="invert")


def companions(
    probe_of: Mapping[str, str],
    face_of: Mapping[str, str],
    person_of: Mapping[str, str],
    groups: Mapping[str, int] | None,
    knows: int | None,
) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Return, for each probe, the candidates that show each of so many other members of its group, all of them without a number.

    Raises:
        NothingToDo: the method makes no groups.
    """
    if groups is None:
        raise NothingToDo(NO_GROUPS)
    candidates: dict[str, list[str]] = {}
    for name, face in face_of.items():
        candidates.setdefault(person_of[face], []).append(name)
    members: dict[int, list[str]] = {}
    for face, group in groups.items():
        members.setdefault(group, []).append(person_of[face])
    out = {}
    for name, face in probe_of.items():
        others = sorted(set(members[groups[face]]) - {person_of[face]})
        chosen = np.random.default_rng([SEED, *face.encode("utf-8", "surrogateescape")]).permutation(len(others))[:knows]
        out[name] = tuple(tuple(candidates[others[n]]) for n in sorted(chosen.tolist()) if others[n] in candidates)
    return out
