"""The curves from which the number of groups, or the radius of a neighbourhood, is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, Partition
from deidframe.contract.curves import knee, neighbour_distances
from deidframe.contract.errors import PluginError, UsageError
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.host.catalogue import Catalogue, Loaded
from deidframe.measure.loss import sse

STEPS = 25
"""Numbers of groups that are tried when none are given."""


@dataclass(frozen=True)
class Elbow:
    """A curve and where it bends.

    Args:
        x, y: `(N,)`.
        x_label, y_label: what they are.
        place: of the knee.
        title: what is seen.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    x_label: str
    y_label: str
    place: int
    title: str


def clusterer_named(use: str) -> Step:
    """Return an installed clusterer whose parameter is read off an elbow.

    Raises:
        PluginError: no clusterer of this name, or none with such a parameter.
    """
    loaded = Catalogue().load("clusterer", use)
    if not loaded.component.elbow:
        raise PluginError(f"clusterer {use!r} has no parameter that is read off an elbow")
    return Step("clusterer", loaded, loaded.component.params())


def draw(
    pool: ComponentPool, clusterer: Step, encodings: Embeddings, *, groups: list[int] | None = None, neighbour: int = 3
) -> Elbow:
    """Return the curve from which this clusterer's parameter is read.

    Args:
        pool: calls the clusterer.
        clusterer: one whose `Component.elbow` says which curve.
        encodings: N rows.
        groups: see `inertia`.
        neighbour: see `reach`.

    Raises:
        UsageError: too few rows, or a number out of range.
    """
    if clusterer.loaded.component.elbow == "groups":
        return inertia(pool, clusterer.loaded, encodings, groups)
    return reach(encodings, neighbour)


def inertia(pool: ComponentPool, loaded: Loaded, encodings: Embeddings, groups: list[int] | None = None) -> Elbow:
    """Return the inertia (the SSE) of a clusterer against the number of groups.

    Args:
        pool: calls the clusterer.
        loaded: a clusterer with a parameter `clusters`.
        encodings: N rows, at least 3.
        groups: numbers to try; None: about 25 spread over 2 to N / 2.

    Raises:
        UsageError: too few rows, or a number of groups out of range.
    """
    n = len(encodings)
    if n < 3:
        raise UsageError(f"an elbow needs at least 3 encodings, got {n}")
    tried = groups or np.unique(np.linspace(2, max(2, n // 2), STEPS).astype(int)).tolist()
    if min(tried) < 1 or max(tried) > n:
        raise UsageError(f"numbers of groups must lie between 1 and {n}, got {min(tried)} to {max(tried)}")
    name, values = loaded.component.name, []
    for count in tried:
        params = loaded.component.params.model_validate({"clusters": count})
        found: Partition = pool.call(Step("clusterer", loaded, params), encodings, 1)
        values.append(sse(encodings.vectors, found.labels))
    y = np.array(values)
    at = knee(np.interp(np.linspace(tried[0], tried[-1], 200), tried, y))
    place = int(np.abs(np.array(tried) - np.linspace(tried[0], tried[-1], 200)[at]).argmin())
    return Elbow(np.array(tried, float), y, "groups K", "inertia (SSE)", place, f"{name} bends at K = {tried[place]}")


def reach(encodings: Embeddings, neighbour: int) -> Elbow:
    """Return the sorted distances to the neighbour of this number, whose knee is a radius for density clustering.

    Raises:
        UsageError: too few rows for such a neighbour.
    """
    if neighbour < 1 or len(encodings) <= neighbour:
        raise UsageError(f"neighbour {neighbour} needs more than {max(neighbour, 1)} encodings, got {len(encodings)}")
    y = neighbour_distances(encodings.vectors, neighbour)
    place = knee(y)
    x = np.arange(1, len(y) + 1, dtype=float)
    return Elbow(
        x, y, "encodings, sorted", f"distance to neighbour {neighbour}", place, f"distances bend at eps = {y[place]:.4g}"
    )
