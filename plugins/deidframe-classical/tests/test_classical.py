from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidframe.contract import Context, Embeddings, FaceSet, PluginError, Recognition, Surrogates, align
from deidframe_classical.aam import Aam, mesh, warp
from deidframe_classical.average_each import AverageEach, oval
from deidframe_classical.eigen import Eigen, fit
from deidframe_classical.furthest import Furthest, partners
from deidframe_classical.plugin import AverageEachParams, EigenParams, NoParams

RNG = np.random.default_rng(4)


def task(count: int = 12, groups: int = 3) -> tuple[FaceSet, Surrogates]:
    """Smooth pictures, some in each group, with landmarks near the template."""
    ids = tuple(f"f{n}" for n in range(count))
    coarse = RNG.integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    pictures = np.stack([np.kron(c, np.ones((64, 64, 1))).astype(np.uint8) for c in coarse])
    marks = (align.template(256) + RNG.normal(0, 3, (count, 5, 2))).astype(np.float32)
    group = np.arange(count) % groups
    targets = np.eye(groups, 8, dtype=np.float32)[group]
    weights = 1 / np.bincount(group)[group]
    return FaceSet(ids, pictures, marks), Surrogates(ids, targets, group.astype(np.int64), weights, "any")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(seed=1, scratch=tmp_path)


def means_of(faces: FaceSet, surrogates: Surrogates) -> np.ndarray:
    return np.stack([faces.images[surrogates.groups == g].astype(float).mean(axis=0) for g in range(3)])


def test_components_are_orthonormal_and_all_of_them_give_the_picture_back() -> None:
    rows = RNG.standard_normal((7, 40)).astype(np.float32)
    model = fit(rows.copy(), 100)
    assert model.components.shape == (6, 40)
    assert np.allclose(model.components @ model.components.T, np.eye(6), atol=1e-4)
    assert np.allclose(model.nearest(rows[3]), rows[3], atol=1e-3)
    one = fit(np.repeat(rows[:1], 3, axis=0).copy(), 5)  # nothing varies
    assert np.allclose(one.nearest(rows[3]), rows[0], atol=1e-5)


def test_eigen_with_all_components_is_the_pixel_mean(context: Context) -> None:
    faces, surrogates = task()
    made = Eigen(EigenParams(components=100), context).synthesize(faces, surrogates)
    wanted = means_of(faces, surrogates)[surrogates.groups]
    middle = np.s_[:, 16:48, 16:48]  # away from the edges between squares, which a smaller model softens
    assert np.abs(made.images[:][middle] - wanted[middle]).max() < 2
    fewer = Eigen(EigenParams(components=1), context).synthesize(faces, surrogates)
    assert np.abs(fewer.images[:][middle] - wanted[middle]).max() > 5


@pytest.mark.parametrize(
    "make", [lambda c: Eigen(EigenParams(), c), lambda c: Aam(EigenParams(), c), lambda c: Furthest(NoParams(), c)]
)
def test_a_group_shows_one_picture_and_groups_differ(context: Context, make: object) -> None:
    assert callable(make)
    faces, surrogates = task()
    made = make(context).synthesize(faces, surrogates)
    assert made.ids == faces.ids
    pictures = np.asarray(made.images[:])
    for g in range(3):
        rows = np.flatnonzero(surrogates.groups == g)
        assert (pictures[rows] == pictures[rows[0]]).all()
    assert len({pictures[g].tobytes() for g in range(3)}) == 3


def test_a_warp_moves_each_landmark_where_it_should_be() -> None:
    source = align.template(256).astype(float)
    target = source + RNG.normal(0, 6, (5, 2))
    picture = np.zeros((256, 256, 3), np.float32)
    for n, (x, y) in enumerate(source):
        picture[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3] = n + 1
    moved = warp(picture, source, target, mesh(source, 256, 256))
    assert [round(float(moved[round(y), round(x), 0])) for x, y in target] == [1, 2, 3, 4, 5]
    still = warp(picture, source, source, mesh(source, 256, 256))
    assert np.abs(still - picture).mean() < 0.01


def test_aam_needs_landmarks(context: Context) -> None:
    faces, surrogates = task()
    with pytest.raises(PluginError, match="landmarks"):
        Aam(EigenParams(), context).synthesize(FaceSet(faces.ids, faces.images), surrogates)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**31))
def test_each_mean_is_shown_by_one_group_and_never_by_its_own(count: int, seed: int) -> None:
    shown = partners(np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32))
    assert sorted(shown.tolist()) == list(range(count))
    if count > 1:
        assert (shown != np.arange(count)).all()


def test_the_furthest_are_paired_first() -> None:
    assert partners(np.array([[0.0], [1], [9], [10]], np.float32)).tolist() == [3, 2, 1, 0]


class ByFirstPixel:
    """A recogniser to which pictures are alike whose first pixels are."""

    space = "first-pixel"

    def encode(self, faces: FaceSet) -> Embeddings:
        angle = np.asarray(faces.images[:], np.float32)[:, 0, 0, 0] / 100
        return Embeddings(faces.ids, np.stack([np.cos(angle), np.sin(angle)], axis=1), self.space)

    def recognize(self, faces: FaceSet, *, known_landmarks: bool = False) -> Recognition:
        raise NotImplementedError

    def as_torch(self) -> None:
        return None


def test_average_each_blends_the_nearest_and_keeps_the_rim(tmp_path: Path) -> None:
    ids = ("a", "b", "c")
    pictures = np.stack([np.full((64, 64, 3), v, np.uint8) for v in (10, 20, 200)])
    faces = FaceSet(ids, pictures, np.repeat(align.template(64)[None], 3, axis=0))
    surrogates = Surrogates(ids, np.zeros((3, 2), np.float32), np.zeros(3, np.int64), np.full(3, 1 / 3), "first-pixel")
    made = AverageEach(AverageEachParams(neighbours=1), Context(seed=1, scratch=tmp_path, recognizer=ByFirstPixel()))
    out = made.synthesize(faces, surrogates).images
    assert out[0:1][0, 36, 32].tolist() == [15, 15, 15]  # with its nearest
    assert out[0:1][0, 0, 0].tolist() == [10, 10, 10]
    assert oval(64, 64).max() == 1
    with pytest.raises(PluginError, match="needs a recognizer"):
        AverageEach(AverageEachParams(), Context(seed=1, scratch=tmp_path))
