from __future__ import annotations

import numpy as np
import pytest

from deidframe.measure.verification import Pairs, all_pairs, cosine, fold_accuracy, rank_one, tar_at_far


def crowd(people: int, pictures: int, noise: float, seed: int = 1) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), pictures)
    vectors = rng.standard_normal((people, 24))[who] + noise * rng.standard_normal((len(who), 24))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), [str(w) for w in who]


def test_pairs_and_cosines() -> None:
    vectors, people = crowd(3, 2, 0.1)
    pairs = all_pairs(people)
    assert len(pairs.a) == 15
    assert int(pairs.same.sum()) == 3
    expected = (vectors @ vectors.T)[pairs.a, pairs.b]
    assert np.allclose(cosine(vectors, pairs), expected, atol=1e-6)


def test_a_perfect_and_a_blind_encoder() -> None:
    vectors, people = crowd(40, 4, 0.1)
    pairs = all_pairs(people)
    scores = cosine(vectors, pairs)
    accuracy = fold_accuracy(scores, pairs)
    assert accuracy is not None
    assert accuracy[0] > 0.99
    assert tar_at_far(scores, pairs)[1e-3][0].value > 0.99
    first = rank_one(vectors, people)
    assert first is not None
    assert (first.value, first.n) == (1.0, 40)
    blind = np.random.default_rng(2).standard_normal(len(scores))
    accuracy = fold_accuracy(blind, pairs)
    assert accuracy is not None
    assert accuracy[0] == pytest.approx(0.5, abs=0.06)
    assert tar_at_far(blind, pairs)[1e-2][0].value < 0.05


def test_tar_counts_what_lies_above_the_impostors() -> None:
    same = np.array([True] * 10 + [False] * 1000)
    scores = np.concatenate([np.linspace(0.05, 0.95, 10), np.linspace(0, 0.5, 1000)])
    pairs = Pairs(np.zeros(1010, np.int64), np.zeros(1010, np.int64), same, np.arange(1010) % 7)
    found = tar_at_far(scores, pairs)
    # ten impostors of a thousand may pass, so the threshold is the eleventh highest
    assert found[1e-2][1] == pytest.approx(np.sort(scores[~same])[::-1][10])
    assert found[1e-2][0].value == pytest.approx(0.5)
    assert 1e-4 not in found  # a thousand impostors cannot show one in ten thousand


def test_nothing_to_compare() -> None:
    vectors, people = crowd(5, 1, 0.1)
    pairs = all_pairs(people)
    assert fold_accuracy(cosine(vectors, pairs), pairs) is None
    assert tar_at_far(cosine(vectors, pairs), pairs) == {}
    assert rank_one(vectors, people) is None
