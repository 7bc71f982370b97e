"""How well members of a database are told from others by one score for each person."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def true_positives(members: NDArray[Any], others: NDArray[Any], false_alarm: float) -> NDArray[np.float64]:
    """Return for each member 1 where it is accepted at the threshold that so many others pass, 0 where not.

    The threshold is the least that lets at most `floor(false_alarm x others)` of the others pass (Carlini et al., Membership
    inference attacks from first principles, IEEE S&P 2022). Of members who tie with the others at the threshold none is accepted.

    Args:
        members, others: scores, higher for a member.
        false_alarm: share of others, 0 to 1.
    """
    if not len(others):
        return np.zeros(len(members))
    falling = np.sort(np.asarray(others, np.float64))[::-1]
    threshold = falling[min(int(false_alarm * len(falling)), len(falling) - 1)]
    passed: NDArray[np.bool_] = np.asarray(members, np.float64) > threshold
    return passed.astype(np.float64)


def area(members: NDArray[Any], others: NDArray[Any]) -> float:
    """Return the probability that a member scores above another, ties half: the area under the ROC (Mann, Whitney, 1947)."""
    if not len(members) or not len(others):
        return 0.5
    rising = np.sort(np.asarray(others, np.float64))
    mine = np.asarray(members, np.float64)
    below, at_most = np.searchsorted(rising, mine, "left"), np.searchsorted(rising, mine, "right")
    return float((below + at_most).mean() / (2 * len(rising)))
