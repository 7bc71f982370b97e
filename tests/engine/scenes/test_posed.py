"""A surrogate is posed and lit as a face is, and follows from nothing else of it."""

from __future__ import annotations

import numpy as np
import pytest

from deidframe.engine.scenes.checks import check_blind
from deidframe.engine.scenes.covers import Face, union_of
from deidframe.engine.scenes.posed import Pose, Posed, Texture, covered_share, draw, light_of, posed
from deidframe.engine.scenes.regions import Region

MARKS = np.array([(120, 110), (180, 110), (150, 140), (128, 170), (172, 170)], np.float32)


def head(seed: int = 0) -> np.ndarray:
    """468 points on half an ellipsoid that looks at the viewer, those of the temples at its sides."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-1.1, 1.1, 468), rng.uniform(-1.1, 1.1, 468)
    a[[234, 454]], b[[234, 454]] = (-1.45, 1.45), 0
    x, y = np.sin(a) * np.cos(b), np.sin(b)
    return np.stack([128 + 70 * x, 128 + 95 * y, -70 * np.sqrt(np.maximum(0, 1 - x**2 - y**2))], axis=1)


def turned(yaw: float, pitch: float = 0.0) -> np.ndarray:
    y, p = np.radians(yaw), np.radians(pitch)
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    return about_y @ about_x


def moved(yaw: float = 0, scale: float = 0.5, at: tuple[float, float] = (150, 140)) -> np.ndarray:
    points = head() - (128, 128, 0)
    return scale * points @ turned(yaw).T + (*at, 0)


def texture(colour: tuple[int, int, int] = (200, 120, 90)) -> Texture:
    return Texture.of(np.zeros((256, 256, 3), np.uint8) + np.array(colour, np.uint8), head())


def scene() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (280, 300, 3)).astype(np.uint8)


def test_a_pose_is_found_again() -> None:
    for yaw in (-30, 0, 30):
        pose = Pose.between(head(), moved(yaw, 0.7))
        assert pose.scale == pytest.approx(0.7, rel=1e-6)
        assert pose.turned[0] == pytest.approx(yaw, abs=1e-6) and pose.turned[1] == pytest.approx(0, abs=1e-6)
        assert np.allclose(pose(head()), moved(yaw, 0.7))


def test_what_is_drawn_does_not_depend_on_what_was_erased() -> None:
    picture = scene()
    faces = [
        posed(picture, Region.of(np.array([110, 90, 190, 190], np.float32), MARKS), MARKS, moved(20), texture(), 1.07),
        Face(Region(60, 60, 20, 25), MARKS - 90),
    ]
    assert isinstance(faces[0], Posed)
    after = picture.copy()
    draw(after, faces)
    check_blind(picture, after, faces, draw)
    union = union_of(picture.shape, [one.region for one in faces])
    assert np.array_equal(after[~union], picture[~union])
    middle = after[135:150, 140:160].reshape(-1, 3).astype(float)
    assert middle.std(axis=0).max() < 12  # the surrogate is of one colour; the scene is noise
    assert covered_share(faces[0], picture.shape) > 0.4


def test_a_face_that_is_turned_away_or_has_no_size_is_filled() -> None:
    region = Region.of(np.array([110, 90, 190, 190], np.float32), MARKS)
    for mesh in (moved(70), moved(0, 0.01)):
        made = posed(scene(), region, MARKS, mesh, texture(), 1.07)
        assert type(made) is Face and made.region == region


def test_light_is_taken_over_as_a_plane_for_each_colour() -> None:
    mesh = moved(0, 0.6)
    region = Region.over(mesh, 1.07)
    bright = np.full((280, 300, 3), 120, np.uint8)
    light = light_of(bright, region, mesh, texture((60, 60, 60)))
    assert np.allclose(light[:, 0], np.log(128 / 68), atol=0.02) and np.abs(light[:, 1:]).max() < 0.02
    ramp = np.repeat(np.linspace(40, 200, 300)[None, :, None], 280, axis=0).repeat(3, axis=2).astype(np.uint8)
    assert light_of(ramp, region, mesh, texture((100, 100, 100)))[0, 1] > 0.2
    face = posed(ramp, region, MARKS, mesh, texture((100, 100, 100)), 1.07)
    after = ramp.copy()
    draw(after, [face])
    assert after[140, 130, 0] + 8 < after[140, 170, 0]


def test_the_region_holds_mesh_and_landmarks() -> None:
    for yaw in (-40, 0, 40):
        mesh = moved(yaw, 0.6)
        region = Region.over(mesh, 1.0)
        assert (region.depth(mesh[:, :2].astype(np.float32)) <= 1.0001).all()
    far = posed(scene(), Region(150, 140, 50, 60), MARKS + 40, moved(0, 0.5), texture(), 1.07)
    assert (far.region.depth(MARKS + 40) <= 1.0001).all()
