from __future__ import annotations

import numpy as np
import pytest

from deidframe.measure.maps import SAMPLE, flat_maps, group_distances


def test_distances_between_groups_are_the_means_of_pairs() -> None:
    vectors = np.array([[0.0], [2.0], [10.0], [11.0], [100.0]])
    labels = np.array([0, 0, 1, 1, -1])
    far = group_distances(vectors, labels)
    assert far == pytest.approx(np.array([[2.0, 9.5], [9.5, 1.0]]))


def test_alike_groups_stand_side_by_side() -> None:
    vectors = np.array([[0.0], [50.0], [1.0], [51.0]])
    far = group_distances(vectors, np.arange(4))
    assert np.diag(far, 1).tolist() == [1, 49, 1]


def test_no_group_gives_an_empty_table() -> None:
    assert group_distances(np.zeros((3, 2)), np.full(3, -1)).shape == (0, 0)


def test_maps_of_a_large_set_are_of_a_sample_and_keep_clusters_apart() -> None:
    rng = np.random.default_rng(0)
    centre = np.repeat(np.eye(3, 8) * 20, 400, axis=0)
    maps = flat_maps(centre + rng.standard_normal((1200, 8)))
    assert maps.pca.shape == maps.tsne.shape == (SAMPLE, 2)
    group = maps.rows // 400
    for points in (maps.pca, maps.tsne):
        means = np.stack([points[group == g].mean(axis=0) for g in range(3)])
        nearest = ((points[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
        assert (nearest == group).mean() > 0.99


def test_rows_that_are_all_alike_are_drawn_in_one_place() -> None:
    maps = flat_maps(np.ones((6, 3)))
    assert not maps.tsne.any()
