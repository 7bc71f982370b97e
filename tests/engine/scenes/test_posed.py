"""A surrogate is posed and lit as a face is, and follows from nothing else of it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deidframe.contract import ArtifactError, FaceSet, Points, align
from deidframe.engine.scenes.checks import check_blind
from deidframe.engine.scenes.covers import Face, union_of
from deidframe.engine.scenes.posed import Pose, Posed, Texture, covered_share, draw, light_of, posed
from deidframe.engine.scenes.regions import Region
from deidframe.engine.scenes.shapes import RIGID, SIDE, Shapes, shapes_of, smooth

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


def shapes(picture: np.ndarray, mesh: np.ndarray, marks: np.ndarray = MARKS) -> Shapes:
    """What `shapes_of` says of one face where a landmarker lays this mesh over it."""

    def mark(faces: FaceSet) -> Points:
        matrix = align.similarity(marks, align.template(SIDE))
        flat = align.apply(matrix, mesh[:, :2])
        depth = mesh[:, 2:] * np.sqrt(np.linalg.det(matrix[:, :2]))
        return Points(faces.ids, np.concatenate([flat, depth], axis=1).astype(np.float32)[None], np.ones(1, np.float32))

    return shapes_of(picture, marks[None], mark)


def over(picture: np.ndarray, mesh: np.ndarray, texture: Texture | None, marks: np.ndarray = MARKS) -> Face:
    whole = Region.of(np.array([110, 90, 190, 190], np.float32), MARKS)
    return posed(shapes(picture, mesh, marks), 0, whole, texture, 1.07, marks)


def scene() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (280, 300, 3)).astype(np.uint8)


def test_a_pose_is_found_again() -> None:
    for yaw in (-30, 0, 30):
        pose = Pose.between(head()[list(RIGID)], moved(yaw, 0.7)[list(RIGID)])
        assert pose.scale == pytest.approx(0.7, rel=1e-6)
        assert pose.turned[0] == pytest.approx(yaw, abs=1e-6) and pose.turned[1] == pytest.approx(0, abs=1e-6)
        assert np.allclose(pose(head()), moved(yaw, 0.7))


def test_what_is_drawn_does_not_depend_on_what_was_erased() -> None:
    picture = scene()
    faces = [
        over(picture, moved(20), texture()),
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
    for mesh in (moved(70), moved(0, 0.01), moved(0, 0.5, (20, 20))):
        made = over(scene(), mesh, texture())
        assert type(made) is Face and made.region == region
    assert type(over(scene(), moved(), None)) is Face
    unsure = replace(shapes(scene(), moved()), presence=np.full(1, 0.4, np.float32))
    assert type(posed(unsure, 0, region, texture(), 1.07, MARKS)) is Face


def test_light_is_taken_over_as_a_plane_for_each_colour() -> None:
    mesh = moved(0, 0.6)
    region = Region.over(mesh, 1.07)
    bright = np.full((280, 300, 3), 120, np.uint8)
    one = shapes(bright, mesh)
    light = light_of(region, one.skin[0], one.colours[0], one.ears[0], texture((60, 60, 60)))
    assert np.allclose(light[:, 0], np.log(128 / 68), atol=0.02) and np.abs(light[:, 1:]).max() < 0.02
    ramp = np.repeat(np.linspace(40, 200, 300)[None, :, None], 280, axis=0).repeat(3, axis=2).astype(np.uint8)
    face = over(ramp, mesh, texture((100, 100, 100)))
    assert isinstance(face, Posed) and face.light[0, 1] > 0.2
    after = ramp.copy()
    draw(after, [face])
    assert after[140, 130, 0] + 8 < after[140, 170, 0]


def test_the_region_holds_mesh_and_landmarks() -> None:
    for yaw in (-40, 0, 40):
        mesh = moved(yaw, 0.6)
        region = Region.over(mesh, 1.0)
        assert (region.depth(mesh[:, :2].astype(np.float32)) <= 1.0001).all()
    far = shapes(scene(), moved(0, 0.5), MARKS + 40).region(0, 1.0)
    assert (far.depth(MARKS + 40) <= 1.001).all()


def test_a_track_is_smoothed_and_a_steady_motion_stays() -> None:
    frames = np.arange(40)
    line = np.stack([3.0 * frames, 200 - 2.0 * frames], axis=1).astype(np.float32)
    assert np.allclose(smooth(line, frames, np.ones(40, np.float32), 1.3), line, atol=1e-3)
    shaky = line + np.random.default_rng(0).normal(0, 1, line.shape).astype(np.float32)
    calm = smooth(shaky, frames, np.ones(40, np.float32), 1.3)
    assert np.abs(calm - line).std() < 0.75 * np.abs(shaky - line).std()
    wild = line.copy()
    wild[20] += 500
    weights = np.ones(40, np.float32)
    weights[20] = 0  # a mesh that lies on no face
    assert np.allclose(smooth(wild, frames, weights, 1.3)[18:23], line[18:23], atol=1e-3)
    gap = np.array([0, 1, 2, 90])
    assert np.allclose(smooth(line[[*gap[:3].tolist(), 39]], gap, np.ones(4, np.float32), 1.3)[3], line[39])


def test_too_few_points_are_no_mesh() -> None:
    def mark(faces: FaceSet) -> Points:
        return Points(faces.ids, np.zeros((len(faces), 68, 3), np.float32), np.ones(len(faces), np.float32))

    with pytest.raises(ArtifactError, match="at least 468 points"):
        shapes_of(scene(), MARKS[None], mark)
    same = np.zeros((1, 5, 2), np.float32)
    assert shapes_of(scene(), same, mark).presence.tolist() == [0]


def test_a_matte_holds_the_head_and_not_the_corners() -> None:
    picture = np.full((256, 256, 3), (40, 90, 160), np.uint8)
    cv2.ellipse(picture, (128, 150), (80, 120), 0, 0, 360, (200, 150, 120), -1)
    picture = np.clip(picture + np.random.default_rng(0).normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
    mesh = head() * (0.8, 0.8, 0.8) + (25.6, 30, 0)
    first, again = (Texture.of(picture, mesh.astype(np.float32), 1.5) for _ in range(2))
    assert first.matte is not None and again.matte is not None and np.array_equal(first.matte, again.matte)
    assert first.matte[128, 128] > 0.95 and first.matte[10, 10] < 0.05 and first.matte[20, 240] < 0.05
    assert len(first.points) == 468 + 32 and first.digest == again.digest
    assert Texture.of(picture, mesh.astype(np.float32)).matte is None
    grey = Texture.of(np.full((64, 64, 3), 90, np.uint8), (mesh / 4).astype(np.float32), 1.5)
    assert grey.matte is not None and np.isfinite(grey.matte).all()


def test_a_whole_head_is_drawn_blindly_too() -> None:
    picture = scene()
    whole = Texture.of(np.random.default_rng(2).integers(0, 256, (256, 256, 3)).astype(np.uint8), head().astype(np.float32), 1.5)
    faces = [posed(shapes(picture, moved(15)), 0, Region(150, 140, 70, 80), whole, 1.75, MARKS)]
    assert isinstance(faces[0], Posed)
    after = picture.copy()
    draw(after, faces)
    check_blind(picture, after, faces, draw)
    union = union_of(picture.shape, [faces[0].region])
    assert np.array_equal(after[~union], picture[~union])
