"""What a method costs: the spread inside groups and the distance from members to what was released for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.measure.interval import Estimate, mean_by_person, ratio_by_person
from deidframe.measure.rank import by_person

ROWS = 16_384
"""Rows that are held in double precision at once."""


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
    out = np.zeros(len(vectors))
    kept = np.flatnonzero(np.asarray(labels) >= 0)
    if not len(kept):
        return out
    _, group = np.unique(np.asarray(labels)[kept], return_inverse=True)
    kept, sizes = kept[np.argsort(group, kind="stable")], np.bincount(group)
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):  # whole groups, so many rows of them that they stay small in double precision
        start = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, start + ROWS, side="right")))
        rows, of = kept[start : ends[last - 1]], np.repeat(np.arange(last - first), sizes[first:last])
        table = np.asarray(vectors[rows], np.float64)
        means = np.add.reduceat(table, np.concatenate([[0], ends[first : last - 1] - start]).astype(np.int64), axis=0)
        table -= (means / sizes[first:last, None])[of]
        out[rows] = (table**2).sum(axis=1)
        first = last
    return out


def distances(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Euclidean distance of each row of one table to the same row of another, `(N,)`."""
    out = np.empty(len(a))
    for start in range(0, len(a), ROWS):
        part = slice(start, start + ROWS)
        out[part] = np.linalg.norm(np.asarray(a[part], np.float64) - np.asarray(b[part], np.float64), axis=1)
    return out


def surrogate_loss(originals: NDArray[Any], released: NDArray[Any], people: list[str]) -> Estimate | None:
    """Return IL, the mean distance from a face's encoding to the encoding of what was released for it, by person.

    Args:
        originals, released: `(N, D)` unit encodings of the same faces.
        people: the person of each face.
    """
    return mean_by_person(by_person(people, distances(originals, released))) if len(people) else None


def collapse(originals: NDArray[Any], released: NDArray[Any], people: list[str]) -> Estimate | None:
    """Return how varied people are as released over how varied they were: summed distances of a person's pictures to their mean.

    0 where every person has one picture, 1 where nothing changed. People with one picture have nothing to collapse.

    Args:
        originals, released: `(N, D)` unit encodings of the same faces.
        people: the person of each face.

    Returns:
        None where nobody has two pictures that differ.
    """
    if not people:
        return None
    person = np.unique(np.array(people), return_inverse=True)[1]
    several = np.bincount(person) > 1
    if not several.any():
        return None
    after, before = (np.bincount(person, np.sqrt(squared_to_mean(one, person)))[several] for one in (released, originals))
    return ratio_by_person(after, before)


def loss_ratio(members: NDArray[Any], labels: NDArray[Any], surrogates: NDArray[Any]) -> Estimate | None:
    """Return the members' summed squared distance to their surrogate over the SSE: 1 is the bound, a random face about 3.

    Args:
        members: `(P, D)` one mean encoding for each person.
        labels: `(P,)` groups.
        surrogates: `(P, D)` the encoding of the surrogate of each person's group.
    """
    far = distances(members, surrogates) ** 2
    near = squared_to_mean(members, labels)
    return ratio_by_person(far, near)
