"""What an attacker is given, and what it is not: other names, another order, and only the knowledge that the recipe grants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet, LinkScores
from deidframe.contract.errors import NothingToDo
from deidframe.contract.roles import Briefing
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.arena import Arena
from deidframe.engine.evaluate.mimic import Mimic, given_mimic
from deidframe.engine.evaluate.undone import NO_WAY_BACK, WayBack
from deidframe.engine.planning.plan import AttackPlan

SEED = 20260102
GALLERY, OWN, RELEASE = 1, 2, 3
"""Draw orders that have nothing to do with one another, nor with that of the probes."""
NO_OTHERS = "none of the other methods has released anything before this one"
NO_GROUPS = "the method makes no groups whose members could be known"


@dataclass
class Names:
    """Gives names that say nothing: the truth stays in the engine, and neither a name nor a place in a list tells it."""

    called: str
    _people: dict[str, str] = field(default_factory=dict)

    def of(self, faces: FaceSet, *, people: bool = False) -> tuple[FaceSet, dict[str, str]]:
        """Return faces, which come in a shuffled order, under other names; and name -> face id.

        Args:
            faces: with subjects.
            people: say which faces show one person, under a name that says nothing either; without it there are no subjects.
        """
        names = tuple(f"{self.called}-{n:08d}" for n in range(len(faces)))
        subjects = None
        if people:
            shown = faces.subjects or ()
            subjects = tuple(self._people.setdefault(person, f"{self.called}-person-{len(self._people):08d}") for person in shown)
        return FaceSet(names, faces.images, faces.landmarks, subjects), dict(zip(names, faces.ids, strict=True))


def shuffled(faces: FaceSet, draw: int) -> FaceSet:
    """Return faces in an order that says nothing; another `draw` gives another order for as many faces."""
    return faces.take(np.random.default_rng([SEED, len(faces), draw]).permutation(len(faces)).tolist())


def brief(
    pool: ComponentPool,
    attack: AttackPlan,
    arena: Arena,
    probe_of: Mapping[str, str],
    person_of: Mapping[str, str],
    groups: Mapping[str, int] | None,
    others: Sequence[FaceSet],
    undo: WayBack | None,
    mimic: Mimic | None,
) -> tuple[Briefing, dict[str, str]]:
    """Return what the threat grants an attacker, and gallery id -> face id.

    Raises:
        NothingToDo: the method has nothing of what the threat would grant.
    """
    threat = attack.spec.threat
    gallery, face_of = Names("candidate").of(shuffled(arena.gallery, GALLERY), people=True)
    granted: dict[str, Any] = {}
    if threat == "inversion":
        if undo is None:
            raise NothingToDo(NO_WAY_BACK)
        granted["invert"] = undo
    if threat == "informed":
        granted["companions"] = companions(probe_of, face_of, person_of, groups, attack.knows)
    if threat == "replay" or arena.own is not None:
        granted["mimic"] = given_mimic(mimic)
    if arena.own is not None:
        granted["own"] = Names("own").of(shuffled(arena.own, OWN), people=True)[0]
    if threat in ("shared", "intersection", "informed"):
        granted["release"] = Names("released").of(shuffled(arena.probes, RELEASE))[0]
    if threat == "intersection":
        granted["others"] = _others(probe_of, others)
    frame = align.template(arena.probes.size[0])
    return Briefing(threat, arena.gallery_kind == "exact", frame, gallery, **granted), face_of


def _others(probe_of: Mapping[str, str], others: Sequence[FaceSet]) -> tuple[FaceSet, ...]:
    """Return what other releases show of each probe's face, under the probe's name."""
    if not others:
        raise NothingToDo(NO_OTHERS)
    out = []
    for faces in others:
        row = {face: n for n, face in enumerate(faces.ids)}
        both = [(name, row[face]) for name, face in probe_of.items() if face in row]
        shown = faces.take([n for _, n in both])
        out.append(FaceSet(tuple(name for name, _ in both), shown.images, shown.landmarks))
    return tuple(out)


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
