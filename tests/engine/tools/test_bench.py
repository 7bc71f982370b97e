"""`deidframe bench` runs every stage on a folder, says what each took, and keeps nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from deidframe.cli.main import main
from deidframe.contract import Context
from deidframe.host.catalogue import Catalogue


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people who do not exist, two pictures each."""
    home = tmp_path_factory.mktemp("portraits")
    found = Catalogue().load("source", "synthetic-people")
    photos = found.make(found.component.params(people=6, pictures=2), Context(seed=1, scratch=home)).load()
    for n, (photo, person) in enumerate(zip(photos.ids, photos.subjects, strict=True)):
        (home / person).mkdir(exist_ok=True)
        cv2.imwrite(str(home / person / f"{n}.jpg"), photos.open(photo)[:, :, ::-1])
    return home


def test_every_stage_is_told(portraits: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    before = sorted(portraits.rglob("*"))
    assert main(["bench", str(portraits), "--offline"]) == 0
    said = capsys.readouterr().out
    for stage in ("find faces", "encode with sface, dlib-resnet", "write faces", "together"):
        assert stage in said
    assert "of CPU a picture: 0." in said
    assert "times a product of two 1024 x 1024 matrices" in said
    assert sorted(portraits.rglob("*")) == before


def test_what_cannot_be_measured_is_said(portraits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(portraits), "--pictures", "0"]) == 2
    assert "expected a number from 1" in capsys.readouterr().err
    assert main(["bench", str(tmp_path / "nowhere")]) == 2
    assert main(["bench", str(tmp_path)]) != 0
