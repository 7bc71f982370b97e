from __future__ import annotations

import numpy as np
import pytest

from deidframe.contract import ArtifactError, Context, Detections, FaceSet, boxes, means


def test_a_picture_is_shrunk_and_padded_where_its_places_stay() -> None:
    picture = np.full((100, 300, 3), 200, np.uint8)
    made, scale = boxes.network_input(picture, 150)
    assert (made.shape, scale) == ((3, 64, 160), 0.5)
    assert (made[:, :50, :150] == 200).all()
    assert not made[:, 50:].any() and not made[:, :, 150:].any()
    made, scale = boxes.network_input(picture, 1000)
    assert (made.shape, scale) == ((3, 128, 320), 1.0)


def test_one_box_is_left_of_those_that_overlap() -> None:
    found = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60], [70, 70, 80, 80]], np.float32)
    marks = np.arange(40, dtype=np.float32).reshape(4, 5, 2)
    scores = np.array([0.7, 0.9, 0.95, 0.3], np.float32)
    kept, points, sure = boxes.best_boxes(found, marks, scores, 0.5, 0.3)
    assert kept.tolist() == [found[2].tolist(), found[1].tolist()]
    assert np.array_equal(points, marks[[2, 1]])
    assert sure.tolist() == scores[[2, 1]].tolist()
    assert [len(one) for one in boxes.best_boxes(found[:0], marks[:0], scores[:0], 0.5, 0.3)] == [0, 0, 0]


def test_what_was_found_in_one_photo_is_whole() -> None:
    none = Detections.one("a", np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0))  # type: ignore[arg-type]
    assert (none.looked_at, len(none)) == (("a",), 0)
    with pytest.raises(ArtifactError, match="landmarks"):
        Detections.one("a", np.zeros((1, 4), np.float32), np.zeros((2, 5, 2), np.float32), np.zeros(1, np.float32))


def test_group_means_are_those_of_a_plain_loop(tmp_path: object) -> None:
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (9, 6, 5, 3), np.uint8)
    inverse = np.array([0, 2, 1, 0, 2, 2, 1, 0, 2])
    weights = rng.uniform(0.1, 1, 9)
    weights /= np.bincount(inverse, weights)[inverse]
    made: dict[int, np.ndarray] = {}
    context = Context(seed=1, scratch=tmp_path)  # type: ignore[arg-type]
    faces = FaceSet(tuple("abcdefghi"), pictures)
    means.group_means(
        faces, weights, inverse, lambda p, row: p.astype(np.float32), lambda g, mean: made.update({g: mean}), context
    )
    for group in range(3):
        rows = np.flatnonzero(inverse == group)
        assert np.allclose(made[group], (weights[rows, None, None, None] * pictures[rows]).sum(axis=0), atol=1e-3)
