"""How far an attack's scores tell the right person from others: thresholds, linkability and singling out, from raw scores.

`own` is the score of each probe with its own person, `others` are scores of probes with people who they are not, rising. A
candidate is a person, scored by the best of that person's gallery faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
FARS = (1e-2, 1e-3, 1e-4)
SIZES = (2, 10, 100)
"""Numbers of candidates N' for which `link_probability` is told."""


@dataclass(frozen=True)
class Errors:
    """Error rates at every threshold that changes one: the DET curve.

    Args:
        thresholds: `(T,)` falling scores; a pair is accepted at a score of at least this.
        far: `(T,)` share of `others` that is accepted, rising.
        frr: `(T,)` share of `own` that is rejected, falling.
    """

    thresholds: Scores
    far: NDArray[np.float64]
    frr: NDArray[np.float64]

    @property
    def eer(self) -> float:
        """The error rate where both are equal, between thresholds on the straight line."""
        far, frr = np.concatenate([[0.0], self.far]), np.concatenate([[1.0], self.frr])
        after = int(np.argmax(far >= frr))
        if after == 0:
            return float(far[0])
        a, b = frr[after - 1] - far[after - 1], far[after] - frr[after]
        return float(far[after - 1] + (far[after] - far[after - 1]) * a / (a + b)) if a + b else float(far[after])


def errors(own: Scores, others: Scores, weights: NDArray[np.float64] | None = None) -> Errors:
    """Return the DET curve at the thresholds of `own`, which are the only ones that change the rejections.

    Args:
        own: `(M,)`.
        others: `(I,)`, rising.
        weights: `(M,)` of `own`, so that a person's probes weigh 1 together.
    """
    at, inverse = np.unique(own, return_inverse=True)
    mass = np.bincount(inverse, weights=weights, minlength=len(at))
    accepted = len(others) - np.searchsorted(others, at, side="left")
    above = mass[::-1].cumsum() / mass.sum()
    return Errors(at[::-1], accepted[::-1] / max(len(others), 1), 1 - above)


def curves_data(cmc: NDArray[np.float64], curve: Errors | None, most: int = 200) -> dict[str, list[float]]:
    """Return the points that a report draws: the CMC at its ranks and the DET curve, thinned to so many points each.

    Args:
        cmc: `(N,)` rates of rank 1 to N.
        curve: error rates, None where there are none.
        most: points of each.
    """
    ranks = (
        np.unique(np.geomspace(1, len(cmc), min(most, len(cmc))).round().astype(np.int64)) if len(cmc) else np.zeros(0, np.int64)
    )
    out = {"rank": ranks.astype(float).tolist(), "rate": cmc[ranks - 1].round(6).tolist()}
    if curve is not None:
        some = np.unique(np.linspace(0, len(curve.far) - 1, min(most, len(curve.far))).round().astype(np.int64))
        out |= {"far": curve.far[some].round(8).tolist(), "frr": curve.frr[some].round(6).tolist()}
    return out


def thresholds_at(impostors: Scores, fars: tuple[float, ...] = FARS) -> dict[float, float]:
    """Return the score that so small a share of rising impostor scores lies above; a FAR of less than one score is left out."""
    places = {far: int(far * len(impostors)) for far in fars}
    return {far: float(impostors[-1 - place]) for far, place in places.items() if place >= 1}


