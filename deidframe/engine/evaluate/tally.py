"""What an attack's scores come to, taken slice by slice: ranks of all probes, thresholds of as many people as fit in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import LinkScores
from deidframe.measure import linkage
from deidframe.measure.interval import Estimate
from deidframe.measure.rank import Standing, by_person, candidate_scores, cumulative_match, rank_rates, standing

HELD = 2**24
"""Scores that thresholds are measured on, 64 MiB of them; of more people so many are taken at random that theirs fit."""
SEED = 20260104


@dataclass(frozen=True)
class Thresholds:
    """Scores of some people's probes with these same people.

    Args:
        table: `(P, N)` float32.
        own, exchanged: `(P,)` the column of each probe's person, and of the one that it was exchanged for.
    """

    table: NDArray[np.float32]
    own: NDArray[np.int64]
    exchanged: NDArray[np.int64]

    def parted(self, column: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
        """Return the scores with these people, those with all others, rising, and weights by which people weigh the same."""
        mine = np.zeros(self.table.shape, bool)
        mine[np.arange(len(mine)), column] = True
        weights = 1 / np.bincount(column, minlength=self.table.shape[1])[column]
        return self.table[mine], np.sort(self.table[~mine]), weights


@dataclass
class Tally:
    """Takes scores and gives figures.

    Args:
        person_of: face id -> person, of probes and gallery.
        exchanged: probe -> the person it is taken for in the control.
        gallery: the people of the gallery.
        ruled_out: candidates that the attacker knows a probe not to show, on average.
    """

    person_of: Mapping[str, str]
    exchanged: Mapping[str, str]
    gallery: frozenset[str]
    candidates: int = 0
    missed: int = 0
    ruled_out: float = 0.0
    _standings: list[Standing] = field(default_factory=list)
    _blind: list[Standing] = field(default_factory=list)
    _some: tuple[str, ...] = ()
    _parts: list[Thresholds] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = Counter(self.person_of[probe] for probe in self.exchanged)
        people = sorted(set(count) & self.gallery)
        chosen: list[str] = []
        probes = 0
        for n in np.random.default_rng(SEED).permutation(len(people)).tolist():
            probes += count[people[n]]
            if probes * (len(chosen) + 1) > HELD:
                break
            chosen.append(people[n])
        self._some = tuple(sorted(chosen))

    def add(self, scores: LinkScores) -> None:
        """Take the scores of some probes."""
        candidates, table = candidate_scores(scores, self.person_of)
        people = [self.person_of[probe] for probe in scores.probe_ids]
        others = [self.exchanged[probe] for probe in scores.probe_ids]
        self._standings.append(standing(table, candidates, people))
        self._blind.append(standing(table, candidates, others))
        self.missed += len(scores.missed_probes)
        self.candidates = len(candidates)
        column = {person: n for n, person in enumerate(candidates)}
        if any(person not in column for person in self._some):
            return  # somebody in the gallery gave no score: there are no thresholds for all
        place = {person: n for n, person in enumerate(self._some)}
        rows = [n for n, person in enumerate(people) if person in place]
        if rows:
            part = table[np.ix_(rows, [column[person] for person in self._some])]
            own, other = (np.array([place.get(who[n], -1) for n in rows], np.int64) for who in (people, others))
            self._parts.append(Thresholds(part, own, other))

    @property
    def found(self) -> Standing:
        """Where every probe's person stands."""
        return _joined(self._standings)

    @property
    def blind(self) -> Standing:
        """Where the person stands for whom each probe's person was exchanged."""
        return _joined(self._blind)

    def figures(self, thresholds: Mapping[float, float]) -> tuple[dict[str, Any], linkage.Errors | None, dict[float, float]]:
        """Return linkability, singling out and error rates, the DET curve, and the thresholds of this attack's own impostors.

        Args:
            thresholds: FAR -> score, fixed on other scores (untouched faces); without any, none is used.
        """
        found = self.found
        metrics: dict[str, Any] = {}
        for size in linkage.SIZES:
            if size <= self.candidates and len(found.people):
                chance = linkage.link_probability(found.better, np.maximum(found.equal, 1), self.candidates, size)
                of = rank_rates(found.people, (chance * (found.equal > 0))[:, None], (1,))[1]
                metrics[f"link{size}"] = of.value
        if not self._parts or len(self._some) < 2:
            return metrics, None, {}
        table = Thresholds(*(np.concatenate([getattr(p, name) for p in self._parts]) for name in ("table", "own", "exchanged")))
        own, others, weights = table.parted(table.own)
        curve = linkage.errors(own, others, weights)
        metrics["eer"], metrics["d_sys"] = curve.eer, linkage.linkability(own, others, weights)
        there = table.exchanged >= 0
        strangers = Thresholds(table.table[there], table.own[there], table.exchanged[there])
        if there.any():
            metrics["d_sys_exchanged"] = linkage.linkability(*strangers.parted(strangers.exchanged))
        alone = linkage.singling_out(table.table, table.own)
        if alone is not None:
            metrics["sing"], metrics["sing_noise"] = alone
        for far, threshold in thresholds.items():
            metrics[f"tar_{far:.0e}".replace("e-0", "e-")] = float(weights[own > threshold].sum() / weights.sum())
        return metrics, curve, linkage.thresholds_at(others)


