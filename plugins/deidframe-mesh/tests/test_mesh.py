"""The mesh lies on the face, follows it, and says where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deidframe.contract import Context, FaceSet, Points, align
from deidframe_mesh.mesh import FaceMesh
from deidframe_mesh.plugin import FaceMeshParams
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople

EYES = ((33, 133), (362, 263))
"""Corners of both eyes."""


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh(FaceMeshParams(), Context(seed=1, scratch=Path()))


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    photos = SyntheticPeople(PeopleParams(people=6, pictures=1), Context(seed=1, scratch=Path())).load()
    pictures = np.stack([photos.open(one) for one in photos])
    return FaceSet(photos.ids, pictures, np.repeat(align.template(256)[None], len(pictures), axis=0))


def centres(points: Points) -> np.ndarray:
    return np.stack([points.points[:, list(eye), :2].mean(axis=1) for eye in EYES], axis=1)


def test_eyes_are_where_the_landmarks_say(mesh: FaceMesh, faces: FaceSet) -> None:
    found = mesh.mark(faces)
    assert found.points.shape == (6, 468, 3) and (found.presence > 0.9).all()
    assert faces.landmarks is not None
    assert np.abs(centres(found) - faces.landmarks[:, :2]).max() < 9
    tip, ears = found.points[:, 4, 2], found.points[:, [234, 454], 2]
    assert (tip[:, None] < ears).all()  # the nose is nearer to the viewer


def test_the_mesh_follows_a_face_that_is_smaller_and_turned(mesh: FaceMesh, faces: FaceSet) -> None:
    turn = np.radians(25)
    matrix = np.array([[0.6 * np.cos(turn), -0.6 * np.sin(turn), 90], [0.6 * np.sin(turn), 0.6 * np.cos(turn), 10]])
    moved = np.stack([align.warp(picture, matrix, 256) for picture in np.asarray(faces.images[:])])
    assert faces.landmarks is not None
    there = mesh.mark(FaceSet(faces.ids, moved, align.apply(matrix, faces.landmarks)))
    wanted = align.apply(matrix, mesh.mark(faces).points[..., :2])
    assert np.abs(there.points[..., :2] - wanted).mean() < 2
    depth = mesh.mark(faces).points[..., 2] * 0.6
    assert np.abs(there.points[..., 2] - depth).mean() < 3


def test_where_there_is_no_face_presence_says_so(mesh: FaceMesh) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (3, 256, 256, 3)).astype(np.uint8)
    marks = np.repeat(align.template(256)[None], 3, axis=0)
    marks[2] = 100  # landmarks without a size
    found = mesh.mark(FaceSet(("a", "b", "c"), noise, marks))
    assert (found.presence < 0.5).all()
    assert mesh.mark(FaceSet((), noise[:0], marks[:0])).points.shape == (0, 468, 3)
