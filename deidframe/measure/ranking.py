"""Methods ranked over several databases: who is dominated by nobody, mean ranks, and whether they differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
"""Of the test and of the critical difference."""


@dataclass(frozen=True)
class Ranking:
    """How methods stand over blocks, a block being a database under one seed.

    Args:
        mean: `(M,)` mean rank of each method, 1 for the lowest figure; ties share.
        blocks: how many.
        p: of Friedman's test that all methods are alike; None with fewer than three methods or two blocks.
        critical: two methods whose mean ranks lie nearer than this are not told apart (Nemenyi, 5 %); None without a test.
    """

    mean: NDArray[np.float64]
    blocks: int
    p: float | None
    critical: float | None


def ranking(figures: NDArray[Any]) -> Ranking:
    """Rank methods, lower figures first.

    Source: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006: Friedman's test, and Nemenyi's
    critical difference q sqrt(M (M + 1) / (6 B)) with q of the studentized range over sqrt(2).

    Args:
        figures: `(B, M)` a figure of each method in each block, all finite, M at least 1.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    table = np.asarray(figures, np.float64)
    blocks, methods = table.shape
    mean = rankdata(table, axis=1).mean(axis=0)
    if methods < 3 or blocks < 2:
        return Ranking(mean, blocks, None, None)
    alike = bool((table == table[:, :1]).all())  # the statistic is not defined where all ranks are tied
    p = 1.0 if alike else float(friedmanchisquare(*table.T).pvalue)
    q = float(studentized_range.ppf(1 - LEVEL, methods, np.inf)) / np.sqrt(2)
    return Ranking(mean, blocks, p, float(q * np.sqrt(methods * (methods + 1) / (6 * blocks))))


def pareto_front(points: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Return which points nobody dominates: no other is as low in both figures and lower in one."""
    table = np.asarray(points, np.float64).reshape(-1, 2)
    no_worse = (table[:, None] <= table[None]).all(axis=2)
    better = (table[:, None] < table[None]).any(axis=2)
    return np.asarray(~(no_worse & better).any(axis=0), np.bool_)


def cliques(mean: NDArray[np.float64], critical: float) -> list[tuple[int, int]]:
    """Return the runs of methods, in order of their mean ranks, that lie within a critical difference of each other.

    Args:
        mean: `(M,)` rising.
        critical: the difference.

    Returns:
        First and last of each run of two or more, none inside another.
    """
    out: list[tuple[int, int]] = []
    for first in range(len(mean)):
        last = int(np.searchsorted(mean, mean[first] + critical, side="right")) - 1
        if last > first and (not out or last > out[-1][1]):
            out.append((first, last))
    return out
