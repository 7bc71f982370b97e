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
from deidframe.engine.protect import clustered, people_of
from deidframe.engine.seam import checked, same_rows
from deidframe.engine.workshop import Workshop, blame
from deidframe.guard.groups import check_groups
from deidframe.measure.grouping import against_labels, as_metrics, summary
from deidframe.measure.maps import flat_maps, group_distances


@dataclass(frozen=True)
class Grouped:
    """Groups of people or of pictures.

    Args:
        labels: `(N,)` of each picture or encoding, -1 for noise or withheld. ids: of them.
        metrics: every figure. seconds: of the clusterer and the outlier handler. smallest: people in the smallest group.
        crowd: what was grouped, people or pictures, with `crowd_labels`.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    metrics: dict[str, object]
    seconds: dict[str, float]
    smallest: int
    crowd: Embeddings
    crowd_labels: NDArray[np.int64]


def group(
    shop: Workshop,
    encodings: Embeddings,
    people: tuple[str, ...],
    method: MethodPlan,
    *,
    labelled: bool,
    apart: NDArray[np.int64] | None = None,
) -> Grouped:
    """Group and measure.

    With k, people are grouped (one row for each: the mean of the person's encodings), settled where the method says so, and
    the k gate counts for itself. Without k the clusterer finds people among the rows, which labels then judge.

    Args:
        encodings: of the pictures. people: the person of each. labelled: those are known, not assumed.
        apart: class of each person, within which groups are made.

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
        made = clustered(shop, step, crowd, k or 1, apart)
    except Exception as error:
        raise blame(method.name, step, error) from error
    seconds["clusterer"] = time.perf_counter() - start
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
    smallest = min((len(s) for s in counts.values()), default=0)
    return Grouped(encodings.ids, labels, metrics, seconds, smallest, crowd, settled.labels)


def map_data(shop: Workshop, done: Grouped) -> dict[str, object]:
    """Return what the report draws of a grouping: sizes, distances between groups, two maps. No vector, no name."""
    key = f"maps|{done.crowd.space}|{len(done.crowd)}|{hash(done.crowd.vectors.tobytes())}"
    if key not in shop.shared:  # groupings of one encoder share their maps
        shop.shared[key] = flat_maps(done.crowd.vectors) if len(done.crowd) >= 4 else None
    maps, labels = shop.shared[key], done.crowd_labels
    sizes = np.bincount(labels[labels >= 0]) if (labels >= 0).any() else np.zeros(0, np.int64)
    return {
        "sizes": sorted(sizes[sizes > 0].tolist()),
        "distances": group_distances(done.crowd.vectors, labels).round(4).tolist(),
        "labels": labels[maps.rows].tolist() if maps else [],
        "pca": maps.pca.round(3).tolist() if maps else [],
        "tsne": maps.tsne.round(3).tolist() if maps else [],
    }


def groups_csv(ids: tuple[str, ...], labels: NDArray[np.int64]) -> str:
    """Return `id,group` lines, noise as -1."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "group"])
    writer.writerows(zip(ids, labels.tolist(), strict=True))
    return out.getvalue()
