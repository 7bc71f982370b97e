"""The figures of one method: what is lost, what is found, how good its pictures are."""

from __future__ import annotations

from typing import Any

import numpy as np

from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.plugin_measures import plugin_measures
from deidframe.engine.evaluate.quality import quality
from deidframe.engine.evaluate.untouched import Untouched
from deidframe.engine.evaluate.who_pays import ByClass, by_class, joined
from deidframe.engine.planning.plan import MethodPlan, Plan
from deidframe.engine.protect.groups import people_of
from deidframe.guard.release import Release
from deidframe.measure.interval import Estimate, mean_by_person
from deidframe.measure.loss import collapse, distances, loss_ratio, sse
from deidframe.measure.rank import by_person


def measures(
    pool: ComponentPool, plan: Plan, method: MethodPlan, release: Release, seen: Untouched
) -> tuple[dict[str, Any], ByClass, dict[str, str]]:
    """Return loss and detection in the grouping encoder and in every attack's, the same by kind of people, and what failed."""
    metrics: dict[str, Any] = {}
    apart: list[ByClass] = []
    subjects = release.subjects
    people, each = list(subjects), tuple(sorted(set(subjects)))
    for step in plan.encoders(method).values():
        recognizer = pool.recognizer(step)
        recognition = recognizer.recognize(release.faces, known_landmarks=True)
        found = by_person(people, (recognition.scores > 0).astype(np.float64)) if people else np.zeros(0)
        _put(metrics, "faces_found", mean_by_person(found, proportion=True))
        before = recognizer.encode(release.originals)
        far = by_person(people, distances(before.vectors, recognition.embeddings.vectors)) if people else np.zeros(0)
        _put(metrics, f"loss.{step.name}", mean_by_person(far))
        apart.append(by_class(seen.labels, f"loss.{step.name}", each, far))
        _put(metrics, f"collapse.{step.name}", collapse(before.vectors, recognition.embeddings.vectors, people))
        apart.append(by_class(seen.labels, "faces_found", each, found, proportion=True))
        if release.people is not None:
            members, names, _ = people_of(before, subjects)
            shown, _, _ = people_of(recognition.embeddings, subjects)
            group_of = release.people.group_of
            labels = np.array([group_of[name] for name in names], np.int64)
            metrics[f"sse.{step.name}"] = sse(members.vectors, labels)
            _put(metrics, f"loss_ratio.{step.name}", loss_ratio(members.vectors, labels, shown.vectors))
    if plan.quality is not None:
        same = "redactor" in method.steps or method.foreign
        metrics |= quality(pool, plan.quality, release, seen, same_scene=same)
    figures, failed = plugin_measures(pool, plan, release, seen)
    return metrics | figures, joined(*apart), failed


def _put(metrics: dict[str, Any], name: str, figure: Estimate | None) -> None:
    if figure is not None:
        metrics[name] = figure.as_dict()