def _joined(parts: Sequence[Standing]) -> Standing:
    people = tuple(person for part in parts for person in part.people)
    better, equal = (np.concatenate([np.zeros(0, np.int64), *(getattr(p, name) for p in parts)]) for name in ("better", "equal"))
    return Standing(people, better, equal)


@dataclass(frozen=True)
class Tallies:
    """The tallies of an attack's rounds, whose probes are of different people."""

    rounds: tuple[Tally, ...]

    @property
    def candidates(self) -> int:
        """People in the gallery; of the round with the fewest, in which guessing is easiest."""
        return min(one.candidates for one in self.rounds)

    def chance(self, rank: int) -> float:
        """Return what guessing among the candidates who are left reaches; 1 where there are none."""
        left = min((one.candidates - one.ruled_out for one in self.rounds), default=0.0)
        return min(1.0, rank / left) if left > 0 else 1.0

    @property
    def probes(self) -> int:
        """Probes that gave a score."""
        return sum(len(one.found.people) for one in self.rounds)

    @property
    def missed(self) -> int:
        """Probes that gave none."""
        return sum(one.missed for one in self.rounds)

    def rates(self, group_of: Mapping[str, int] | None) -> dict[int, Estimate]:
        """Return rank -> rate over all people."""
        found = _joined([one.found for one in self.rounds])
        return rank_rates(found.people, found.hits(), group_of=group_of)

    def named(self) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return the people, sorted, and how often each is named first."""
        found = _joined([one.found for one in self.rounds])
        if not found.people:
            return (), np.zeros(0)
        return tuple(sorted(set(found.people))), by_person(found.people, found.hits((1,))[:, 0])

    def bound(self, group_of: Mapping[str, int], rank: int) -> float:
        """Return the most that people who share pictures let anybody reach: r over the candidates of a group, by person."""
        shares = []
        for one in self.rounds:
            there = Counter(group_of[person] for person in one.gallery if person in group_of)
            shares += [min(1.0, rank / there[group_of[person]]) for person in set(one.found.people)]
        return float(np.mean(shares)) if shares else 1.0

    def control(self) -> Estimate | None:
        """Return rank-1 against exchanged people."""
        blind = _joined([one.blind for one in self.rounds])
        return rank_rates(blind.people, blind.hits((1,)), (1,)).get(1)

    def cmc(self) -> NDArray[np.float64]:
        """Return `(N,)` the cumulative match curve over all people."""
        return cumulative_match(_joined([one.found for one in self.rounds]), max(one.candidates for one in self.rounds))

    def figures(self, thresholds: Mapping[float, float]) -> tuple[dict[str, Any], linkage.Errors | None, dict[float, float]]:
        """Return what `Tally.figures` does; of several rounds the mean by people, and the curve of the first."""
        told = [one.figures(thresholds) for one in self.rounds]
        if len(told) == 1:
            return told[0]
        weights = [len(set(one.found.people)) for one in self.rounds]
        names = set.intersection(*(set(metrics) for metrics, _, _ in told))
        mean = {name: float(np.average([metrics[name] for metrics, _, _ in told], weights=weights)) for name in sorted(names)}
        return mean, told[0][1], told[0][2]
