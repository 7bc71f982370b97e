from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deidframe.contract import Context, PluginError, UnreadablePhoto
from deidframe_people import source
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import FACES, SyntheticPeople

CONTEXT = Context(seed=1, scratch=Path())


def test_fifty_people_six_pictures_under_six_megabytes() -> None:
    photos = SyntheticPeople(PeopleParams(), CONTEXT).load()
    assert len(photos) == 300
    assert len(set(photos.subjects or ())) == 50
    assert all(photos.open(i).shape == (256, 256, 3) for i in photos.ids[::37])
    assert sum(f.stat().st_size for f in FACES.rglob("*.jpg")) < 6_000_000


def test_pictures_of_a_person_differ() -> None:
    photos = SyntheticPeople(PeopleParams(people=5), CONTEXT).load()
    for person in range(5):
        pictures = np.stack([photos.open(i).astype(int) for i in photos.ids[6 * person : 6 * person + 6]])
        assert min(np.abs(pictures[a] - pictures[b]).mean() for a in range(6) for b in range(a)) > 8


def test_fewer_on_demand() -> None:
    photos = SyntheticPeople(PeopleParams(people=3, pictures=2), CONTEXT).load()
    assert photos.ids == ("p01/1.jpg", "p01/2.jpg", "p02/1.jpg", "p02/2.jpg", "p03/1.jpg", "p03/2.jpg")
    with pytest.raises(ValueError, match="less than or equal to 50"):
        PeopleParams(people=51)


def test_a_package_without_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FACES", tmp_path)
    with pytest.raises(PluginError, match="reinstall"):
        SyntheticPeople(PeopleParams(), CONTEXT).load()
    (tmp_path / "p01").mkdir()
    (tmp_path / "p01" / "1.jpg").write_bytes(b"no picture")
    with pytest.raises(UnreadablePhoto):
        SyntheticPeople(PeopleParams(people=1, pictures=1), CONTEXT).load().open("p01/1.jpg")
