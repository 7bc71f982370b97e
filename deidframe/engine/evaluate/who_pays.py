"""A figure by kind of people: whom a method protects less, and of whom it keeps less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.engine.evaluate.labels import LEAST, Labels
from deidframe.measure.interval import mean_by_person
from deidframe.measure.utility import classes_of

ByClass = dict[str, dict[str, dict[str, Any]]]
"""Column -> class -> name of a figure -> the figure."""


def by_class(
    labels: Mapping[str, Labels],
    name: str,
    people: Sequence[str],
    values: NDArray[Any],
    *,
    proportion: bool = False,
    group_of: Mapping[str, int] | None = None,
) -> ByClass:
    """Return one figure for each class of each attribute; classes of fewer than ten people are joined or left out.

    Args:
        labels: attributes of people.
        name: of the figure.
        people: the P people, each once.
        values: `(P,)` one value for each.
        proportion: values are rates.
        group_of: person -> group of those who share a picture, who are resampled together.
    """
    groups = None if group_of is None else np.array([group_of[person] for person in people], np.int64)
    out: ByClass = {}
    for column, one in labels.items():
        if one.unfit:
            continue
        told = classes_of(one.of, people, LEAST)
        if len(told) < 2:  # beside nobody else a class says nothing
            continue
        for value, rows in told.items():
            within = None if groups is None else groups[rows]
            figure = mean_by_person(values[rows], proportion=proportion, groups=within)
            if figure is not None:
                out.setdefault(column, {}).setdefault(value, {})[name] = figure.as_dict()
    return out


def joined(*parts: ByClass) -> ByClass:
    """Return several figures of the same classes together."""
    out: ByClass = {}
    for part in parts:
        for column, classes in part.items():
            for value, figures in classes.items():
                out.setdefault(column, {}).setdefault(value, {}).update(figures)
    return out
