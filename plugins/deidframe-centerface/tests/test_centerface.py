from __future__ import annotations

import cv2
import numpy as np
import pytest

from deidframe.contract import Context, Photos, align
from deidframe_centerface.detector import CenterFace, decode
from deidframe_centerface.plugin import CenterFaceParams
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def photos(context: Context) -> Photos:
    return SyntheticPeople(PeopleParams(people=6, pictures=2), context).load()


def test_one_face_in_each_picture_where_it_is(context: Context, photos: Photos) -> None:
    found = CenterFace(CenterFaceParams(), context).detect(photos)
    assert found.looked_at == photos.ids
    assert found.photo_ids == photos.ids  # one in each
    assert np.abs(found.landmarks - align.template(256)).mean() < 10
    assert (found.scores > 0.6).all()


def test_sizes_are_found_in_their_own_pixels_and_nothing_where_nothing_is(context: Context, photos: Photos) -> None:
    detector = CenterFace(CenterFaceParams(), context)
    small = photos.open(photos.ids[0])
    here = detector.detect(Photos.from_arrays(["small"], [small])).landmarks[0]
    large = np.full((1100, 1500, 3), 128, np.uint8)
    large[20:1044, 300:1324] = cv2.resize(small, (1024, 1024))
    grey, dot = np.full((90, 70, 3), 90, np.uint8), np.zeros((1, 1, 3), np.uint8)
    out = detector.detect(Photos.from_arrays(["grey", "large", "dot"], [grey, large, dot]))
    assert out.photo_ids == ("large",)
    assert np.abs(out.landmarks[0] - (here * 4 + np.array([300, 20]))).max() < 40  # ten pixels of the small picture
    assert len(detector.detect(Photos.from_arrays([], []))) == 0


def test_two_faces_by_falling_score(context: Context, photos: Photos) -> None:
    pair = np.concatenate([photos.open(photos.ids[0]), photos.open(photos.ids[3])], axis=1)
    out = CenterFace(CenterFaceParams(), context).detect(Photos.from_arrays(["pair"], [pair]))
    assert out.photo_ids == ("pair", "pair")
    assert out.scores[0] >= out.scores[1]


def test_a_peak_is_read_by_hand() -> None:
    """One peak at row 2, column 3 of height 8 and width 4 cells, its centre half a cell lower; the nose in the middle."""
    heat = np.zeros((6, 8), np.float32)
    heat[2, 3] = 0.9
    extent = np.log(np.stack([np.full((6, 8), 8.0), np.full((6, 8), 4.0)])).astype(np.float32)
    offset = np.stack([np.full((6, 8), 0.5), np.zeros((6, 8))]).astype(np.float32)
    points = np.full((10, 6, 8), 0.5, np.float32)
    boxes, marks, scores = decode(heat, extent, offset, points, 0.5)
    assert np.allclose(boxes, [[14 - 8, 12 - 16, 14 + 8, 12 + 16]])
    assert np.allclose(marks[0, 2], [14, 12])
    assert scores.tolist() == [pytest.approx(0.9)]
