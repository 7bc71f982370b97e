"""How often an attacker names the right person, from raw scores alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import LinkScores
from deidframe.measure.interval import Figure, mean_by_person

RANKS = (1, 5, 10)


def rank_hits(
    scores: LinkScores, person_of: Mapping[str, str], ranks: tuple[int, ...] = RANKS
) -> tuple[list[str], NDArray[np.float64]]:
    """Return each probe's person and `(P, R)`: the chance that the person is among the first r candidates.

    A candidate is a person, scored by the best of that person's gallery faces. Ties are broken at random, which gives fractions.
    A probe whose person is not in the gallery has no chance.

    Args:
        scores: of the attack. person_of: face id -> person, for probes and gallery. ranks: the r.
    """
    candidates = sorted({person_of[g] for g in scores.gallery_ids})
    column = {person: n for n, person in enumerate(candidates)}
    best = np.full((len(scores.probe_ids), len(candidates)), -np.inf, np.float32)
    for n, face in enumerate(scores.gallery_ids):
        at = column[person_of[face]]
        best[:, at] = np.maximum(best[:, at], scores.scores[:, n])
    people = [person_of[p] for p in scores.probe_ids]
    hits = np.zeros((len(people), len(ranks)))
    for row, person in enumerate(people):
        at = column.get(person, -1)
        if at < 0:
            continue
        better = int((best[row] > best[row, at]).sum())
        equal = int((best[row] == best[row, at]).sum())
        hits[row] = [min(1.0, max(0.0, (r - better) / equal)) for r in ranks]
    return people, hits


def rank_rates(scores: LinkScores, person_of: Mapping[str, str], ranks: tuple[int, ...] = RANKS) -> dict[int, Figure]:
    """Return the closed-set rank-r rates, each person's probes weighing 1 together.

    Probes that gave no score are not in the rates; they are counted apart.
    """
    people, hits = rank_hits(scores, person_of, ranks)
    if not people:
        return {}
    per_person = by_person(people, hits)
    figures = {r: mean_by_person(per_person[:, n], proportion=True) for n, r in enumerate(ranks)}
    return {r: figure for r, figure in figures.items() if figure is not None}


def by_person(people: list[str], values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of the rows of each person, `(people, ...)`, sorted by person."""
    names, inverse = np.unique(np.array(people), return_inverse=True)
    table = np.asarray(values, np.float64).reshape(len(people), -1)
    sums = np.zeros((len(names), table.shape[1]))
    np.add.at(sums, inverse, table)
    out = sums / np.bincount(inverse)[:, None]
    return out if np.ndim(values) > 1 else out[:, 0]
