from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deidframe.contract import Context, FaceSet, align
from deidframe_redact.plugin import BlurParams, MaskParams, NoneParams, PixelateParams
from deidframe_redact.redactors import GaussianBlur, Pixelate, SolidMask, Untouched, face_oval

CONTEXT = Context(seed=1, scratch=Path())


@pytest.fixture
def faces() -> FaceSet:
    pictures = np.random.default_rng(1).integers(0, 256, (3, 256, 256, 3)).astype(np.uint8)
    marks = np.repeat(align.template(256)[None], 3, axis=0)
    return FaceSet(("a", "b", "c"), pictures, marks)


@pytest.mark.parametrize(
    "redactor", [GaussianBlur(BlurParams(), CONTEXT), Pixelate(PixelateParams(), CONTEXT), SolidMask(MaskParams(), CONTEXT)]
)
def test_the_face_is_changed_and_the_rest_is_not(faces: FaceSet, redactor: GaussianBlur) -> None:
    out = redactor.redact(faces)
    assert out.ids == faces.ids
    oval = face_oval(align.template(256), 256).astype(bool)
    before, after = np.asarray(faces.images[:], int), np.asarray(out.images[:], int)
    assert np.array_equal(before[:, ~oval], after[:, ~oval])
    # noise is flattened: hardly anything of its contrast is left inside
    assert np.abs(before - after)[:, oval].mean() > 40
    for x, y in align.template(256):
        assert oval[int(y), int(x)]
    assert 0.25 < oval.mean() < 0.6


def test_the_oval_follows_the_face() -> None:
    moved = align.template(256) + np.array([40, -30], np.float32)
    shift = np.argwhere(face_oval(moved, 256)).mean(axis=0) - np.argwhere(face_oval(align.template(256), 256)).mean(axis=0)
    assert np.allclose(shift, (-30, 40), atol=6)
    turned = face_oval((align.template(256) - 128) @ np.array([[0, 1], [-1, 0]], np.float32) + 128, 256)
    rows, columns = np.argwhere(turned).max(axis=0) - np.argwhere(turned).min(axis=0)
    assert columns > rows


def test_the_whole_picture_on_demand(faces: FaceSet) -> None:
    out = SolidMask(MaskParams(grey=7, region="picture"), CONTEXT).redact(faces)
    assert (np.asarray(out.images[:]) == 7).all()
    blocks = np.asarray(Pixelate(PixelateParams(block=32, region="picture"), CONTEXT).redact(faces).images[:])
    assert (blocks[:, :32, :32] == blocks[:, :1, :1]).all()


def test_none_hands_the_faces_back_and_inputs_are_not_changed(faces: FaceSet) -> None:
    before = np.array(faces.images[:])
    assert Untouched(NoneParams(), CONTEXT).redact(faces) is faces
    GaussianBlur(BlurParams(), CONTEXT).redact(faces)
    assert np.array_equal(before, faces.images[:])


@pytest.mark.parametrize(
    ("params", "bad"),
    [(BlurParams, {"sigma": 0}), (PixelateParams, {"block": 1}), (MaskParams, {"grey": 256}), (NoneParams, {"x": 1})],
)
def test_bad_parameters(params: type, bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        params(**bad)
