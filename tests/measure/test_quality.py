from __future__ import annotations

import numpy as np
import pytest

from deidframe.measure.quality import (
    attribute_fit,
    frechet_distance,
    kernel_distance,
    least_distance,
    sharpness,
    threshold,
)

RNG = np.random.default_rng(3)


def test_threshold_lets_the_asked_share_of_strangers_pass() -> None:
    vectors = RNG.standard_normal((300, 16))
    people = [str(n // 3) for n in range(300)]
    limit = threshold(vectors, people, far=0.05)
    far = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    strangers = np.array([[a != b for b in people] for a in people])
    assert limit is not None
    assert (far[strangers] <= limit).mean() == pytest.approx(0.05, abs=0.001)


def test_one_person_has_no_threshold() -> None:
    assert threshold(np.eye(3), ["a", "a", "a"]) is None
    assert threshold(np.zeros((0, 3)), []) is None


def test_frechet_of_gaussians_is_what_the_formula_says() -> None:
    a = RNG.standard_normal((40_000, 2)) * [1.0, 2.0]
    b = RNG.standard_normal((40_000, 2)) * [3.0, 2.0] + [1.0, 0.0]
    # |m1 - m2|^2 + (1 - 3)^2 + (2 - 2)^2
    assert frechet_distance(a, b) == pytest.approx(5.0, rel=0.03)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(a[:1], b) is None


def test_frechet_of_few_wide_rows_is_that_of_their_whole_covariances() -> None:
    a, b = RNG.standard_normal((6, 20)) * 2, RNG.standard_normal((9, 20)) + 0.3
    first, second = np.cov(a.T), np.cov(b.T)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(first @ second).real, 0)).sum()
    wanted = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * roots
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-6)
    assert frechet_distance(a, np.repeat(b, 4, axis=0)) == pytest.approx(frechet_distance(np.repeat(b, 4, axis=0), a))


def test_kernel_distance_is_about_zero_for_sets_alike_and_grows() -> None:
    a, b = RNG.standard_normal((2, 400, 8))
    near, far = kernel_distance(a, b), kernel_distance(a, b + 1)
    assert near is not None
    assert far is not None
    assert abs(near.value) < 0.1 < far.value
    assert kernel_distance(a[:1], b) is None


def test_kernel_distance_equals_a_plain_loop() -> None:
    a, b = RNG.standard_normal((5, 3)), RNG.standard_normal((4, 3))

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 3 + 1) ** 3)

    within_a = np.mean([k(a[i], a[j]) for i in range(5) for j in range(5) if i != j])
    within_b = np.mean([k(b[i], b[j]) for i in range(4) for j in range(4) if i != j])
    between = np.mean([k(x, y) for x in a for y in b])
    found = kernel_distance(a, b)
    assert found is not None
    assert found.value == pytest.approx(within_a + within_b - 2 * between)


def test_blur_is_less_sharp() -> None:
    picture = RNG.integers(0, 256, (32, 32, 3), np.uint8)
    blurred = ((picture[:-1].astype(int) + picture[1:]) // 2).astype(np.uint8)
    assert sharpness(blurred) < sharpness(picture)
    assert sharpness(np.full((8, 8, 3), 7, np.uint8)) == pytest.approx(0, abs=1e-18)


def test_least_distance() -> None:
    assert least_distance(np.array([[0.0, 0], [3, 4], [0, 1]])) == pytest.approx(1)
    assert least_distance(np.zeros((1, 2))) is None


def test_attributes_of_surrogates_against_their_groups() -> None:
    male = np.array([1, 1, 1, 1, 0, 0, 0, 1, 1, 0.0])
    years = np.array([20, 30, 40, 50, 60, 10, 20, 30, 40, 50.0])
    labels = np.repeat([0, 1], 5)
    fit = attribute_fit(male, years, labels, np.array([0.2, 0.9]), np.array([45.0, 30.0]))
    # only the first group has four of five, and its surrogate has the other sex
    assert fit == {"sex_groups": 1, "sex_right": 0.0, "age_off": 2.5}
