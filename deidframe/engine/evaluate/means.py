"""A number a face becomes a figure of a method: which faces are looked at, and the mean over their people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.guard.release import Release
from deidframe.measure.interval import mean_by_person
from deidframe.measure.rank import by_person

MOST = 2_000
"""Faces that are held against their originals, evenly taken, whatever the database's size."""


def sampled(release: Release) -> NDArray[np.int64]:
    """Return the rows of a release that are looked at face by face."""
    return np.unique(np.linspace(0, len(release) - 1, min(MOST, len(release))).astype(np.int64))


def sharing(release: Release) -> Mapping[str, int] | None:
    """Return person -> group where people share pictures, None where they do not."""
    if release.groups is None:
        return None
    return {person: release.groups[face] for face, person in release.person_of.items()}


def put_mean(
    out: dict[str, Any],
    name: str,
    people: list[str],
    values: NDArray[Any],
    there: NDArray[np.bool_],
    *,
    share: bool = False,
    group_of: Mapping[str, int] | None = None,
) -> None:
    """Add the mean by person of the faces that are there; people who share a picture are resampled together."""
    kept = [person for person, one in zip(people, there.tolist(), strict=True) if one]
    groups = None if group_of is None else np.array([group_of[person] for person in sorted(set(kept))], np.int64)
    figure = mean_by_person(by_person(kept, values[there]), proportion=share, groups=groups) if kept else None
    if figure is not None:
        out[name] = figure.as_dict()
