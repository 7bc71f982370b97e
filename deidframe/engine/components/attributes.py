"""Apparent sex and age of people, as an attribute encoder sees them: to group within them, and to judge surrogates by them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step

BAND = 20
"""Years in one band of ages."""


def people_attributes(
    pool: ComponentPool, judge: Step, clear: FaceSet
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return people in order of first appearance, probability of male and years `(P,)` each, and the person row of each face."""
    said = pool.recognizer(judge).encode(clear).vectors
    row_of: dict[str, int] = {}
    rows = np.array([row_of.setdefault(subject, len(row_of)) for subject in clear.subjects or ()], np.int64)
    per_face = np.stack([male_and_years(one) for one in said])
    male, years = (np.bincount(rows, per_face[:, column]) / np.bincount(rows) for column in (0, 1))
    return tuple(row_of), male, years, rows


def people_classes(pool: ComponentPool, judge: Step, by: str, clear: FaceSet) -> NDArray[np.int64]:
    """Return the class of each person, by sex or by age band, in order of first appearance."""
    _, male, years, _ = people_attributes(pool, judge, clear)
    return classes(male, years, by)


def male_and_years(said: NDArray[np.float32]) -> tuple[float, float]:
    """Return the probability of male and the age in years of an attribute encoder's row; see `deidframe-attributes`.

    Both are shares of two of its numbers, so that the length of the row does not matter.
    """
    return float(said[1] / max(said[0] + said[1], 1e-9)), float(100 * said[2] / max(said[2] + said[3], 1e-9))


def classes(male: NDArray[np.float64], years: NDArray[np.float64], by: str) -> NDArray[np.int64]:
    """Return a class for each person: 0 or 1 by sex, the number of the age band by age."""
    return (male > 0.5).astype(np.int64) if by == "sex" else (years // BAND).astype(np.int64)
