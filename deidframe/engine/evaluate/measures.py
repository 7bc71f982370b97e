"""The figures of one method: what is lost, what is found, how good its pictures are."""

from __future__ import annotations

from typing import Any

import numpy as np

from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.quality import quality
from deidframe.engine.planning.plan import MethodPlan, Plan
from deidframe.engine.protect.groups import people_of
from deidframe.guard.release import Release
from deidframe.measure.interval import Estimate, mean_by_person
from deidframe.measure.loss import loss_ratio, sse, surrogate_loss
from deidframe.measure.rank import by_person


def measures(pool: ComponentPool, plan: Plan, method: MethodPlan, release: Release) -> dict[str, Any]:
    """Return loss and detection figures in the grouping encoder and in every attack's."""
    metrics: dict[str, Any] = {}
    subjects = release.subjects
    people = list(subjects)
    for step in plan.encoders(method).values():
        recognizer = pool.recognizer(step)
        recognition = recognizer.recognize(release.faces, known_landmarks=True)
        found = mean_by_person(by_person(people, (recognition.scores > 0).astype(np.float64)), proportion=True)
        _put(metrics, "faces_found", found)
        before = recognizer.encode(release.originals)
        _put(metrics, f"loss.{step.name}", surrogate_loss(before.vectors, recognition.embeddings.vectors, people))
        if release.people is not None:
            members, names, _ = people_of(before, subjects)
            shown, _, _ = people_of(recognition.embeddings, subjects)
            group_of = release.people.group_of
            labels = np.array([group_of[name] for name in names], np.int64)
            metrics[f"sse.{step.name}"] = sse(members.vectors, labels)
            _put(metrics, f"loss_ratio.{step.name}", loss_ratio(members.vectors, labels, shown.vectors))
    if plan.quality is not None:
        metrics |= quality(pool, plan.quality, release)
    return metrics


def _put(metrics: dict[str, Any], name: str, figure: Estimate | None) -> None:
    if figure is not None:
        metrics[name] = figure.as_dict()
