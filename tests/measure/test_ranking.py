from __future__ import annotations

import numpy as np
import pytest

from deidframe.measure.ranking import cliques, pareto_front, ranking

DEMSAR = 1 - np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9754, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
"""Demsar, JMLR 7, 2006, table 6: AUC of C4.5 and three variants on 14 data sets, turned so that lower is better; `voting` to four
digits, since its ranks differ where three do not."""


def test_the_example_of_the_paper() -> None:
    found = ranking(DEMSAR)
    assert found.mean == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert found.critical == pytest.approx(1.25, abs=0.005), "page 13: 2.569 sqrt(4 x 5 / (6 x 14))"
    assert found.p is not None
    assert 0.01 < found.p < 0.05


def test_what_is_all_alike_is_not_told_apart() -> None:
    found = ranking(np.ones((5, 3)))
    assert (found.p, found.mean.tolist()) == (1.0, [2.0, 2.0, 2.0])


@pytest.mark.parametrize("shape", [(1, 5), (4, 2), (1, 1)])
def test_too_few_for_a_test(shape: tuple[int, int]) -> None:
    found = ranking(np.random.default_rng(0).random(shape))
    assert (found.p, found.critical) == (None, None)


def test_the_front() -> None:
    points = [(1.0, 0.1), (0.5, 0.5), (0.1, 1.0), (0.5, 0.6), (1.0, 0.1), (2.0, 0.1)]
    assert pareto_front(points).tolist() == [True, True, True, False, True, False]
    assert pareto_front([]).tolist() == []


def test_cliques() -> None:
    assert cliques(np.array([1.0, 1.5, 2.0, 4.0]), 0.6) == [(0, 1), (1, 2)]
    assert cliques(np.array([1.0, 1.5, 2.0, 4.0]), 5.0) == [(0, 3)]
    assert cliques(np.array([1.0, 3.0]), 0.5) == []
