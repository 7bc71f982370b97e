"""How often an attacker names the right person, from raw scores alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import LinkScores
from deidframe.measure.interval import Estimate, mean_by_person

RANKS = (1, 5, 10)
BLOCK = 1024
"""Probes that are ranked at once, so that ranking needs little beside the scores."""


def rank_hits(
    scores: LinkScores,
    person_of: Mapping[str, str],
    ranks: tuple[int, ...] = RANKS,
    probe_is: Mapping[str, str] | None = None,
) -> tuple[list[str], NDArray[np.float64]]:
    """Return each probe's person and `(P, R)`: the chance that the person is among the first r candidates.

    A candidate is a person, scored by the best of that person's gallery faces. Ties are broken at random, which gives fractions.
    A probe whose person is not in the gallery has no chance.

    Args:
        scores: of the attack.
        person_of: face id -> person, for probes and gallery.
        ranks: the r.
        probe_is: face id -> person of the probes alone, where they are taken for others than `person_of` says.
    """
    candidates = sorted({person_of[g] for g in scores.gallery_ids})
    column = {person: n for n, person in enumerate(candidates)}
    order = np.argsort([column[person_of[g]] for g in scores.gallery_ids], kind="stable")
    starts = np.searchsorted(np.array([column[person_of[scores.gallery_ids[n]]] for n in order]), np.arange(len(candidates)))
    people = [(probe_is or person_of)[p] for p in scores.probe_ids]
    own = np.array([column.get(person, -1) for person in people], np.int64)
    hits = np.zeros((len(people), len(ranks)))
    for start in range(0, len(people) if candidates else 0, BLOCK):
        rows = np.flatnonzero(own[start : start + BLOCK] >= 0) + start
        best = np.maximum.reduceat(scores.scores[rows][:, order], starts, axis=1)
        right = best[np.arange(len(rows)), own[rows]][:, None]
        better, equal = (best > right).sum(axis=1), (best == right).sum(axis=1)
        hits[rows] = np.clip((np.array(ranks) - better[:, None]) / equal[:, None], 0, 1)
    return people, hits


def rank_rates(
    people: list[str],
    hits: NDArray[np.float64],
    ranks: tuple[int, ...] = RANKS,
    group_of: Mapping[str, int] | None = None,
) -> dict[int, Estimate]:
    """Return the closed-set rank-r rates of what `rank_hits` gave, each person's probes weighing 1 together.

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


def by_person(people: list[str], values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of the rows of each person, `(people, ...)`, sorted by person."""
    names, inverse = np.unique(np.array(people), return_inverse=True)
    table = np.asarray(values, np.float64).reshape(len(people), -1)
    sums = np.zeros((len(names), table.shape[1]))
    np.add.at(sums, inverse, table)
    out = sums / np.bincount(inverse)[:, None]
    return out if np.ndim(values) > 1 else out[:, 0]