def linkability(own: Scores, others: Scores, weights: NDArray[np.float64] | None = None) -> float:
    """Return D_sys, 0 (nothing is linked) to 1 (every pair is), at equal priors.

    D(s) = 2 LR / (1 + LR) - 1 where the likelihood ratio LR(s) exceeds 1, else 0; D_sys is its mean over `own` (Gomez-Barrero,
    Galbally, Rathgeb, Busch, General framework to evaluate unlinkability in biometric template protection systems, IEEE TIFS
    13(6), 2018, eq. 8 to 11). LR rises with the score: it is the isotonic regression of the pooled scores (Brummer, du Preez, The
    PAV algorithm optimizes binary proper scoring rules, 2013), so no bins are chosen. Finite scores of pure noise give a little
    more than 0, so the value under exchanged people belongs beside it.
    """
    # here: commands that measure nothing start without it; scikit-learn has the same, to the bit, and loads three times as long
    from scipy.optimize import isotonic_regression

    if not len(own) or not len(others):
        return 0.0
    at, inverse = np.unique(own, return_inverse=True)
    mass = np.bincount(inverse, weights=weights, minlength=len(at)).astype(np.float64)
    mass /= mass.sum()
    below, upto = (np.searchsorted(others, at, side=side) for side in ("left", "right"))
    between = (below - np.concatenate([[0], upto[:-1]])).astype(np.float64)
    same = (upto - below).astype(np.float64)
    # in rising order: the others that lie strictly below an own score, then all that share it; at last those above every one
    impostor = np.append(np.stack([between, same], axis=1).reshape(-1), len(others) - upto[-1]) / len(others)
    genuine = np.append(np.stack([np.zeros(len(at)), mass], axis=1).reshape(-1), 0)
    total = impostor + genuine
    there = total > 0
    chance = np.zeros(len(total))
    chance[there] = isotonic_regression(genuine[there] / total[there], weights=total[there]).x
    own_chance = chance[1::2]
    return float((mass * np.maximum(2 * own_chance - 1, 0)).sum())  # 2 LR / (1 + LR) - 1 with LR = p / (1 - p)


def link_probability(better: NDArray[np.int64], equal: NDArray[np.int64], people: int, size: int) -> NDArray[np.float64]:
    """Return, for each probe, how probably its own person comes first of `size` candidates drawn from the gallery.

    The hypergeometric law gives it without drawing: of N - 1 others, b score better and e as well, ties fall at random.

    Args:
        better: `(P,)` how many others score better.
        equal: `(P,)` how many score the same, the own one among them.
        people: N candidates in the gallery.
        size: N' of them, the own one included; 1 to N.
    """
    left, drawn = people - 1 - better, size - 1
    with np.errstate(invalid="ignore"):
        every = _log_choose(np.asarray(people - 1), drawn)
        first = np.exp(_log_choose(left + 1, drawn + 1) - every)  # summed over the places among the tied: a hockey stick
        last = np.exp(_log_choose(left - equal + 1, drawn + 1) - every)
    return (first - last) / equal


def _log_choose(n: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    from scipy.special import gammaln

    n = np.asarray(n, np.float64)
    return np.where(n >= k, gammaln(np.maximum(n, k) + 1) - gammaln(k + 1) - gammaln(np.maximum(n, k) - k + 1), -np.inf)


def singling_out(scores: Scores, probe_people: NDArray[np.int64]) -> tuple[float, float] | None:
    """Return how often "scores above t" holds for exactly one of N released people, and how often it does so in pure noise.

    A predicate is one candidate's; t is set on released pictures other than those that it is tried on, so that it holds for one
    in N of them. A predicate that knows nothing singles somebody out with probability (1 - 1/N)^(N-1), 1/e for large N
    (Cohen, Nissim, Towards formalizing the GDPR's notion of singling out, PNAS 117(15), 2020); what finite calibration makes of
    that follows from the beta law of its weight, and is the second figure. Whom it singles out is not asked.

    Args:
        scores: `(P, N)` of P released pictures with N people.
        probe_people: `(P,)` column of each picture's own person.

    Returns:
        None where fewer than two people have two released pictures.
    """
    from scipy.special import betaln

    _, first = np.unique(probe_people, return_index=True)
    rest = np.setdiff1d(np.arange(len(probe_people)), first)
    people = np.intersect1d(probe_people[first], probe_people[rest])
    if len(people) < 2:
        return None
    tried = first[np.isin(probe_people[first], people)]
    tuned = rest[np.isin(probe_people[rest], people)]
    place = len(tuned) // len(people)
    rows = np.ascontiguousarray(scores[np.ix_(tuned, people)].T)  # a partition along memory takes a third of the time
    thresholds = np.partition(rows, -(place + 1), axis=1)[:, -(place + 1)]
    alone = (scores[np.ix_(tried, people)] > thresholds).sum(axis=0) == 1
    a, b, n = place + 1, len(tuned) - place, len(people)
    level = n * np.exp(betaln(a + 1, b + n - 1) - betaln(a, b))
    return float(alone.mean()), float(level)


def proportion_interval(share: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share of n independent trials (Clopper, Pearson, Biometrika 26(4), 1934)."""
    from scipy.stats import beta

    hits, tail = share * n, (1 - level) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high
