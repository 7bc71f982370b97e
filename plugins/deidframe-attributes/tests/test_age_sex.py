from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from float32 import RECOGNISER, apart

from deidframe.contract import Briefing, Context, Embeddings, FaceSet, PluginError, align
from deidframe_attributes.age_sex import AgeSex
from deidframe_attributes.apparent import Apparent
from deidframe_attributes.plugin import AgeSexParams, ApparentParams
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


class Rows:
    """A recogniser that gives the rows that it is told to, in the pictures' first pixels."""

    space = "age-sex"

    def encode(self, faces: FaceSet) -> Embeddings:
        first = np.asarray(faces.images[:], np.float32)[:, 0, 0] / 255
        rows = np.stack([1 - first[:, 0], first[:, 0], first[:, 1], 1 - first[:, 1]], axis=1)
        return Embeddings(faces.ids, rows.astype(np.float32), self.space).unit()


def people(*male_years: tuple[float, float]) -> FaceSet:
    pictures = np.zeros((len(male_years), 8, 8, 3), np.uint8)
    pictures[:, 0, 0, 0] = [round(255 * male) for male, _ in male_years]
    pictures[:, 0, 0, 1] = [round(2.55 * years) for _, years in male_years]
    ids = tuple(f"f{n}" for n in range(len(male_years)))
    return FaceSet(ids, pictures, np.zeros((len(ids), 5, 2), np.float32), tuple(f"p{n // 2}" for n in range(len(ids))))


def test_sex_and_age_are_read_off_and_people_matched_by_them() -> None:
    known = people((0.9, 20), (0.7, 30), (0.1, 60), (0.3, 70))
    made = Apparent(ApparentParams(), Context(seed=1, scratch=Path(), recognizer=Rows()))  # type: ignore[arg-type]
    for attribute, wanted in (("sex", [0.8, 0.2]), ("age", [25, 65])):
        made.prepare(Briefing("attribute", True, align.template(8), known, attribute=attribute))
        given = made.judge(known)
        assert given.ids == ("p0", "p1") and np.allclose(given.scores, wanted, atol=0.5 if attribute == "age" else 0.01)
    scores = made.attack(FaceSet(("x",), people((0.1, 62)).images)).scores
    assert scores[0].argmax() == 2
    with pytest.raises(PluginError, match="needs a recognizer"):
        Apparent(ApparentParams(), Context(seed=1, scratch=Path()))
