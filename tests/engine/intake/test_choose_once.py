"""A face that was encoded to choose among several is not encoded again, nor is a picture that many faces show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import catalogue

from deidframe.contract import FaceSet, IndexedStack, align
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.recognizer import CachingRecognizer
from deidframe.engine.components.step import Step
from deidframe.engine.runtime.progress import Quiet


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many faces each call was about, those aside that are encoded again to see whether they come out as before."""
    counts: list[int] = []
    true = CachingRecognizer._vectors

    def counted(self: CachingRecognizer, faces: FaceSet) -> np.ndarray:
        counts.append(len(faces))
        return true(self, faces)

    monkeypatch.setattr(CachingRecognizer, "_vectors", counted)
    return counts


def parts(tmp_path: Path) -> tuple[ComponentPool, Step]:
    found = catalogue()
    detector, encoder = found.load("detector", "whole"), found.load("encoder", "colour")
    pool = ComponentPool(1, Step("detector", detector, detector.component.params()), tmp_path, Quiet())
    return pool, Step("encoder", encoder, encoder.component.params())


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (count, 256, 256, 3), np.uint8)


def test_a_picture_that_many_show_is_encoded_once(tmp_path: Path, asked: list[int]) -> None:
    pool, encoder = parts(tmp_path)
    rows = np.repeat(np.arange(3), 7)
    marks = np.repeat(align.template(256)[None], 21, axis=0).astype(np.float32)
    marks[20] += 4  # the same picture with its face elsewhere is another face
    faces = FaceSet(tuple(f"f{n}" for n in range(21)), IndexedStack(pictures(3), rows), marks)
    pool.cache_faces(faces)
    made = pool.encode(encoder, faces).vectors
    assert sum(asked) == 4
    assert np.array_equal(made[0], made[6]) and not np.array_equal(made[0], made[7])
    again = pool.encode(encoder, faces.take([5, 12])).vectors
    assert np.array_equal(again, made[[5, 12]])
    assert sum(asked) == 4


def test_what_is_known_is_carried_to_faces_that_are_the_same(tmp_path: Path, asked: list[int]) -> None:
    pool, encoder = parts(tmp_path)
    marks = np.repeat(align.template(256)[None], 4, axis=0).astype(np.float32)
    shown = pictures(4)
    before = FaceSet(("a", "b", "c", "d"), shown, marks)
    pool.use_database(before, ())
    first = pool.encode(encoder, before).vectors
    after = FaceSet(("a", "c", "d"), shown[[0, 2, 3]].copy(), marks[:3])
    pool.carry(before, after, np.array([0, 3]), np.array([0, 2]))
    pool.use_database(after, ())
    made = pool.encode(encoder, after).vectors
    assert sum(asked) == 5  # c alone is new
    assert np.allclose(made, first[[0, 2, 3]])
    assert not pool.holds(before.images) and pool.holds(after.images)
