"""Thresholds, linkability and singling out against closed forms and against scikit-learn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, hypergeom, norm
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_curve

from deidframe.measure import linkage
from deidframe.measure.rank import Standing, cumulative_match

seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, own: int, others: int, apart: float = 1.0, ties: bool = False) -> tuple[linkage.Scores, linkage.Scores]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(apart, 1, own), rng.normal(0, 1, others)
    if ties:
        a, b = a.round(), b.round()
    return a.astype(np.float32), np.sort(b.astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(2, 40), st.integers(2, 200), st.booleans())
def test_error_rates_are_those_of_scikit_learn(seed: int, m: int, n: int, ties: bool) -> None:
    own, others = drawn(seed, m, n, ties=ties)
    got = linkage.errors(own, others)
    far, tar, at = roc_curve(np.repeat([1, 0], [m, n]), np.concatenate([own, others]), drop_intermediate=False)
    theirs = {float(t): (f, 1 - r) for t, f, r in zip(at, far, tar, strict=True)}
    for threshold, accepted, rejected in zip(got.thresholds.tolist(), got.far, got.frr, strict=True):
        assert theirs[threshold] == pytest.approx((accepted, rejected))


def test_the_eer_of_two_normals() -> None:
    own, others = drawn(1, 200_000, 200_000, apart=2.0)
    assert linkage.errors(own, others).eer == pytest.approx(norm.cdf(-1), abs=0.004)
    assert linkage.errors(others[::2] + 100, others).eer == 0
    assert linkage.errors(np.zeros(5, np.float32), np.zeros(9, np.float32)).eer == pytest.approx(0.5)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(2, 40), st.integers(2, 200), st.booleans())
def test_linkability_is_that_of_an_isotonic_fit_over_all_scores(seed: int, m: int, n: int, ties: bool) -> None:
    own, others = drawn(seed, m, n, ties=ties)
    weight = np.repeat([1 / m, 1 / n], [m, n])
    whole = np.concatenate([own, others]).astype(np.float64)  # in float32 scikit-learn takes neighbours for ties
    fit = IsotonicRegression().fit(whole, np.repeat([1.0, 0.0], [m, n]), sample_weight=weight).predict(own.astype(np.float64))
    ratio = fit / np.maximum(1 - fit, 1e-300)
    expected = np.where(ratio > 1, 2 * ratio / (1 + ratio) - 1, 0).mean()
    assert linkage.linkability(own, others) == pytest.approx(expected, abs=1e-6)


def test_linkability_from_nothing_to_everything() -> None:
    own, others = drawn(2, 100_000, 100_000, apart=1.0)
    grid = np.linspace(0.5, 9, 200_001)
    ratio = norm.pdf(grid, 1) / norm.pdf(grid, 0)
    exact = float(np.trapezoid((2 * ratio / (1 + ratio) - 1) * norm.pdf(grid, 1), grid))
    assert linkage.linkability(own, others) == pytest.approx(exact, abs=0.01)
    assert linkage.linkability(others + 100, others) == pytest.approx(1)
    assert linkage.linkability(np.zeros(4, np.float32), np.zeros(4, np.float32)) == 0
    noise = [linkage.linkability(*drawn(seed, 100, 9900, apart=0.0)) for seed in range(20)]
    assert 0 < np.mean(noise) < 0.08  # why the value of exchanged people stands beside it


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(2, 30))
def test_first_of_n_drawn_candidates(seed: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    better = int(rng.integers(0, people))
    equal = int(rng.integers(1, people - better + 1))
    for size in range(1, people + 1):
        # tied others before the own one: any number from 0 on is as probable, and each then counts as better
        ahead = [hypergeom(people - 1, better + j, size - 1).pmf(0) for j in range(equal)]
        got = linkage.link_probability(np.array([better]), np.array([equal]), people, size)
        assert got[0] == pytest.approx(np.mean(ahead), abs=1e-9)
    assert got[0] == pytest.approx(min(max(0.0, (1 - better) / equal), 1.0), abs=1e-9)  # of all candidates it is rank-1


def test_singling_out() -> None:
    rng = np.random.default_rng(3)
    n, rounds = 60, 60
    people = np.tile(np.arange(n), 5)
    tried = [linkage.singling_out(rng.random((5 * n, n)).astype(np.float32), people) or (0.0, 0.0) for _ in range(rounds)]
    level = tried[0][1]
    assert np.mean([share for share, _ in tried]) == pytest.approx(level, abs=0.02)
    assert level < np.exp(-1)
    found = (np.eye(n, dtype=np.float32)[people] + rng.random((5 * n, n)).astype(np.float32) * 0.1).astype(np.float32)
    assert linkage.singling_out(found, people)[0] > 0.5  # type: ignore[index]
    shared = np.repeat(rng.random((n // 5, n)).astype(np.float32), 5, axis=0)[people]  # five share a picture: none is alone
    assert linkage.singling_out(shared, people)[0] == 0  # type: ignore[index]
    assert linkage.singling_out(found[:n], people[:n]) is None


def test_thresholds_let_as_few_pass_as_they_say() -> None:
    scores = np.sort(np.random.default_rng(4).random(5000).astype(np.float32))
    found = linkage.thresholds_at(scores)
    assert sorted(found) == [1e-3, 1e-2]  # one in 10,000 cannot be told from 5,000
    assert {far: int((scores > at).sum()) for far, at in found.items()} == {1e-2: 50, 1e-3: 5}


def test_the_exact_interval_of_trials() -> None:
    for hits, n in ((0, 20), (3, 20), (20, 20), (50, 979)):
        theirs = binomtest(hits, n).proportion_ci(method="exact")
        assert linkage.proportion_interval(hits / n, n) == pytest.approx((theirs.low, theirs.high))


def test_the_cmc_shares_ties_and_ends_at_the_people_who_are_there() -> None:
    tied = Standing(("a", "b"), np.array([0, 1]), np.array([4, 1]))
    assert cumulative_match(tied, 4).tolist() == pytest.approx([0.125, 0.75, 0.875, 1])
    for r in range(1, 5):
        assert cumulative_match(tied, 4)[r - 1] == pytest.approx(tied.hits((r,)).mean())
    absent = Standing(("a", "b"), np.array([0, 0]), np.array([1, 0]))
    assert cumulative_match(absent, 3).tolist() == [0.5] * 3
