"""A recipe with [scene]: checked as a whole, run like the command, and never with methods beside it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deidframe.cli.main import main

RECIPE = """\
schema = 1
name = "photos"
[source]
use = "folder"
params = { path = "PATH", layout = "flat" }
[detector]
use = "yunet"
[scene]
cover = { COVER }
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    people = pytest.importorskip("deidframe_people")
    faces = sorted((Path(people.__file__).parent / "faces").rglob("*.jpg"))
    wall = np.full((360, 640, 3), 120, np.uint8)
    wall[52:308, 200:456] = cv2.resize(cv2.imread(str(faces[0])), (256, 256))
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "one.jpg"), wall)
    return tmp_path / "in"


def written(tmp_path: Path, photos: Path, cover: str = 'use = "fill"', more: str = "") -> str:
    path = tmp_path / "photos.toml"
    path.write_text(RECIPE.replace("PATH", str(photos)).replace("COVER", cover) + more)
    return str(path)


def test_it_is_checked_and_run(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = written(tmp_path, photos)
    assert main(["check", recipe]) == 0
    assert "whole photos from folder, faces seen by yunet, covered by fill" in capsys.readouterr().out
    assert main(["run", recipe, "--out", str(tmp_path / "out")]) == 0
    assert "blind scenes, fill" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "out")]) == 0
    assert main(["run", recipe, "--out", str(tmp_path / "out")]) == 2


def test_a_redactor_with_its_parameters_and_an_exemption(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = 'exempt = [{ photo = "one.jpg", reason = "she asked for it" }]\n'
    recipe = written(tmp_path, photos, 'use = "solid-mask", params = { grey = 9 }', more)
    assert main(["run", recipe, "--out", str(tmp_path / "out")]) == 0
    assert "1 face left as they are" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cover", "more", "said"),
    [
        ('use = "magic"', "", 'no cover is called "magic"; there are fill, mosaic'),
        ('use = "none"', "", "protects nothing and never covers a face"),
        ('use = "fill", params = { x = 1 }', "", '"fill" takes no parameters'),
        ('use = "fill"', '[[method]]\nname = "b"\nredactor = { use = "gaussian-blur" }\n', "methods need them found"),
        ('use = "fill"', '[[attack]]\nname = "a"\nuse = "nearest-face"\nthreat = "naive"\n', "leave out attack"),
        ('use = "fill"', 'exempt = [{ photo = "one.jpg" }]\n', "reason"),
        ('use = "fill"', "colour = 1\n", "colour"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str], cover: str, more: str, said: str
) -> None:
    recipe = written(tmp_path, photos, cover, more)
    assert main(["check", recipe]) in (3, 4)
    assert said in capsys.readouterr().err


def test_a_recipe_needs_methods_or_a_scene(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = Path(written(tmp_path, photos))
    bare = recipe.read_text().split("[scene]")[0].replace("[detector]", 'subjects = "one-per-image"\n[detector]')
    recipe.write_text(bare)
    assert main(["check", str(recipe)]) == 3
    assert "at least one [[method]], or a [scene]" in capsys.readouterr().err
    recipe.write_text(
        RECIPE.replace("PATH", str(photos)).replace("COVER", 'use = "fill"').replace('[detector]\nuse = "yunet"\n', "")
    )
    assert main(["check", str(recipe)]) == 3
    assert "[scene] needs a [detector]" in capsys.readouterr().err
