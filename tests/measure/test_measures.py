from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidframe.contract import LinkScores
from deidframe.measure.interval import mean_by_person, ratio_by_person
from deidframe.measure.loss import loss_ratio, sse, surrogate_loss
from deidframe.measure.rank import rank_hits, rank_rates


def test_sse_is_the_pair_sum_over_the_size() -> None:
    rng = np.random.default_rng(1)
    vectors, labels = rng.standard_normal((30, 8)), np.arange(30) % 4
    pairs = 0.0
    for label in range(4):
        rows = vectors[labels == label]
        squares = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
        pairs += np.triu(squares, 1).sum() / len(rows)
    assert sse(vectors, labels) == pytest.approx(pairs)
    assert sse(vectors, np.full(30, -1)) == 0


def test_loss_ratio_of_the_mean_is_one() -> None:
    rng = np.random.default_rng(2)
    members, labels = rng.standard_normal((20, 5)), np.arange(20) % 4
    means = np.stack([members[labels == g].mean(axis=0) for g in labels])
    figure = loss_ratio(members, labels, means)
    assert figure is not None
    assert figure.value == pytest.approx(1)
    worse = loss_ratio(members, labels, means + 1)
    assert worse is not None
    assert worse.value > 1


def scores(values: list[list[float]], probes: list[str], gallery: list[str]) -> LinkScores:
    return LinkScores(tuple(probes), tuple(gallery), np.array(values, np.float32).reshape(len(probes), len(gallery)))


def test_rank_counts_people_and_breaks_ties_at_random() -> None:
    person = {"a1": "a", "b1": "b", "c1": "c", "pa": "a", "pb": "b", "px": "x"}
    got = scores([[3, 2, 1], [1, 1, 0], [1, 2, 3]], ["pa", "pb", "px"], ["a1", "b1", "c1"])
    people, hits = rank_hits(got, person, (1, 2, 3))
    assert people == ("a", "b", "x")
    assert hits.tolist() == [[1, 1, 1], [0.5, 1, 1], [0, 0, 0]]


def test_a_constant_release_gives_chance() -> None:
    n = 40
    person = {f"p{i}": str(i) for i in range(n)} | {f"g{i}": str(i) for i in range(n)}
    got = LinkScores(tuple(f"p{i}" for i in range(n)), tuple(f"g{i}" for i in range(n)), np.ones((n, n), np.float32))
    assert rank_rates(*rank_hits(got, person, (1,)), (1,))[1].value == pytest.approx(1 / n)


def test_each_person_weighs_the_same() -> None:
    person = {"a1": "a", "b1": "b", **{f"pa{i}": "a" for i in range(9)}, "pb": "b"}
    got = scores([[1, 0]] * 9 + [[1, 0]], [f"pa{i}" for i in range(9)] + ["pb"], ["a1", "b1"])
    assert rank_rates(*rank_hits(got, person, (1,)), (1,))[1].value == pytest.approx(0.5)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 6), st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_a_shared_surrogate_never_beats_one_in_k(k: int, groups: int, seed: int) -> None:
    """Whatever the matcher: one answer for all of a group names at most one of them right."""
    rng = np.random.default_rng(seed)
    people = k * groups
    per_group = rng.standard_normal((groups, people)).astype(np.float32)
    counts = rng.integers(1, 5, people)
    probes = [(f"p{i}-{j}", i) for i in range(people) for j in range(counts[i])]
    person = {name: str(i) for name, i in probes} | {f"g{i}": str(i) for i in range(people)}
    table = np.stack([per_group[i // k] for _, i in probes])
    got = LinkScores(tuple(name for name, _ in probes), tuple(f"g{i}" for i in range(people)), table)
    assert rank_rates(*rank_hits(got, person, (1,)), (1,))[1].value <= 1 / k + 1e-9


def test_intervals() -> None:
    none, all_right = mean_by_person(np.zeros(50), proportion=True), mean_by_person(np.ones(50), proportion=True)
    assert none is not None
    assert all_right is not None
    # Clopper and Pearson for 0 of 50: 1 - 0.025 ** (1 / 50)
    assert (none.low, none.high) == (0, pytest.approx(0.0711, abs=1e-4))
    assert (all_right.low, all_right.high) == (pytest.approx(0.9289, abs=1e-4), 1)
    half = mean_by_person(np.arange(400) % 2, proportion=True)
    assert half is not None
    assert half.low == pytest.approx(0.451, abs=0.01)
    assert half.high == pytest.approx(0.549, abs=0.01)
    assert mean_by_person(np.array([])) is None
    assert ratio_by_person(np.ones(3), np.zeros(3)) is None


def test_surrogate_loss_is_a_mean_over_people() -> None:
    originals, released = np.zeros((4, 2)), np.array([[1, 0], [1, 0], [1, 0], [3, 0]])
    figure = surrogate_loss(originals, released, ["a", "a", "a", "b"])
    assert figure is not None
    assert (figure.value, figure.n) == (2, 2)


def test_people_who_share_a_picture_are_resampled_together() -> None:
    """One of five is named in every group: that is .20 without any doubt, and no coin thrown for each person."""
    hits = np.tile([1.0, 0, 0, 0, 0], 20)
    people = [f"p{n:03d}" for n in range(100)]
    alone = rank_rates(people, hits[:, None], (1,))[1]
    together = rank_rates(people, hits[:, None], (1,), {person: n // 5 for n, person in enumerate(people)})[1]
    assert (together.value, together.low, together.high, together.n) == (0.2, 0.2, 0.2, 100)
    assert alone.low < 0.15 and alone.high > 0.25
    half = np.concatenate([hits[:50], 0 * hits[:50]])
    some = rank_rates(people, half[:, None], (1,), {person: n // 5 for n, person in enumerate(people)})[1]
    assert 0.05 <= some.low < 0.1 < some.high <= 0.15
