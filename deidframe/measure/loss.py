"""What a method costs: the spread inside groups and the distance from members to what was released for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.measure.interval import Estimate, mean_by_person, ratio_by_person
from deidframe.measure.rank import by_person


def sse(vectors: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the sum over groups of squared Euclidean distances of members to the group mean; label -1 is in no group.

    Equal to the original work's sum of squared distances of every unordered pair divided by the group's size.

    Args:
        vectors: `(N, D)`.
        labels: `(N,)`.
    """
    return float(squared_to_mean(vectors, labels).sum())


def squared_to_mean(vectors: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.float64]:
    """Return each row's squared distance to the mean of its group, 0 for label -1."""
    table = np.asarray(vectors, np.float64)
    out = np.zeros(len(table))
    for label in np.unique(labels[labels >= 0]):
        rows = np.flatnonzero(labels == label)
        out[rows] = ((table[rows] - table[rows].mean(axis=0)) ** 2).sum(axis=1)
    return out


def surrogate_loss(originals: NDArray[Any], released: NDArray[Any], people: list[str]) -> Estimate | None:
    """Return IL, the mean distance from a face's encoding to the encoding of what was released for it, by person.

    Args:
        originals, released: `(N, D)` unit encodings of the same faces.
        people: the person of each face.
    """
    distances = np.linalg.norm(np.asarray(originals, np.float64) - np.asarray(released, np.float64), axis=1)
    return mean_by_person(by_person(people, distances)) if len(people) else None


def loss_ratio(members: NDArray[Any], labels: NDArray[Any], surrogates: NDArray[Any]) -> Estimate | None:
    """Return the members' summed squared distance to their surrogate over the SSE: 1 is the bound, a random face about 3.

    Args:
        members: `(P, D)` one mean encoding for each person.
        labels: `(P,)` groups.
        surrogates: `(P, D)` the encoding of the surrogate of each person's group.
    """
    far = ((np.asarray(members, np.float64) - np.asarray(surrogates, np.float64)) ** 2).sum(axis=1)
    near = squared_to_mean(members, labels)
    return ratio_by_person(far, near)
