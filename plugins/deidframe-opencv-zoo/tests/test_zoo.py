from __future__ import annotations

import numpy as np
import pytest

from deidframe.contract import Context, Detections, FaceSet, Photos, align
from deidframe_opencv_zoo.plugin import SFaceParams, YuNetParams
from deidframe_opencv_zoo.sface import SFace
from deidframe_opencv_zoo.yunet import YuNet
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def photos(context: Context) -> Photos:
    return SyntheticPeople(PeopleParams(people=6, pictures=3), context).load()


@pytest.fixture(scope="module")
def found(context: Context, photos: Photos) -> Detections:
    return YuNet(YuNetParams(), context).detect(photos)


def test_one_face_in_each_picture_where_it_is(photos: Photos, found: Detections) -> None:
    assert found.looked_at == photos.ids
    assert set(found.photo_ids) == set(photos.ids)
    best = [found.photo_ids.index(i) for i in photos.ids]
    off = np.abs(found.landmarks[best] - align.template(256))
    assert off.mean() < 8
    assert (found.scores[best] > 0.8).all()
    boxes = found.boxes[best]
    assert ((boxes[:, 2:] - boxes[:, :2]) > 80).all()


def test_sizes_are_found_in_their_own_pixels(context: Context, photos: Photos, found: Detections) -> None:
    """A picture four times as large, in a wide frame, gives landmarks four times as far, moved by the frame."""
    import cv2

    small = photos.open(photos.ids[0])
    large = np.full((1100, 1500, 3), 128, np.uint8)
    large[20:1044, 300:1324] = cv2.resize(small, (1024, 1024))
    out = YuNet(YuNetParams(), context).detect(
        Photos.from_arrays(["large", "small", "tiny"], [large, small, np.zeros((1, 1, 3), np.uint8)])
    )
    assert set(out.photo_ids) == {"large", "small"}
    expected = found.landmarks[found.photo_ids.index(photos.ids[0])] * 4 + np.array([300, 20])
    assert np.abs(out.landmarks[out.photo_ids.index("large")] - expected).max() < 24  # six pixels of the small picture


def test_several_faces_by_falling_score_and_none_where_none_is(context: Context, photos: Photos) -> None:
    pair = np.concatenate([photos.open(photos.ids[0]), photos.open(photos.ids[3])], axis=1)
    out = YuNet(YuNetParams(), context).detect(Photos.from_arrays(["pair", "grey"], [pair, np.full((90, 70, 3), 90, np.uint8)]))
    assert out.photo_ids == ("pair", "pair")
    assert out.scores[0] >= out.scores[1]
    assert len(YuNet(YuNetParams(), context).detect(Photos.from_arrays([], []))) == 0


def test_sface_tells_people_apart_whatever_the_batch(context: Context, photos: Photos, found: Detections) -> None:
    rows = [found.photo_ids.index(i) for i in photos.ids]
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), found.landmarks[rows])
    encoder = SFace(SFaceParams(), context)
    whole = encoder.encode(faces)
    assert (whole.ids, whole.space) == (photos.ids, "sface")
    one = np.concatenate([encoder.encode(faces.slice(n, n + 1)).vectors for n in range(len(faces))])
    assert np.array_equal(whole.vectors, one)
    cosines = whole.unit().vectors @ whole.unit().vectors.T
    people = np.array(photos.subjects)
    same = people[:, None] == people[None]
    assert cosines[same].min() > 0.363  # the threshold that OpenCV gives for SFace
    assert cosines[~same].mean() < 0.3
