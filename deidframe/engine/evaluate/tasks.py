"""Downstream tasks: a classifier trained on released faces and judged on clear faces of people whom it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.labels import LEAST, Labels
from deidframe.engine.planning.plan import QualityPlan
from deidframe.guard.release import Release
from deidframe.measure.interval import Estimate, mean_by_person

SEED = 20260105
ROWS = 20_000
"""Faces that a classifier is trained on, at most, evenly taken."""


def tasks(pool: ComponentPool, plan: QualityPlan, release: Release, labels: Mapping[str, Labels]) -> dict[str, Any]:
    """Return, for each column that the recipe names, how right a classifier is that was trained on what is released.

    People are cut into two halves; each half is judged, in clear faces, by a classifier of the other. Figures are means over
    classes of the share of people who are told right (balanced accuracy), so that guessing reaches one over the classes.

    Args:
        pool: of the run.
        plan: judges; the first encoder's encodings are what classifiers see.
        release: of the method.
        labels: name -> attribute of people.
    """
    out: dict[str, Any] = {}
    asked = [labels[name] for name in plan.utility if name in labels and not labels[name].unfit]
    if not asked:
        return out
    recognizer = pool.recognizer(plan.encoders[0])
    clear = recognizer.encode(release.originals).vectors
    looked = recognizer.recognize(release.faces, known_landmarks=True)
    shown, there = looked.embeddings.vectors, looked.scores > 0
    for one in asked:
        person, value = _kept(release, one)
        if person is None:
            continue
        for name, seen, usable in (("task", shown, there), ("task_clear", clear, np.ones(len(clear), bool))):
            figure = _told_right(seen, clear, person, value, usable)
            if figure is not None:
                out[f"{name}.{one.name}"] = figure.as_dict()
        out[f"task_chance.{one.name}"] = 1 / len(set(value[value >= 0].tolist()))
    return out


def _kept(release: Release, labels: Labels) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """Return the number of each face's person and of its class, -1 for classes of too few people; None with fewer than two."""
    names, person = np.unique(np.array(release.subjects), return_inverse=True)
    of = [labels.of.get(name, "") for name in names.tolist()]
    told = sorted(value for value in set(of) - {""} if of.count(value) >= LEAST)
    if len(told) < 2:
        return None, np.zeros(0, np.int64)
    number = {value: n for n, value in enumerate(told)}
    return person.astype(np.int64), np.array([number.get(value, -1) for value in of], np.int64)[person]


def _told_right(
    seen: NDArray[Any], clear: NDArray[Any], person: NDArray[np.int64], value: NDArray[np.int64], usable: NDArray[np.bool_]
) -> Estimate | None:
    """Train on `seen` of one half of the people and judge on `clear` of the other, both ways; None where a half lacks a class."""
    from sklearn.linear_model import LogisticRegression

    people = int(person.max()) + 1
    class_of = np.full(people, -1, np.int64)
    class_of[person] = value
    half = _halves(class_of)
    right = np.full(people, np.nan)
    for one in (0, 1):
        train = np.flatnonzero(usable & (value >= 0) & (half[person] == one))
        train = train[np.unique(np.linspace(0, len(train) - 1, min(ROWS, len(train))).astype(np.int64))] if len(train) else train
        test = np.flatnonzero((value >= 0) & (half[person] == 1 - one))
        if len(np.unique(value[train])) < len(np.unique(value[value >= 0])):
            return None
        model = LogisticRegression(max_iter=300, class_weight="balanced").fit(seen[train], value[train])
        said = model.predict(clear[test]) == value[test]
        count = np.bincount(person[test], minlength=people)
        hits = np.bincount(person[test], said.astype(np.float64), minlength=people)
        right[count > 0] = hits[count > 0] / count[count > 0]
    judged = np.flatnonzero(np.isfinite(right) & (class_of >= 0))
    classes, size = np.unique(class_of[judged], return_counts=True)
    weight = len(judged) / (len(classes) * size[np.searchsorted(classes, class_of[judged])])
    return mean_by_person(right[judged] * weight)


def _halves(class_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut people into halves that have as many of each class as can be, by a fixed draw."""
    order = np.random.default_rng(SEED).permutation(len(class_of))
    half = np.zeros(len(class_of), np.int64)
    for one in np.unique(class_of):
        half[order[class_of[order] == one][1::2]] = 1
    return half
