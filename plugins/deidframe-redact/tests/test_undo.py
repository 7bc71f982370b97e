"""A blur and a mosaic keep what is coarser than they are; undone, a face is nearer to its original than as released."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deidframe.contract import Context, FaceSet, Inverts, align
from deidframe.guard.hygiene import decode_jpeg, encode_jpeg
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople
from deidframe_redact.plugin import BlurParams, MaskParams, PixelateParams
from deidframe_redact.redactors import GaussianBlur, Pixelate, SolidMask

CONTEXT = Context(seed=1, scratch=Path())


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    photos = SyntheticPeople(PeopleParams(people=4, pictures=1), CONTEXT).load()
    return FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), np.repeat(align.template(256)[None], 4, axis=0))


@pytest.mark.parametrize("region", ["face", "picture"])
@pytest.mark.parametrize(
    "redactor", [lambda region: GaussianBlur(BlurParams(sigma=8, region=region), CONTEXT),
                 lambda region: Pixelate(PixelateParams(block=16, region=region), CONTEXT)]
)  # fmt: skip
def test_undone_it_is_nearer_to_the_original(faces: FaceSet, redactor, region: str) -> None:
    made = redactor(region)
    assert isinstance(made, Inverts)
    files = np.stack([decode_jpeg(encode_jpeg(one)) for one in np.asarray(made.redact(faces).images[:])])
    undone = made.invert(FaceSet(faces.ids, files, faces.landmarks))
    assert (undone.ids, undone.size) == (faces.ids, faces.size)
    before, after = (
        ((shown.astype(float) - faces.images[:]) ** 2).mean(axis=(1, 2, 3)) for shown in (files, np.asarray(undone.images[:]))
    )
    assert (after < 0.75 * before).all()
    if region == "face":  # what was not touched stays
        assert np.array_equal(np.asarray(undone.images[:])[:, :8, :8], files[:, :8, :8])


def test_a_mosaic_keeps_the_means_that_were_released(faces: FaceSet) -> None:
    made = Pixelate(PixelateParams(block=16, region="picture"), CONTEXT)
    blocks = made.redact(faces)
    undone = np.asarray(made.invert(blocks).images[:]).astype(float)
    means = undone.reshape(4, 16, 16, 16, 16, 3).mean(axis=(2, 4))
    assert np.abs(means - np.asarray(blocks.images[:])[:, ::16, ::16]).mean() < 2


def test_paint_has_no_way_back() -> None:
    assert not isinstance(SolidMask(MaskParams(), CONTEXT), Inverts)
