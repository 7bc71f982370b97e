"""Large photos are decoded once; what holds their faces leaves nothing behind and costs nothing but time where it fails."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidframe.contract.photos import Detections, Photos
from deidframe.engine.intake import crop_store, crops
from deidframe.engine.intake.crop_store import CropStore
from deidframe.engine.intake.take_in import Intake, take_in
from deidframe.engine.runtime.progress import Quiet

WHERE = np.array(
    [
        [(400.0 + 600 * n, 500), (600 + 600 * n, 500), (500 + 600 * n, 600), (420 + 600 * n, 700), (580 + 600 * n, 700)]
        for n in range(2)
    ],
    np.float32,
)


class Counted:
    """Opens large pictures and counts how often."""

    def __init__(self) -> None:
        self.opened: Counter[str] = Counter()

    def __call__(self, photo: str) -> np.ndarray:
        self.opened[photo] += 1
        small = np.random.default_rng(int(photo)).integers(0, 256, (30, 40, 3)).astype(np.uint8)
        return cv2.resize(small, (1600, 1200))


def two_faces(photos: Photos) -> Detections:
    parts = []
    for photo in photos:
        boxes = np.concatenate([WHERE.min(axis=1) - 100, WHERE.max(axis=1) + 100], axis=1)
        parts.append(Detections.one(photo, boxes, WHERE, np.array([0.9, 0.8], np.float32)))
    return Detections.join(parts)


def intake(opener: Counted, store: CropStore | None, *, every: bool = False) -> Intake:
    photos = Photos(("1", "2", "3"), opener, ("a", "b", "c"))
    return take_in(photos, photos.subjects or (), two_faces, Quiet(), every_face=every, store=store)


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "CACHE_BYTES", 0)
    monkeypatch.setattr(crops, "RECENT", 0)
    monkeypatch.setattr(crops, "AT_HAND", 0)


@pytest.mark.parametrize("every", [False, True])
def test_a_large_photo_is_decoded_once_and_its_faces_are_the_same(tmp_path: Path, every: bool) -> None:
    opener, plain = Counted(), Counted()
    held, cut = intake(opener, CropStore(tmp_path, 256), every=every), intake(plain, None, every=every)
    for _ in range(3):
        assert np.array_equal(held.faces.images[:], cut.faces.images[:])
    assert set(opener.opened.values()) == {1}
    assert min(plain.opened.values()) >= 4


def test_nothing_lies_in_the_folder(tmp_path: Path) -> None:
    store = CropStore(tmp_path, 256)
    intake(Counted(), store)
    assert len(store) == 3
    assert not list(tmp_path.iterdir())


def test_without_room_faces_are_cut_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crop_store, "SHARE", 10**18)
    opener, store = Counted(), CropStore(tmp_path, 256)
    assert np.array_equal(intake(opener, store).faces.images[:], intake(Counted(), None).faces.images[:])
    assert len(store) == 0
    assert set(opener.opened.values()) == {2}


def test_a_disk_that_refuses_costs_time_only(tmp_path: Path) -> None:
    store = CropStore(tmp_path / "gone", 256)
    assert np.array_equal(intake(Counted(), store).faces.images[:], intake(Counted(), None).faces.images[:])
    assert len(store) == 0


def test_who_is_covered_belongs_to_what_a_face_is_known_by() -> None:
    place, box = np.eye(2, 3), np.array([[1, 2, 3, 4]], np.float32)
    keys = {CropStore.key("a", place, crops.NOBODY), CropStore.key("a", place, box), CropStore.key("a", 2 * place, box)}
    assert len(keys | {CropStore.key("b", place, box)}) == 4
