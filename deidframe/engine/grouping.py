"""Rows of methods that only group: people into groups of at least k, or pictures into people."""

from __future__ import annotations

import csv
import io
import resource
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, Partition
from deidframe.engine.plan import MethodPlan
from deidframe.engine.protect import people_of
from deidframe.engine.seam import checked, same_rows
from deidframe.engine.workshop import Workshop, blame
from deidframe.guard.groups import check_groups
from deidframe.measure.grouping import against_labels, as_metrics, summary


@dataclass(frozen=True)
class Grouped:
    """Groups of people or of pictures.

    Args:
        labels: `(N,)` of each picture or encoding, -1 for noise or withheld. ids: of them.
        metrics: every figure. seconds: of the clusterer and the outlier handler. smallest: people in the smallest group.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    metrics: dict[str, object]
    seconds: dict[str, float]
    smallest: int


def group(shop: Workshop, encodings: Embeddings, people: tuple[str, ...], method: MethodPlan, *, labelled: bool) -> Grouped:
    """Group and measure.

    With k, people are grouped (one row for each: the mean of the person's encodings), settled where the method says so, and
    the k gate counts for itself. Without k the clusterer finds people among the rows, which labels then judge.

    Args:
        encodings: of the pictures. people: the person of each. labelled: those are known, not assumed.

    Raises:
        ReleaseRefused: a settled group has fewer than k people.
    """
    steps, k = method.steps, method.k
    seconds: dict[str, float] = {}
    rows = np.arange(len(encodings))
    crowd = encodings
    if k is not None:
        crowd, _, rows = people_of(encodings, people)
    step = steps["clusterer"]
    start = time.perf_counter()
    try:
        made = checked(shop.make(step).cluster(crowd, k or 1), Partition, f"clusterer {step.name}")
    except Exception as error:
        raise blame(method.name, step, error) from error
    seconds["clusterer"] = time.perf_counter() - start
    same_rows(made.ids, crowd.ids, f"clusterer {step.name}")
    settled = made
    if "outliers" in steps and k is not None:
        handler = steps["outliers"]
        start = time.perf_counter()
        try:
            settled = checked(shop.make(handler).settle(crowd, made, k), Partition, f"outlier-handler {handler.name}")
        except Exception as error:
            raise blame(method.name, handler, error) from error
        seconds["outliers"] = time.perf_counter() - start
        same_rows(settled.ids, crowd.ids, f"outlier-handler {handler.name}")
    labels = settled.labels[rows]
    groups = {face: int(label) for face, label in zip(encodings.ids, labels.tolist(), strict=True) if label >= 0}
    person_of = dict(zip(encodings.ids, people, strict=True))
    if k is not None and "outliers" in steps:
        check_groups(groups, person_of, k, method.name)
    counts: dict[int, set[str]] = {}
    for face, label in groups.items():
        counts.setdefault(label, set()).add(person_of[face] if k is not None else face)
    metrics = as_metrics(summary(crowd.vectors, settled.labels))
    if k is not None and "outliers" in steps:
        metrics["noise_before"] = float((made.labels < 0).mean()) if len(made) else 0.0
    if k is None and labelled:
        metrics.update(against_labels(labels, list(people)))
    metrics["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Grouped(encodings.ids, labels, metrics, seconds, min((len(s) for s in counts.values()), default=0))


def groups_csv(ids: tuple[str, ...], labels: NDArray[np.int64]) -> str:
    """Return `id,group` lines, noise as -1."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "group"])
    writer.writerows(zip(ids, labels.tolist(), strict=True))
    return out.getvalue()
