"""A cover changes a region and nothing else; a fill never reads what it covers."""

from __future__ import annotations

import numpy as np
import pytest

from deidframe.contract import FaceSet
from deidframe.engine.scenes.covers import BLOCKS, BUILT_IN, Face, fill, mosaic, redacted, union_of
from deidframe.engine.scenes.regions import Region

MARKS = np.array([(80, 80), (120, 80), (100, 100), (85, 120), (115, 120)], np.float32)
BOX = np.array([65, 50, 135, 140], np.float32)


def face(dx: float = 0, dy: float = 0) -> Face:
    shift = np.array([dx, dy], np.float32)
    return Face(Region.of(BOX + np.tile(shift, 2), MARKS + shift), MARKS + shift)


def picture(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (220, 260, 3)).astype(np.uint8)


def inverted(faces: FaceSet) -> FaceSet:
    return FaceSet(faces.ids, 255 - np.asarray(faces.images[:]), faces.landmarks)


@pytest.mark.parametrize("cover", [*BUILT_IN.values(), redacted(inverted)])
def test_pixels_outside_of_regions_stay_and_those_inside_change(cover) -> None:  # type: ignore[no-untyped-def]
    before, faces = picture(), [face(), face(90, 20), face(-120, -90)]  # the last reaches out of the picture
    after = before.copy()
    cover(after, faces)
    union = union_of(before.shape, [one.region for one in faces])
    assert np.array_equal(after[~union], before[~union])
    assert np.abs(after[union].astype(int) - before[union]).mean() > 20


def test_a_fill_follows_from_what_is_around_it_alone() -> None:
    before, faces = picture(), [face(), face(60, 0)]  # two that overlap
    noisy = before.copy()
    union = union_of(before.shape, [one.region for one in faces])
    noisy[union] = picture(2)[union]
    fill(before, faces)
    fill(noisy, faces)
    assert np.array_equal(before, noisy)


def test_a_fill_goes_on_with_the_colours_around() -> None:
    scene = np.zeros((220, 260, 3), np.uint8) + np.array([200, 100, 50], np.uint8)
    scene[60:140, 70:130] = 0
    fill(scene, [face()])
    assert np.abs(scene.astype(int) - (200, 100, 50)).max() <= 2


def test_a_picture_that_is_all_face_becomes_grey() -> None:
    scene = picture()[:40, :40]
    fill(scene, [Face(Region(20, 20, 400, 400), MARKS)])
    assert (scene == 127).all()


def test_a_mosaic_has_few_blocks_across() -> None:
    scene = picture()
    one = face()
    mosaic(scene, [one])
    window = one.region.window(scene.shape)
    assert window is not None
    inside = one.region.mask(window)
    colours = {tuple(c) for c in scene[window][inside].tolist()}
    assert 10 < len(colours) <= (BLOCKS + 1) ** 2


def test_a_region_holds_the_landmarks_whatever_the_box_says() -> None:
    small = Region.of(np.array([95, 95, 105, 105], np.float32), MARKS)
    assert (small.depth(MARKS) <= 1.0001).all()
    turned = Region.of(BOX, MARKS[[1, 0, 2, 4, 3]])
    assert turned.angle == 0 or abs(turned.angle) <= 90
    assert Region.of(np.array([500, 500, 520, 530], np.float32), MARKS + 400).window((220, 260)) is None


def test_a_redactor_is_given_no_neighbour() -> None:
    given: list[np.ndarray] = []

    def keep(faces: FaceSet) -> FaceSet:
        given.append(np.asarray(faces.images[:])[0])
        return faces

    scene = np.full((220, 400, 3), 90, np.uint8)
    scene[50:140, 205:275] = (255, 0, 0)
    redacted(keep)(scene, [face(), face(140, 0)])
    assert (given[0].astype(int)[..., 0] - given[0][..., 1] < 60).all()  # the red neighbour is gone
    assert (given[1].astype(int)[..., 0] - given[1][..., 1] > 200).any()
