from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from deidframe.contract import Context, Embeddings, Partition
from deidframe_ksame.alone import DpLaplace, Interpolate
from deidframe_ksame.centroid import Centroid
from deidframe_ksame.members import Medoid, RandomWeight
from deidframe_ksame.plugin import DpLaplaceParams, InterpolateParams, NoParams, RandomWeightParams

IDS = tuple(f"p{n}" for n in range(7))
PEOPLE = Embeddings(IDS, np.random.default_rng(2).standard_normal((7, 5)).astype(np.float32), "s")
GROUPS = Partition(IDS, np.array([0, 1, 0, 1, 0, -1, 1]))
CONTEXT = Context(seed=5, scratch=Path())
KEPT = [0, 1, 2, 3, 4, 6]


def test_the_medoid_is_the_member_nearest_to_the_others() -> None:
    made = Medoid(NoParams(), CONTEXT).anonymize(PEOPLE, GROUPS)
    assert made.ids == tuple(IDS[n] for n in KEPT)
    for g in (0, 1):
        rows = np.flatnonzero(GROUPS.labels == g)
        far = [((PEOPLE.vectors[rows] - PEOPLE.vectors[r]) ** 2).sum() for r in rows]
        medoid = rows[int(np.argmin(far))]
        at = np.flatnonzero(made.groups == g)
        assert np.allclose(made.targets[at], PEOPLE.vectors[medoid])
        assert made.weights[at].tolist() == [float(r == medoid) for r in rows]


def test_random_weights_are_shares_and_depend_on_the_people_and_the_seed_alone() -> None:
    made = RandomWeight(RandomWeightParams(), CONTEXT).anonymize(PEOPLE, GROUPS)
    for g in (0, 1):
        at = np.flatnonzero(made.groups == g)
        rows = np.flatnonzero(GROUPS.labels == g)
        assert np.allclose(made.targets[at], made.weights[at] @ PEOPLE.vectors[rows], atol=1e-5)
        assert len(set(made.weights[at].tolist())) == 3
    again = RandomWeight(RandomWeightParams(), CONTEXT).anonymize(PEOPLE, GROUPS)
    assert np.array_equal(again.targets, made.targets)
    other = RandomWeight(RandomWeightParams(), Context(seed=6, scratch=Path())).anonymize(PEOPLE, GROUPS)
    assert not np.array_equal(other.targets, made.targets)
    even = RandomWeight(RandomWeightParams(concentration=1000), CONTEXT).anonymize(PEOPLE, GROUPS)
    assert np.abs(even.weights - 1 / 3).max() < 0.1


def test_all_the_way_is_the_centroid_and_part_of_it_is_each_ones_own() -> None:
    whole = Interpolate(InterpolateParams(alpha=1.0), CONTEXT).anonymize(PEOPLE, GROUPS)
    centroid = Centroid(NoParams(), CONTEXT).anonymize(PEOPLE, GROUPS)
    assert np.array_equal(whole.targets, centroid.targets)
    assert np.array_equal(whole.groups, centroid.groups)
    part = Interpolate(InterpolateParams(alpha=0.25), CONTEXT).anonymize(PEOPLE, GROUPS)
    assert part.groups.tolist() == list(range(6))
    assert np.allclose(part.targets, 0.25 * centroid.targets + 0.75 * PEOPLE.vectors[KEPT], atol=1e-6)
    assert (InterpolateParams(alpha=1.0).per_person, InterpolateParams(alpha=0.9).per_person) == (False, True)


def test_laplace_noise_has_the_scale_that_is_stated_and_no_seed() -> None:
    people = Embeddings(tuple(str(n) for n in range(400)), np.full((400, 50), 0.1, np.float32), "s")
    together = Partition(people.ids, np.zeros(400, np.int64))
    params = DpLaplaceParams(epsilon=4.0, clip=2.0)
    made = DpLaplace(params, CONTEXT).anonymize(people, together)
    # 50 numbers of 0.1 sum to 5 and are clipped to 2; the noise's mean absolute value is its scale, 2 * 2 / 4
    noise = made.targets - 0.04
    assert np.abs(noise).mean() == pytest.approx(1.0, rel=0.03)
    assert noise.mean() == pytest.approx(0.0, abs=0.04)
    assert not np.array_equal(made.targets, DpLaplace(params, CONTEXT).anonymize(people, together).targets)
    assert "epsilon = 4" in params.promise
    assert "sensitivity 4" in params.promise


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        (InterpolateParams, {"alpha": 1.5}),
        (InterpolateParams, {}),
        (DpLaplaceParams, {"epsilon": 0}),
        (DpLaplaceParams, {"epsilon": 1.0, "clip": -1}),
        (RandomWeightParams, {"concentration": 0}),
    ],
)
def test_wrong_parameters_are_refused(params: type, wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        params(**wrong)
