"""Measure what a method released as pictures: one look at each different picture, by every detector that the recipe names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.engine.components.attributes import male_and_years, people_attributes
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.untouched import Untouched, best_faces
from deidframe.engine.evaluate.utility import utility
from deidframe.engine.planning.plan import QualityPlan
from deidframe.guard.release import Release
from deidframe.measure.interval import mean_by_person
from deidframe.measure.loss import distances
from deidframe.measure.quality import (
    attribute_fit,
    frechet_distance,
    kernel_distance,
    least_distance,
    sharpness,
    threshold,
)
from deidframe.measure.rank import by_person

BATCH = 32
QUANTILES = ("p5", "q1", "median", "q3", "p95")
"""Of the distances from faces to what is released for them."""
SHARP = 500
"""Pictures whose sharpness is measured, at most; evenly taken."""


def quality(pool: ComponentPool, plan: QualityPlan, release: Release, seen: Untouched, *, same_scene: bool) -> dict[str, Any]:
    """Return the quality and utility figures of one method; equal files are one picture.

    Args:
        pool: of the run.
        plan: judges.
        release: of the method.
        seen: of the run's clear faces.
        same_scene: a released picture shows what its original shows.
    """
    clear, released, people = release.originals, release.faces, list(release.subjects)
    rows = np.fromiter(release.first_rows.values(), np.int64)
    distinct = released.take(rows)
    metrics: dict[str, Any] = {"distinct": len(rows)}
    looks: dict[str, tuple[NDArray[np.float64], NDArray[np.float32]]] = {}
    for step in plan.detectors:
        scores, _ = looks[step.key] = best_faces(pool, step, distinct)
        found = (scores[release.picture_of] > 0).astype(np.float64)
        figure = mean_by_person(by_person(people, found), proportion=True)
        if figure:
            metrics[f"found.{step.name}"] = figure.as_dict()
        metrics[f"least_score.{step.name}"] = float(scores.min(initial=1.0))
    evenly = np.unique(np.linspace(0, len(rows) - 1, min(SHARP, len(rows))).astype(np.int64))
    metrics["sharpness"] = float(np.mean([sharpness(np.asarray(distinct.images[r : r + 1])[0]) for r in evenly.tolist()]))
    metrics["sharpness_before"] = float(
        np.mean([sharpness(np.asarray(clear.images[r : r + 1])[0]) for r in rows[evenly].tolist()])
    )
    units = _units(release)
    for step in plan.encoders:
        recognizer = pool.recognizer(step)
        before = recognizer.encode(clear).vectors
        after = recognizer.recognize(released, known_landmarks=True).embeddings.vectors
        apart = distances(before, after)
        for name, value in zip(QUANTILES, np.percentile(apart, [5, 25, 50, 75, 95]).tolist(), strict=True):
            metrics[f"distance_{name}.{step.name}"] = value
        limit = threshold(before, people)
        if limit is not None:
            same = (apart <= limit).astype(np.float64)
            figure = mean_by_person(by_person(people, same), proportion=True)
            if figure:
                metrics[f"verified.{step.name}"] = figure.as_dict()
            metrics[f"threshold.{step.name}"] = limit
        known = step.loaded.component.same_person
        if known is not None and known.authors is not None:
            metrics[f"authors_threshold.{step.name}"] = known.authors
        for name, value in (
            ("least_distance", least_distance(after[rows])),
            ("frechet", frechet_distance(before, after[rows])),
        ):
            if value is not None:
                metrics[f"{name}.{step.name}"] = value
        apart_by = kernel_distance(before, after[rows], (units, units[rows]))
        if apart_by is not None:
            metrics[f"kernel.{step.name}"] = apart_by.as_dict()
    if plan.attributes is not None and release.groups is not None:
        metrics |= _attributes(pool, plan, clear, released, release.groups)
    return metrics | utility(pool, plan, release, seen, looks, same_scene=same_scene)


def _units(release: Release) -> NDArray[np.int64]:
    """Return what each face hangs together with: its group where groups share pictures, else its person."""
    if release.groups is not None:
        return np.array([release.groups[face] for face in release.faces.ids], np.int64)
    return np.unique(np.array(release.subjects), return_inverse=True)[1].astype(np.int64)


def _attributes(
    pool: ComponentPool, plan: QualityPlan, clear: FaceSet, released: FaceSet, groups: Mapping[str, int]
) -> dict[str, float | int]:
    assert plan.attributes is not None
    _, male, years, rows = people_attributes(pool, plan.attributes, clear)
    _, first, numbers = np.unique([groups[face] for face in released.ids], return_index=True, return_inverse=True)
    label = np.zeros(len(male), np.int64)
    label[rows] = numbers
    shown = released.take(first).without_subjects()
    recognition = pool.recognizer(plan.encoders[0]).recognize(shown)
    assert shown.landmarks is not None, "faces of a run carry landmarks"
    marks = np.where((recognition.scores > 0)[:, None, None], recognition.landmarks, shown.landmarks)
    said = pool.recognizer(plan.attributes).encode(FaceSet(shown.ids, shown.images, marks.astype(np.float32))).vectors
    shown_male, shown_years = np.stack([male_and_years(one) for one in said]).T
    return attribute_fit(male, years, label, shown_male, shown_years)
