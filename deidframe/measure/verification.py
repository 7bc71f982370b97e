"""How well an encoder tells people apart: accuracy by ten folds, TAR at fixed FAR, rank-1; intervals by person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.measure.interval import Estimate, mean_by_person, ratio_by_person

FARS = (1e-2, 1e-3, 1e-4)
FOLDS = 10
SEED = 20260103


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows and whether they show one person.

    Args:
        a, b: `(P,)` rows.
        same: `(P,)` bool.
        person: `(P,)` number of the person of a, by whom pairs are resampled.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    same: NDArray[np.bool_]
    person: NDArray[np.int64]


def all_pairs(people: list[str]) -> Pairs:
    """Return every pair of different rows once."""
    _, person = np.unique(np.array(people), return_inverse=True)
    a, b = np.triu_indices(len(people), 1)
    return Pairs(a.astype(np.int64), b.astype(np.int64), person[a] == person[b], person[a])


def cosine(vectors: NDArray[Any], pairs: Pairs) -> NDArray[np.float64]:
    """Return the cosine of each pair of unit rows, in blocks."""
    table = np.asarray(vectors, np.float32)
    out = np.empty(len(pairs.a))
    for start in range(0, len(out), 200_000):
        part = slice(start, start + 200_000)
        out[part] = np.einsum("ij,ij->i", table[pairs.a[part]], table[pairs.b[part]])
    return out


def tar_at_far(scores: NDArray[np.float64], pairs: Pairs) -> dict[float, tuple[Estimate, float]]:
    """Return for each FAR the share of same pairs above the threshold that lets so few others pass, and the threshold.

    A FAR that so few impostor pairs cannot show (less than one pair) is left out. The threshold stays fixed under resampling.
    """
    others = np.sort(scores[~pairs.same])[::-1]
    out = {}
    for far in FARS:
        allowed = int(far * len(others))
        if allowed < 1 or not pairs.same.any():
            continue
        threshold = float(others[allowed])
        people, place = np.unique(pairs.person[pairs.same], return_inverse=True)
        hits = np.bincount(place, weights=scores[pairs.same] > threshold, minlength=len(people))
        figure = ratio_by_person(hits, np.bincount(place, minlength=len(people)))
        if figure is not None:
            out[far] = (figure, threshold)
    return out


def fold_accuracy(scores: NDArray[np.float64], pairs: Pairs) -> tuple[float, float, float] | None:
    """Return mean and standard deviation of the accuracy over ten folds of people, and the mean threshold.

    Each fold's threshold is the best one on the other nine; pairs of one and of two people weigh the same. None without both
    kinds of pairs in enough folds.
    """
    fold = np.random.default_rng(SEED).permutation(int(pairs.person.max(initial=-1)) + 1)[pairs.person] % FOLDS
    accuracies, thresholds = [], []
    for one in range(FOLDS):
        test, train = fold == one, fold != one
        if any(not (pairs.same[part] == kind).any() for part in (test, train) for kind in (True, False)):
            continue
        threshold = _best_threshold(scores[train], pairs.same[train])
        above = scores[test] > threshold
        same = pairs.same[test]
        accuracies.append((above[same].mean() + (~above[~same]).mean()) / 2)
        thresholds.append(threshold)
    if len(accuracies) < 2:
        return None
    return float(np.mean(accuracies)), float(np.std(accuracies)), float(np.mean(thresholds))


def _best_threshold(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Return the threshold with the largest mean of the two rates of right answers."""
    order = np.argsort(scores, kind="stable")
    right_same = 1 - np.cumsum(same[order]) / same.sum()
    right_other = np.cumsum(~same[order]) / (~same).sum()
    return float(scores[order][int((right_same + right_other).argmax())])


def rank_one(vectors: NDArray[Any], people: list[str]) -> Estimate | None:
    """Return how often the nearest other picture shows the same person; people weigh the same, one picture is no person."""
    table = np.asarray(vectors, np.float32)
    names, person, count = np.unique(np.array(people), return_inverse=True, return_counts=True)
    hits = np.zeros(len(names))
    for start in range(0, len(table), 1024):
        alike = table[start : start + 1024] @ table.T
        rows = np.arange(start, start + len(alike))
        alike[np.arange(len(alike)), rows] = -np.inf
        right = person[alike.argmax(axis=1)] == person[rows]
        hits += np.bincount(person[rows], weights=right, minlength=len(names))
    several = count > 1
    return mean_by_person(hits[several] / count[several], proportion=True)
