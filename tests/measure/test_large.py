"""What is measured of large databases in another way is what is measured of small ones."""

from __future__ import annotations

import numpy as np
import pytest

from deidframe.measure import grouping, interval, loss, quality


def test_spread_is_the_same_however_many_rows_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.standard_normal((300, 7)).astype(np.float32), rng.integers(-1, 40, 300)
    plain = np.zeros(300)
    for label in range(40):
        rows = np.flatnonzero(labels == label)
        plain[rows] = ((vectors[rows] - vectors[rows].astype(np.float64).mean(axis=0)) ** 2).sum(axis=1)
    for rows in (1, 10, 10_000):
        monkeypatch.setattr(loss, "ROWS", rows)
        assert np.allclose(loss.squared_to_mean(vectors, labels), plain, rtol=1e-9)
    assert not loss.squared_to_mean(vectors, np.full(300, -1)).any()
    other = rng.standard_normal((300, 7))
    assert np.allclose(loss.distances(vectors, other), np.linalg.norm(vectors - other, axis=1))


def test_the_normal_interval_of_many_is_the_bootstraps(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    below = rng.gamma(3, 1, 4000)
    above = below * rng.uniform(0.5, 1.5, 4000)
    drawn = interval.mean_by_person(above), interval.ratio_by_person(above, below)
    monkeypatch.setattr(interval, "MANY", 4000)
    normal = interval.mean_by_person(above), interval.ratio_by_person(above, below)
    for a, b in zip(drawn, normal, strict=True):
        assert a is not None and b is not None
        assert a.value == b.value
        width = a.high - a.low
        assert abs(a.low - b.low) < 0.1 * width and abs(a.high - b.high) < 0.1 * width


def test_the_interval_of_a_rare_event_among_many_stays_a_share() -> None:
    rare = np.zeros(interval.MANY)
    rare[:3] = 1
    found = interval.mean_by_person(rare, proportion=True)
    assert found is not None
    assert found.low == 0.0 < found.value < found.high < 1e-3


def test_silhouettes_and_distances_are_the_same_however_many_scores_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    vectors, labels = rng.standard_normal((400, 5)).astype(np.float32), rng.integers(-1, 30, 400)
    whole = grouping.summary(vectors, labels)
    monkeypatch.setattr(grouping, "SCORES", 1000)
    monkeypatch.setattr(grouping, "MANY", 100)
    parts = grouping.summary(vectors, labels)
    for name in ("silhouette", "within", "between", "seed_ssd_l2", "sse"):
        a, b = whole[name], parts[name]
        a, b = (a.value, b.value) if name == "silhouette" else (a, b)
        assert abs(a - b) < 1e-4 * abs(a) + 1e-5, name


def test_feature_distances_of_large_sets_are_those_of_rows_evenly_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((900, 6)), rng.standard_normal((900, 6)) + 0.3
    near = quality.kernel_distance(a, b)
    monkeypatch.setattr(quality, "SUBSET", 300)
    some = quality.kernel_distance(a, b)
    assert near is not None and some is not None
    taken = np.linspace(0, 899, 300).astype(np.int64)
    assert some == quality.kernel_distance(a[taken], b[taken])
    assert abs(near.value - some.value) < 0.5 * near.value
