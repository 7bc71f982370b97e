from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from real_recognizer import RealRecognizer

from deidframe.contract import Context, FaceSet, PluginError, Surrogates, align
from deidframe_gnn.plugin import GnnParams
from deidframe_gnn.surrogate import PEOPLE, Drawer, GnnFaces, mixture
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    base = Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))
    return dataclasses.replace(base, recognizer=RealRecognizer("dlib-resnet", base))


@pytest.fixture(scope="module")
def task(context: Context) -> tuple[FaceSet, Surrogates]:
    """Ten people who do not exist in two groups."""
    photos = SyntheticPeople(PeopleParams(people=10, pictures=2), context).load()
    marks = np.repeat(align.template(256)[None], len(photos), axis=0)
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), marks, photos.subjects)
    number = np.unique(np.array(photos.subjects), return_inverse=True)[1] % 2
    assert context.recognizer is not None
    seen = context.recognizer.encode(faces).vectors
    targets = np.stack([seen[number == g].mean(axis=0) for g in (0, 1)])[number]
    return faces, Surrogates(photos.ids, targets, number.astype(np.int64), np.full(20, 0.1), "dlib-resnet")


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.floats(1e-4, 1), st.integers(0, 2**31))
def test_as_many_proxies_as_asked_count_and_weights_sum_to_one(count: int, temperature: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.choice(PEOPLE, count, replace=False)
    vector = mixture(rng.uniform(-1, 1, count).astype(np.float32), rows, temperature)
    assert vector.sum() == pytest.approx(1, abs=1e-5)
    assert np.flatnonzero(vector).tolist() == sorted(rows.tolist())
    assert vector[rows].min() > 0.04 / count


def test_faces_are_found_shared_in_a_group_and_the_same_every_time(context: Context, task: tuple[FaceSet, Surrogates]) -> None:
    faces, surrogates = task
    made = GnnFaces(GnnParams(), context).synthesize(faces, surrogates)
    assert made.ids == faces.ids
    pictures = np.asarray(made.images[:])
    for g in (0, 1):
        rows = np.flatnonzero(surrogates.groups == g)
        assert (pictures[rows] == pictures[rows[0]]).all()
    assert not np.array_equal(pictures[0], pictures[2])
    assert context.recognizer is not None
    assert context.recognizer.recognize(FaceSet(faces.ids, pictures)).scores.min() > 0.7
    again = GnnFaces(GnnParams(), context).synthesize(faces, surrogates)
    assert np.array_equal(pictures, np.asarray(again.images[:]))


def test_the_proxies_are_people_of_their_own(context: Context) -> None:
    rows, encodings = GnnFaces(GnnParams(), context).proxies(256)
    assert len(rows) > 0.95 * PEOPLE
    far = np.linalg.norm(encodings[:, None] - encodings[None], axis=2)
    assert np.median(far[np.triu_indices(len(rows), 1)]) > 0.3


def test_wrong_use_is_refused(context: Context, task: tuple[FaceSet, Surrogates], tmp_path: Path) -> None:
    faces, surrogates = task
    made = GnnFaces(GnnParams(), context)
    with pytest.raises(PluginError, match="needs a recognizer"):
        GnnFaces(GnnParams(), Context(seed=1, scratch=tmp_path))
    with pytest.raises(PluginError, match="who is who"):
        made.synthesize(faces.without_subjects(), surrogates)
    other = Surrogates(surrogates.ids, surrogates.targets, surrogates.groups, surrogates.weights, "sface")
    with pytest.raises(PluginError, match="the targets are of 'sface'"):
        made.synthesize(faces, other)
    with pytest.raises(PluginError, match="reinstall"):
        Drawer(tmp_path / "none.xml")
    (tmp_path / "bad.xml").write_text("<net/>")
    (tmp_path / "bad.bin").write_bytes(b"")
    with pytest.raises(PluginError, match="not the network of this version"):
        Drawer(tmp_path / "bad.xml")
    with pytest.raises(ValidationError):
        GnnParams(temperatures=())
