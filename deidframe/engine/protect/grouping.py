"""Rows of methods that only group: people into groups of at least k, or pictures into people."""

from __future__ import annotations

import csv
import hmac
import io
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.planning.plan import KEY_OF_ROLE, MethodPlan
from deidframe.engine.protect.groups import make_groups
from deidframe.guard.groups import check_groups
from deidframe.measure.grouping import against_labels, as_metrics, summary
from deidframe.measure.maps import flat_maps, group_distances


@dataclass(frozen=True)
class Grouped:
    """Groups of people or of pictures.

    Args:
        labels: `(N,)` of each picture or encoding, -1 for noise or withheld.
        ids: of them.
        metrics: every figure.
        seconds: of the clusterer and the outlier handler.
        smallest: people in the smallest group.
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
    pool: ComponentPool,
    encodings: Embeddings,
    people: tuple[str, ...],
    method: MethodPlan,
    *,
    labelled: bool,
    apart: Callable[[], NDArray[np.int64]] | None = None,
    beside: Sequence[Embeddings] = (),
) -> Grouped:
    """Group and measure.

    With k, people are grouped (one row for each: the mean of the person's encodings), settled where the method says so, and
    the k gate counts for itself. Without k the clusterer finds people among the rows, which labels then judge.

    Args:
        encodings: of the pictures.
        people: the person of each.
        labelled: those are known, not assumed.
        apart: gives the class of each person, within which groups are made.
        beside: of the same pictures, in other encoders in which people are grouped, too; figures are of `encodings`.

    Raises:
        ReleaseRefused: a settled group has fewer than k people.
    """
    k = method.k
    pool.take_seconds()
    found = make_groups(pool, encodings, people, method, apart, beside)
    spent = pool.take_seconds()  # of an encoder, too, where classes of people were asked for
    seconds = {KEY_OF_ROLE[role]: spent[role] for role in ("clusterer", "outlier-handler") if role in spent}
    crowd, labels = found.crowd, found.labels
    groups = {face: int(label) for face, label in zip(encodings.ids, labels.tolist(), strict=True) if label >= 0}
    person_of = dict(zip(encodings.ids, people, strict=True))
    if k is not None and "outliers" in method.steps:
        check_groups(groups, person_of, k, method.name)
    counts: dict[int, set[str]] = {}
    for face, label in groups.items():
        counts.setdefault(label, set()).add(person_of[face] if k is not None else face)
    metrics = as_metrics(summary(crowd.vectors, found.settled.labels))
    if k is not None and "outliers" in method.steps:
        metrics["noise_before"] = float((found.made.labels < 0).mean()) if len(found.made) else 0.0
    if k is None and labelled:
        metrics.update(against_labels(labels, list(people)))
    metrics["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    smallest = min((len(s) for s in counts.values()), default=0)
    return Grouped(encodings.ids, labels, metrics, seconds, smallest, crowd, found.settled.labels)


def map_data(pool: ComponentPool, done: Grouped, key: bytes) -> dict[str, object]:
    """Return what the report draws of a grouping: sizes, distances between groups, two maps. No vector, no name, and no order.

    People and groups stand in an order that a secret draws: in the folder's order the numbers of groups would be a table of who
    is grouped with whom.

    Args:
        key: secret of the run.
    """
    name = f"maps|{done.crowd.space}|{len(done.crowd)}|{hash(done.crowd.vectors.tobytes())}"
    # groupings of one encoder share their maps
    maps = pool.once(name, lambda: flat_maps(done.crowd.vectors) if len(done.crowd) >= 4 else None)
    drawn = np.random.default_rng(np.frombuffer(hmac.digest(key, name.encode(), "sha256"), np.uint32))
    labels = _renamed(done.crowd_labels, drawn)
    sizes = np.bincount(labels[labels >= 0]) if (labels >= 0).any() else np.zeros(0, np.int64)
    order = drawn.permutation(len(maps.rows)) if maps else np.zeros(0, np.int64)
    return {
        "sizes": sorted(sizes[sizes > 0].tolist()),
        "distances": group_distances(done.crowd.vectors, labels).round(4).tolist(),
        "labels": labels[maps.rows][order].tolist() if maps else [],
        "pca": maps.pca[order].round(3).tolist() if maps else [],
        "tsne": maps.tsne[order].round(3).tolist() if maps else [],
    }


def _renamed(labels: NDArray[np.int64], drawn: np.random.Generator) -> NDArray[np.int64]:
    """Return the same groups under drawn numbers, -1 as it is."""
    names = drawn.permutation(int(labels.max(initial=-1)) + 1)
    return np.where(labels >= 0, names[labels], -1) if len(names) else labels


def groups_csv(ids: tuple[str, ...], labels: NDArray[np.int64]) -> str:
    """Return `id,group` lines, noise as -1."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "group"])
    writer.writerows(zip(ids, labels.tolist(), strict=True))
    return out.getvalue()
