"""Run one attack on one release: who is in the gallery, who is a probe, and what came out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet, LinkScores
from deidframe.contract.errors import NothingToDo
from deidframe.contract.roles import Inverts, Knowledge
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.kept_scores import KeptScores
from deidframe.engine.planning.plan import AttackPlan, MethodPlan
from deidframe.measure.interval import Estimate
from deidframe.measure.rank import rank_hits, rank_rates

SCORES = 2**26
"""Scores of probes against the gallery that are held at once, 256 MiB of them."""

SEED = 20260102
NO_WAY_BACK = "the method says no way back"
NO_GROUPS = "the method makes no groups whose members could be known"
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
    exchanged = _exchanged(probes.ids, person_of)
    people: list[str] = []
    strangers: list[str] = []
    control: list[NDArray[np.float64]] = []
    hits: list[NDArray[np.float64]] = []
    missed, candidates = 0, 0
    kept = KeptScores()
    bundles = _bundles(probes.ids, person_of, spec.pictures)
    probes = probes.take([row for bundle in bundles for row in bundle])
    asked, probe_of = _disguised(probes, "probe", shuffled=spec.pictures == 1)
    known, face_of = _disguised(gallery, "candidate")
    knowledge = Knowledge(
        spec.threat,
        kind,
        _way_back(pool, method) if spec.threat == "inversion" else None,
        _companions(probe_of, face_of, person_of, groups, spec.knows) if spec.threat == "informed" else None,
    )
    for rows in _slices([len(bundle) for bundle in bundles], max(1, SCORES // len(gallery))):
        given: LinkScores = pool.call(attack.step, asked.take(rows), known, knowledge, encoder=attack.encoder)
        scores = LinkScores(
            tuple(probe_of[one] for one in given.probe_ids),
            tuple(face_of[one] for one in given.gallery_ids),
            given.scores,
            tuple(probe_of[one] for one in given.missed_probes),
            tuple(face_of[one] for one in given.missed_gallery),
        )
        if spec.pictures > 1:
            scores = _together(scores, [probe_of[asked.ids[row]] for row in rows], person_of, spec.pictures)
        kept.add(scores, person_of)
        named, right = rank_hits(scores, person_of)
        people += named
        hits.append(right)
        named, right = rank_hits(scores, person_of, (1,), exchanged)
        strangers += named
        control.append(right)
        missed += len(scores.missed_probes)
        candidates = len({person_of[face] for face in scores.gallery_ids})
    blind = rank_rates(strangers, np.concatenate(control), (1,)).get(1)
    return AttackResult(rank_rates(people, np.concatenate(hits)), candidates, len(people), missed, kept, blind, kind)


def _way_back(pool: ComponentPool, method: MethodPlan | None) -> Callable[[FaceSet], FaceSet]:
    """Return how a method is undone.

    Raises:
        NothingToDo: it says no way back.
    """
    step = method.steps.get("redactor") if method else None
    if step is None or not isinstance(pool.make(step), Inverts):
        raise NothingToDo(NO_WAY_BACK)
    return lambda faces: pool.call(step, faces, verb="invert")


def _companions(
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


def too_often(chance: float, people: int) -> float:
    """Return the control above which an attack cheats: four standard deviations of guessing, and one person."""
    return float(chance + 4 * np.sqrt(chance * (1 - chance) / max(people, 1)) + 1 / max(people, 1))


def _bundles(probes: Sequence[str], person_of: Mapping[str, str], pictures: int) -> list[list[int]]:
    """Return the rows of probes that an attacker knows to show one person, so many at a time, in a shuffled order."""
    if pictures == 1:
        return [[row] for row in range(len(probes))]
    rows: dict[str, list[int]] = {}
    for row, probe in enumerate(probes):
        rows.setdefault(person_of[probe], []).append(row)
    bundles = [own[start : start + pictures] for own in rows.values() for start in range(0, len(own), pictures)]
    return [bundles[n] for n in np.random.default_rng([SEED, len(bundles)]).permutation(len(bundles)).tolist()]


def _slices(sizes: Sequence[int], most: int) -> Iterator[range]:
    """Cut rows into slices of about so many, none through a bundle."""
    start = stop = 0
    for size in sizes:
        if stop > start and stop + size - start > most:
            yield range(start, stop)
            start = stop
        stop += size
    yield range(start, stop)


def _together(scores: LinkScores, probes: Sequence[str], person_of: Mapping[str, str], pictures: int) -> LinkScores:
    """Return one row for each bundle, under its first probe: the mean of the scores that its pictures have.

    The mean of cosines is the cosine with the mean of unit encodings, times its length, which changes no rank.
    """
    row = {probe: n for n, probe in enumerate(scores.probe_ids)}
    ids, means, missed = [], [], []
    for _, group in itertools.groupby(probes, key=lambda probe: person_of[probe]):
        members = list(group)
        for start in range(0, len(members), pictures):
            bundle = members[start : start + pictures]
            seen = [row[probe] for probe in bundle if probe in row]
            if seen:
                ids.append(bundle[0])
                means.append(scores.scores[seen].mean(axis=0))
            else:
                missed.append(bundle[0])
    table = np.array(means, np.float32).reshape(len(ids), len(scores.gallery_ids))
    return LinkScores(tuple(ids), scores.gallery_ids, table, tuple(missed), scores.missed_gallery)


def _disguised(faces: FaceSet, called: str, *, shuffled: bool = True) -> tuple[FaceSet, dict[str, str]]:
    """Return faces in another order, under names that say nothing and without who is on them; and name -> face id.

    The truth stays in the engine: neither a name nor a place in a list can tell an attacker who a probe is. Pictures that an
    attacker knows to belong together come together, in an order that is shuffled already.
    """
    if not shuffled:
        names = tuple(f"{called}-{n:08d}" for n in range(len(faces)))
        return FaceSet(names, faces.images, faces.landmarks, None), dict(zip(names, faces.ids, strict=True))
    order = np.random.default_rng([SEED, len(faces), *called.encode()]).permutation(len(faces))
    return _disguised(faces.take(order.tolist()), called, shuffled=False)


def _exchanged(probes: Sequence[str], person_of: Mapping[str, str]) -> dict[str, str]:
    """Return another person for each probe: people are exchanged whole, each for the next in a shuffled circle."""
    people = sorted({person_of[probe] for probe in probes})
    order = np.random.default_rng(SEED).permutation(len(people)).tolist()
    after = {people[a]: people[b] for a, b in zip(order, [*order[1:], *order[:1]], strict=True)}
    return {probe: after[person_of[probe]] for probe in probes}
