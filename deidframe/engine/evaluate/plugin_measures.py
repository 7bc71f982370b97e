"""Figures that plugins bring: a number a face; means over people, intervals and the ceiling are the core's."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.evaluate.means import put_mean, sampled, sharing
from deidframe.engine.evaluate.untouched import Untouched
from deidframe.engine.planning.plan import Plan
from deidframe.guard.release import Release
from deidframe.recipe.public import without_places

BATCH = 32


def plugin_measures(pool: ComponentPool, plan: Plan, release: Release, seen: Untouched) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the figures, and for each that there is none of, why.

    A measure that fails takes nothing from the method: what is released was judged by the gates.

    Args:
        pool: of the run; plan: names the measures; release: of a method; seen: of the run's clear faces.
    """
    metrics: dict[str, Any] = {}
    failed: dict[str, str] = {}
    if not len(release):
        return metrics, failed
    rows, shared = sampled(release), sharing(release)
    clear, shown = release.originals.take(rows), release.faces.take(rows)
    people = [release.subjects[row] for row in rows.tolist()]
    for name, step in plan.measures:
        try:
            values = _values(pool, step, clear, shown)
            ceiling = seen.once(f"measure {step.key}", functools.partial(_values, pool, step, *seen.moved))
        except Exception as error:
            failed[name] = without_places(str(error))
            pool.reporter.say(f"  measure {name}: {failed[name]}")
            continue
        there = np.isfinite(values)
        put_mean(metrics, f"measure.{name}", people, values, there, group_of=shared)
        if f"measure.{name}" not in metrics:
            failed[name] = "too few people for an interval" if there.any() else "it has a value of no face"
            continue
        metrics[f"measured.{name}"] = float(there.mean())
        if np.isfinite(ceiling).any():
            metrics[f"measure_ceiling.{name}"] = float(ceiling[np.isfinite(ceiling)].mean())
    return metrics, failed


def _values(pool: ComponentPool, step: Step, clear: FaceSet, shown: FaceSet) -> NDArray[np.float64]:
    """Return the value of each face, NaN where there is none."""
    out = np.full(len(clear), np.nan)
    for start in range(0, len(clear), BATCH):
        part = range(start, min(start + BATCH, len(clear)))
        before = clear.take(part).without_subjects()
        after = shown.take(part)
        found = pool.call(step, before, FaceSet(before.ids, after.images, after.landmarks))
        place = dict(zip(before.ids, part, strict=True))
        out[[place[face] for face in found.ids]] = found.values
    return out
