from __future__ import annotations

import numpy as np
import pytest

from deidframe.measure.quality import kernel_distance
from deidframe.measure.utility import (
    FACE,
    classes_of,
    inside_groups,
    landmark_error,
    peak_signal_to_noise,
    pose,
    structural_similarity,
)


def test_landmark_error_is_a_share_of_the_eyes_distance() -> None:
    before = np.array([[(0, 0), (10, 0), (5, 5), (2, 8), (8, 8)]], float)
    assert landmark_error(before, before + np.array((3, 4))).tolist() == [0.5]
    assert landmark_error(before, before).tolist() == [0]


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (20, 0), (-35, 0), (0, 15), (25, -10)])
def test_pose_of_a_head_that_is_turned(yaw: float, pitch: float) -> None:
    a, b = np.radians([yaw, pitch])
    about_down = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    about_right = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    seen = (FACE @ (about_right @ about_down).T)[:, :2] * 2.5 + (100, 80)
    found, straight = pose(seen[None])[0], pose(FACE[None, :, :2])[0]
    assert abs(abs(found[0] - straight[0]) - abs(yaw)) < 3
    assert abs(abs(found[1] - straight[1]) - abs(pitch)) < 3


def test_structure() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (64, 64, 3), np.uint8)
    assert structural_similarity(picture, picture) == pytest.approx(1)
    assert abs(structural_similarity(picture, rng.integers(0, 256, (64, 64, 3), np.uint8))) < 0.1
    brighter = (picture // 2 + 20).astype(np.uint8)
    assert 0.3 < structural_similarity(picture, brighter) < 0.9
    assert peak_signal_to_noise(picture, picture) is None
    one_off = (picture ^ 1).astype(np.uint8)
    assert peak_signal_to_noise(picture, one_off) == pytest.approx(20 * np.log10(255))


def test_what_groups_give_away() -> None:
    values = {"a": "x", "b": "x", "c": "x", "d": "y", "e": "x"}
    found = inside_groups(values, {"a": 0, "b": 0, "c": 1, "d": 1, "e": -1, "unknown": 0})
    assert found is not None
    assert (found.homogeneous, found.diversity) == (0.5, 1)
    assert found.closeness == pytest.approx(0.25), "one group all x against three quarters of all"
    assert inside_groups({}, {"a": 0}) is None


def test_small_kinds_are_joined_or_left_out() -> None:
    people = [f"p{n}" for n in range(32)]
    values = {person: "many" if n < 15 else "some" if n < 27 else "few" for n, person in enumerate(people)}
    assert {k: len(v) for k, v in classes_of(values, people, 10).items()} == {"many": 15, "some": 12}
    values |= dict.fromkeys(people[20:27], "rare")
    assert {k: len(v) for k, v in classes_of(values, people, 10).items()} == {"many": 15, "others": 17}
    assert {k: len(v) for k, v in classes_of({people[0]: "many"}, people, 10).items()} == {}


def test_the_kernel_distance_has_an_interval_by_unit() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(60):
        people = np.repeat(np.arange(40), 5)
        middle = rng.normal(size=(40, 8))
        x = middle[people] + 0.2 * rng.normal(size=(200, 8))
        other = rng.normal(size=(40, 8))
        found = kernel_distance(x, other, (people, 40 + np.arange(40)))
        assert found is not None
        assert found.n == 80
        covered += found.low <= 0 <= found.high
    assert covered >= 50, "people hang together: resampling single rows would be sure of a difference that is none"
    alone = kernel_distance(x, other)
    assert alone is not None
    assert alone.value == pytest.approx(found.value)
    far = kernel_distance(x, other + 3)
    assert far is not None
    assert far.low > 0
    assert kernel_distance(x[:1], other) is None


def test_the_interval_is_the_jackknife() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
    found = kernel_distance(x, y)
    assert found is not None
    left = [kernel_distance(np.delete(x, n, 0), y) for n in range(6)] + [kernel_distance(x, np.delete(y, n, 0)) for n in range(5)]
    values = np.array([one.value for one in left if one is not None])
    reach = 1.959964 * np.sqrt(10 / 11 * np.square(values - values.mean()).sum())
    assert found.high - found.value == pytest.approx(reach)
