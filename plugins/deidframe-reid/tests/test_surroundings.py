"""What is left around a face names its picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from deidframe.contract import Briefing, Context, FaceSet, align
from deidframe_reid.plugin import SurroundingsParams
from deidframe_reid.surroundings import SIDE, Surroundings, smaller


def attacked(probes: FaceSet, gallery: FaceSet, radius: float = 0.9) -> np.ndarray:
    attacker = Surroundings(SurroundingsParams(radius=radius), Context(seed=1, scratch=Path()))
    attacker.prepare(Briefing("surroundings", True, align.template(gallery.size[0]), gallery))
    return attacker.attack(probes).scores


def test_the_picture_is_found_by_what_lies_around_a_face_that_is_gone() -> None:
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 255, (20, 96, 96, 3)).astype(np.uint8)
    masked = pictures[::-1].copy()
    masked[:, 24:72, 24:72] = 0
    gallery, probes = (FaceSet(tuple(map(str, range(20))), one) for one in (pictures, masked))
    scores = attacked(probes, gallery)
    assert scores.argmax(axis=1).tolist() == list(range(19, -1, -1))
    assert (scores <= 1e-3).all()


def test_pictures_of_any_size_are_made_smaller_by_means() -> None:
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 255, (1, SIDE * 2, SIDE * 3, 3)).astype(np.uint8)
    small = smaller(picture)
    assert small.shape == (1, SIDE, SIDE, 3)
    assert small[0, 0, 0] == pytest.approx(picture[0, :2, :3].reshape(-1, 3).mean(axis=0), abs=1e-3)
    odd = smaller(rng.integers(0, 255, (2, SIDE + 5, SIDE + 9, 3)).astype(np.uint8))
    assert odd.shape == (2, SIDE, SIDE, 3)


def test_a_circle_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValidationError):
        SurroundingsParams(radius=1.5)
