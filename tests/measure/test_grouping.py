from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples
from sklearn.metrics.cluster import pair_confusion_matrix

from deidframe.measure import grouping
from deidframe.measure.grouping import against_labels, seed_ssd_l2, summary


@settings(deadline=None, max_examples=40)
@given(st.integers(6, 60), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_silhouettes_are_those_of_a_peer(n: int, groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, 4)).astype(np.float32)
    labels = np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])
    found = summary(vectors, labels)["silhouette"]
    assert found.value == pytest.approx(silhouette_samples(vectors, labels).mean(), abs=1e-6)


def test_pairwise_distances_within_and_between() -> None:
    vectors, labels = np.array([[0, 0], [3, 4], [0, 10], [0, 12], [99, 99]], float), np.array([0, 0, 1, 1, -1])
    found = summary(vectors, labels)
    assert (found["groups"], found["largest"], found["smallest"], found["noise_share"]) == (2, 2, 2, 0.2)
    assert found["within"] == pytest.approx((5 + 2) / 2)
    between = [10, 12, np.hypot(3, 6), np.hypot(3, 8)]
    assert found["between"] == pytest.approx(np.mean(between))
    # squares of halves: 2 * 2.5^2 + 2 * 1^2; plain: 5 / 2 + 2 / 2
    assert found["sse"] == pytest.approx(14.5)
    assert found["seed_ssd_l2"] == pytest.approx(3.5) == seed_ssd_l2(vectors, labels)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 4)), min_size=2, max_size=40))
def test_pairwise_counts_are_those_of_a_peer(rows: list[tuple[int, int]]) -> None:
    labels, people = np.array([a for a, _ in rows]), [str(b) for _, b in rows]
    alone = labels.copy()
    alone[labels < 0] = 100 + np.arange((labels < 0).sum())
    (_, false_found), (false_missed, right) = pair_confusion_matrix(people, alone)
    found = against_labels(labels, people)
    assert found["pairwise_precision"] == pytest.approx(right / (right + false_found) if right + false_found else 1)
    assert found["pairwise_recall"] == pytest.approx(right / (right + false_missed) if right + false_missed else 1)


def test_bcubed_of_a_small_example() -> None:
    # aab | bb: precision (2/3 + 2/3 + 1/3 + 1 + 1) / 5, recall (1 + 1 + 1/3 + 2/3 + 2/3) / 5
    found = against_labels(np.array([0, 0, 0, 1, 1]), list("aabbb"))
    assert found["bcubed_precision"] == pytest.approx(11 / 15)
    assert found["bcubed_recall"] == pytest.approx(11 / 15)
    assert found["bcubed_f"] == pytest.approx(11 / 15)
    assert against_labels(np.array([], np.int64), []) == {}


def test_a_sample_is_near_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 6, 1500)
    vectors = rng.standard_normal((6, 5))[labels] + 0.7 * rng.standard_normal((1500, 5))
    whole = summary(vectors, labels)
    monkeypatch.setattr(grouping, "SAMPLE", 400)
    sampled = summary(vectors, labels)
    assert sampled["silhouette"].n == 400
    assert sampled["silhouette"].low < whole["silhouette"].value < sampled["silhouette"].high
    assert sampled["within"] == pytest.approx(whole["within"], rel=0.05)


def test_one_group_and_all_noise_have_no_silhouette() -> None:
    for labels in (np.zeros(4, np.int64), np.full(4, -1)):
        assert "silhouette" not in summary(np.eye(4), labels)
