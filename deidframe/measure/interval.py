"""A mean over people with its 95 % interval, resampled by person and not by picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
MANY = 20_000
"""People from whom on an interval is the normal one, which the bootstrap's has become by then, in a thousandth of its time."""
NORMAL = 1.959964
"""Standard deviations on either side that hold 95 %."""
SEED = 20260101


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval and the number of people behind it."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """Return it as plain numbers."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def mean_by_person(
    per_person: NDArray[Any], *, proportion: bool = False, groups: NDArray[np.int64] | None = None
) -> Estimate | None:
    """Return the mean and its 95 % percentile-bootstrap interval.

    Args:
        per_person: `(P,)` one value for each person.
        proportion: values are rates from 0 to 1.
        groups: `(P,)` people whose values hang together are resampled together: of people who share one surrogate one at most is
            named first, so they are no independent trials (Davison, Hinkley, Bootstrap methods, 1997, section 3.8).

    Returns:
        None without people. Where all people have one and the same rate of 0 or 1 the bootstrap says nothing, and the interval is
        the exact one of Clopper and Pearson (Biometrika, 1934) for P trials.
    """
    values = np.asarray(per_person, np.float64)
    n = len(values)
    if n == 0:
        return None
    mean = float(values.mean())
    if proportion and (values == values[0]).all() and values[0] in (0.0, 1.0):
        reach = float(1 - 0.025 ** (1 / n))
        return Estimate(mean, 0.0, reach, n) if mean == 0 else Estimate(mean, 1 - reach, 1.0, n)
    if groups is not None:
        return _of_groups(values, groups, mean)
    if n >= MANY:
        reach = float(NORMAL * values.std() / np.sqrt(n))
        return Estimate(mean, max(mean - reach, float(values.min())), min(mean + reach, float(values.max())), n)
    rng = np.random.default_rng(SEED)
    low, high = np.percentile(_resampled_means(values, rng), [2.5, 97.5])
    return Estimate(mean, float(low), float(high), n)


def _of_groups(values: NDArray[np.float64], groups: NDArray[np.int64], mean: float) -> Estimate:
    """Return the interval for which whole groups are resampled."""
    inverse = np.unique(groups, return_inverse=True)[1].reshape(-1)
    counts = np.bincount(inverse).astype(np.float64)
    sums = np.bincount(inverse, values)
    ratio = ratio_by_person(sums, counts)
    assert ratio is not None, "every group has people"
    return Estimate(mean, ratio.low, ratio.high, len(values))


def ratio_by_person(above: NDArray[Any], below: NDArray[Any]) -> Estimate | None:
    """Return sum(above) / sum(below) with its interval, people resampled together; None when the sum below is 0.

    Of many the interval is that of the delta method (Davison, Hinkley, Bootstrap methods, 1997, section 2.7.2).
    """
    top, bottom = np.asarray(above, np.float64), np.asarray(below, np.float64)
    if not len(top) or bottom.sum() <= 0:
        return None
    ratio = float(top.sum() / bottom.sum())
    if len(top) >= MANY:
        reach = float(NORMAL * np.sqrt(np.square(top - ratio * bottom).sum()) / bottom.sum())
        return Estimate(ratio, max(ratio - reach, 0.0), ratio + reach, len(top))
    rng = np.random.default_rng(SEED)
    above_sums, below_sums = np.empty((2, RESAMPLES))
    for part, count in _parts(len(top)):
        rows = rng.integers(0, len(top), (count, len(top)))
        above_sums[part], below_sums[part] = top[rows].sum(axis=1), bottom[rows].sum(axis=1)
    there = below_sums > 0
    low, high = np.percentile(above_sums[there] / below_sums[there], [2.5, 97.5])
    return Estimate(ratio, float(low), float(high), len(top))


def _resampled_means(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    out = np.empty(RESAMPLES)
    for part, count in _parts(len(values)):
        out[part] = values[rng.integers(0, len(values), (count, len(values)))].mean(axis=1)
    return out


def _parts(people: int) -> Iterator[tuple[slice, int]]:
    """Cut the resamples into parts whose memory is bounded, however many people there are."""
    step = max(1, 4_000_000 // people)
    for start in range(0, RESAMPLES, step):
        count = min(step, RESAMPLES - start)
        yield slice(start, start + count), count
