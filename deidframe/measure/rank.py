"""How often an attacker names the right person, from raw scores alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import LinkScores
from deidframe.measure.interval import Estimate, mean_by_person

RANKS = (1, 5, 10)
BLOCK = 1024
"""Probes that are ranked at once, so that counting needs little beside the scores."""


@dataclass(frozen=True)
class Standing:
    """Where each probe's own person stands among the candidates.

    Args:
        people: of each probe.
        better: `(P,)` int64, candidates who score better than the own person.
        equal: `(P,)` int64, those who score the same, the own person among them; 0 where it is not in the gallery.
    """

    people: tuple[str, ...]
    better: NDArray[np.int64]
    equal: NDArray[np.int64]

    def hits(self, ranks: tuple[int, ...] = RANKS) -> NDArray[np.float64]:
        """Return `(P, R)`: the chance to be among the first r; ties fall at random, which gives fractions."""
        return (
            np.clip((np.array(ranks) - self.better[:, None]) / np.maximum(self.equal, 1)[:, None], 0, 1)
            * (self.equal > 0)[:, None]
        )


def candidate_scores(scores: LinkScores, person_of: Mapping[str, str]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return the N people of the gallery, sorted, and `(P, N)` each probe's score with each: the best of the person's faces."""
    candidates = sorted({person_of[g] for g in scores.gallery_ids})
    column = {person: n for n, person in enumerate(candidates)}
    owner = np.array([column[person_of[g]] for g in scores.gallery_ids], np.int64)
    if not len(owner):
        return (), np.zeros((len(scores.probe_ids), 0), np.float32)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(candidates)))
    out = np.empty((len(scores.probe_ids), len(candidates)), np.float32)
    for start in range(0, len(out), BLOCK):
        np.maximum.reduceat(scores.scores[start : start + BLOCK][:, order], starts, axis=1, out=out[start : start + BLOCK])
    return tuple(candidates), out


def standing(table: NDArray[np.float32], candidates: Sequence[str], people: Sequence[str]) -> Standing:
    """Return where each probe's person stands.

    Args:
        table: `(P, N)` of `candidate_scores`.
        candidates: the N people.
        people: of each probe.
    """
    column = {person: n for n, person in enumerate(candidates)}
    own = np.array([column.get(person, -1) for person in people], np.int64)
    better, equal = np.zeros((2, len(people)), np.int64)
    for start in range(0, len(people), BLOCK):
        rows = np.flatnonzero(own[start : start + BLOCK] >= 0) + start
        block = table[rows]
        right = block[np.arange(len(rows)), own[rows]][:, None]
        better[rows], equal[rows] = (block > right).sum(axis=1), (block == right).sum(axis=1)
    return Standing(tuple(people), better, equal)


def rank_hits(
    scores: LinkScores, person_of: Mapping[str, str], ranks: tuple[int, ...] = RANKS
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return each probe's person and `(P, R)` the chance that it is among the first r candidates, from scores that fit in memory.

    Args:
        scores: of the attack.
        person_of: face id -> person, for probes and gallery.
        ranks: the r.
    """
    candidates, table = candidate_scores(scores, person_of)
    found = standing(table, candidates, [person_of[probe] for probe in scores.probe_ids])
    return found.people, found.hits(ranks)


def cumulative_match(found: Standing, candidates: int) -> NDArray[np.float64]:
    """Return `(N,)` the CMC: the rate of rank r for r = 1 to N, ties shared, each person weighing the same.

    Counting a tie as a success would give a release in which all pictures are one a rate of 1.
    """
    _, inverse, count = np.unique(np.array(found.people), return_inverse=True, return_counts=True)
    there = found.equal > 0
    share = (1 / (count[inverse] * len(count) * np.maximum(found.equal, 1)))[there]
    steps = np.zeros(candidates + 1)
    np.add.at(steps, found.better[there], share)  # from the next rank on its mass comes in, for as many ranks as are tied
    np.add.at(steps, (found.better + found.equal)[there], -share)
    out: NDArray[np.float64] = np.minimum(steps[:-1].cumsum().cumsum(), 1.0)
    return out


def rank_rates(
    people: Sequence[str],
    hits: NDArray[np.float64],
    ranks: tuple[int, ...] = RANKS,
    group_of: Mapping[str, int] | None = None,
) -> dict[int, Estimate]:
    """Return the closed-set rank-r rates of `Standing.hits`, each person's probes weighing 1 together.

    Probes that gave no score are not in the rates; they are counted apart.

    Args:
        people: of each probe.
        hits: `(P, R)`.
        ranks: the R.
        group_of: person -> group of those who share a picture; groups are then resampled for the intervals, and not people.
    """
    if not people:
        return {}
    per_person = by_person(people, hits)
    groups = None if group_of is None else np.array([group_of[person] for person in sorted(set(people))], np.int64)
    figures = {r: mean_by_person(per_person[:, n], proportion=True, groups=groups) for n, r in enumerate(ranks)}
    return {r: figure for r, figure in figures.items() if figure is not None}


def by_person(people: Sequence[str], values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of the rows of each person, `(people, ...)`, sorted by person."""
    names, inverse = np.unique(np.array(people), return_inverse=True)
    table = np.asarray(values, np.float64).reshape(len(people), -1)
    sums = np.zeros((len(names), table.shape[1]))
    np.add.at(sums, inverse, table)
    out = sums / np.bincount(inverse)[:, None]
    return out if np.ndim(values) > 1 else out[:, 0]
