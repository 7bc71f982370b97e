from __future__ import annotations

import numpy as np
import pytest
from float32 import RECOGNISER, apart

from deidframe.contract import Context, FaceSet, align
from deidframe_attributes.age_sex import AgeSex
from deidframe_attributes.plugin import AgeSexParams
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople


def test_pictures_of_one_person_agree(tmp_path_factory: pytest.TempPathFactory) -> None:
    context = Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))
    photos = SyntheticPeople(PeopleParams(people=20, pictures=4), context).load()
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), np.repeat(align.template(256)[None], 80, axis=0))
    encoder = AgeSex(AgeSexParams(), context)
    said = encoder.encode(faces)
    assert (said.ids, said.space) == (photos.ids, "age-sex")
    male, years = said.vectors[:, 1].reshape(20, 4), 100 * said.vectors[:, 2].reshape(20, 4)
    agree = ((male > 0.5) == (male.mean(axis=1, keepdims=True) > 0.5)).mean()
    assert agree > 0.9
    assert 0 < male.mean() < 1
    assert (np.abs(years - np.median(years, axis=1, keepdims=True)).mean()) < 6
    assert years.std() > 5
    one = encoder.encode(faces.slice(3, 4)).vectors[0]
    assert np.allclose(one, said.vectors[3], atol=apart(*RECOGNISER, 1.0))
    torch = pytest.importorskip("torch")
    followed = encoder.as_torch()
    chips = align.warp_all(np.asarray(faces.images[:8]), faces.landmarks[:8], followed.template, followed.size)
    by_torch = followed.run(torch.from_numpy(align.channels_first(chips))).numpy()
    assert np.abs(by_torch[:, 2] - said.vectors[:8, 2]).max() < apart(*RECOGNISER, 1.0)
    assert np.abs(by_torch[:, 1] - said.vectors[:8, 1]).mean() < 0.12  # its sex chip is halved, not cut afresh
