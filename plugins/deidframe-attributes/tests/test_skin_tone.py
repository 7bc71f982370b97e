"""The colour of cheeks, against values of the standard, and on faces whose skin is known."""

from __future__ import annotations

import numpy as np
import pytest

from deidframe.contract import Context, FaceSet, Params, align
from deidframe_attributes.skin_tone import SkinTone, cheeks, lab


@pytest.mark.parametrize(
    ("colour", "wanted"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_known_colours(colour: tuple[int, int, int], wanted: tuple[float, float, float]) -> None:
    assert lab(np.array([colour], np.uint8))[0] == pytest.approx(wanted, abs=0.02)


def test_only_the_cheeks_count(tmp_path) -> None:
    pictures = np.full((2, 256, 256, 3), 200, np.uint8)
    pictures[1] = 90
    marks = np.repeat(align.template(256)[None], 2, axis=0)
    five = align.template(256)
    around = ((five[[0, 1]] + five[[3, 4]]) / 2).astype(int)
    for x, y in around:
        pictures[1, y - 15 : y + 15, x - 15 : x + 15] = 200
    faces = FaceSet(("a", "b"), pictures, marks)
    assert np.allclose(*cheeks(faces))
    other = FaceSet(("a", "b"), np.full((2, 256, 256, 3), 100, np.uint8), marks)
    made = SkinTone(Params(), Context(1, tmp_path))
    assert made.measure(faces, faces).values.tolist() == [0, 0]
    assert (made.measure(faces, other).values > 30).all()
