"""A release of another tool: paired with its originals, its files looked at, the tool guessed; neither folder is written into."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from deidframe.cli.main import main
from deidframe.contract import Photos, RecipeError, UsageError
from deidframe.engine.intake.foreign import pair, read_map
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import Outcome, run
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse
from deidframe_people.source import FACES

PEOPLE, EACH = 6, 2
TEXT = """
schema = 1
name = "audit"
[source]
use = "folder"
subjects = "labelled"
params = { path = "ORIGINALS" }
[detector]
use = "yunet"
[quality]
encoders = ["sface"]
[[method]]
name = "theirs"
released = { use = "folder", params = { path = "RELEASED" } }
MAP
"""


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    home = tmp_path / "originals"
    for person in sorted(FACES.iterdir())[:PEOPLE]:
        (home / person.name).mkdir(parents=True)
        for picture in sorted(person.iterdir())[:EACH]:
            shutil.copy(picture, home / person.name)
    return home


def blurred(originals: Path, out: Path, sigma: float = 12.0) -> Path:
    for picture in sorted(originals.rglob("*.jpg")):
        target = out / picture.relative_to(originals)
        target.parent.mkdir(parents=True, exist_ok=True)
        pixels = cv2.imread(str(picture))
        cv2.imwrite(str(target), cv2.GaussianBlur(pixels, (0, 0), sigma), [cv2.IMWRITE_JPEG_QUALITY, 95])
        os.utime(target, (1, 1))
    return out


def audited(tmp_path: Path, originals: Path, released: Path, more: str = "") -> tuple[Outcome, dict[str, dict[str, object]]]:
    text = TEXT.replace("ORIGINALS", str(originals)).replace("RELEASED", str(released)).replace("MAP", more)
    outcome = run(plan(parse(text, "audit.toml"), Catalogue(), tmp_path), tmp_path / "run")
    held = tmp_path / "run" / "private" / "audits" / "theirs.json"
    return outcome, {row["what"]: row for row in json.loads(held.read_text())} if held.is_file() else {}


def test_three_planted_faults_are_found_and_the_tool_is_guessed(tmp_path: Path, originals: Path) -> None:
    released = blurred(originals, tmp_path / "released")
    names = [str(path.relative_to(released)) for path in sorted(released.rglob("*.jpg"))]
    shutil.copy(originals / names[0], released / names[0])
    Image.open(originals / names[1]).save(released / names[1], quality=80)
    picture = Image.open(released / names[2])
    tags = picture.getexif()
    tags[271] = "a camera"
    tags.get_ifd(34853)[1] = "N"
    picture.save(released / names[2], exif=tags)
    before = {path: path.stat().st_mtime_ns for path in (*originals.rglob("*"), *released.rglob("*"))}
    outcome, seen = audited(tmp_path, originals, released)
    cell = outcome.cells[0]
    assert (cell.status, cell.foreign, cell.protects, cell.k) == ("ok", True, False, None), cell.reason
    assert seen["unchanged, byte for byte"]["names"] == [names[0]]
    assert seen["unchanged inside the face"]["names"] == [names[1]]
    assert seen["metadata"]["said"] == "GPS position in 1, camera in 1"
    assert str(seen["paired by"]["said"]).startswith("name")
    assert "whole photos" in str(seen["paired by"]["said"])
    assert "gaussian-blur" in str(seen["the tool, guessed"]["said"])
    assert seen["names that tell the original or the person"]["count"] == PEOPLE * EACH
    # what is public names no file
    public = (tmp_path / "run" / "figures" / "audits" / "theirs.json").read_text()
    assert not any(name in public for name in names)
    assert not list((tmp_path / "run").glob("release/*"))
    assert before == {path: path.stat().st_mtime_ns for path in (*originals.rglob("*"), *released.rglob("*"))}


def test_a_release_without_names_is_paired_by_looks_and_shared_pictures_are_counted(tmp_path: Path, originals: Path) -> None:
    made = blurred(originals, tmp_path / "made", 4.0)
    (tmp_path / "released").mkdir()
    order = np.random.default_rng(1).permutation(PEOPLE * EACH)
    for number, picture in zip(order, sorted(made.rglob("*.jpg")), strict=True):
        shutil.copy(picture, tmp_path / "released" / f"{number:03d}.jpg")
        os.utime(tmp_path / "released" / f"{number:03d}.jpg", (1, 1))
    _, seen = audited(tmp_path, originals, tmp_path / "released")
    assert str(seen["paired by"]["said"]).startswith("surroundings and looks")
    assert seen["paired by"]["bad"]
    assert int(str(seen["paired by"]["count"])) >= PEOPLE * EACH * 0.8


def test_a_release_of_another_size_is_looked_at_where_the_faces_are_and_videos_are_said(tmp_path: Path, originals: Path) -> None:
    released = blurred(originals, tmp_path / "released", 4.0)
    for picture in released.rglob("*.jpg"):
        pixels = cv2.imread(str(picture))
        cv2.imwrite(str(picture), cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    unchanged = sorted(released.rglob("*.jpg"))[0]
    pixels = cv2.imread(str(originals / unchanged.relative_to(released)))
    cv2.imwrite(str(unchanged), cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    (released / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(64))
    _, seen = audited(tmp_path, originals, released)
    assert "whole photos" in str(seen["paired by"]["said"])
    assert seen["videos, which are not looked at"]["bad"]
    assert seen["unchanged inside the face"]["names"] == [str(unchanged.relative_to(released))]


def test_a_map_pairs_pictures_that_stand_for_several_people(tmp_path: Path, originals: Path) -> None:
    released = tmp_path / "released"
    released.mkdir()
    rows = []
    for number, picture in enumerate(sorted(originals.rglob("*.jpg"))):
        shutil.copy(sorted(originals.rglob("*.jpg"))[0], released / f"{number}.jpg")
        shade = cv2.imread(str(released / f"{number}.jpg")) // 2 + number // 6
        cv2.imwrite(str(released / f"{number}.jpg"), shade)
        rows.append({"released": f"{number}.jpg", "original": str(picture.relative_to(originals))})
    with (tmp_path / "map.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("released", "original"))
        writer.writeheader()
        writer.writerows(rows)
    outcome, seen = audited(tmp_path, originals, released, f'map = "{tmp_path / "map.csv"}"')
    assert str(seen["paired by"]["said"]).startswith("the map given")
    assert "2 for 12 faces of 6 people; one picture stands for at least 3 of them" in str(seen["different pictures"]["said"])
    assert outcome.cells[0].groups == 2


def test_an_order_or_times_that_tell_are_found() -> None:
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 256, (32, 32, 3), np.uint8) for _ in range(12)]
    noisy = [np.clip(p.astype(int) // 2 + rng.integers(0, 90, p.shape), 0, 255).astype(np.uint8) for p in pictures]
    originals = Photos.from_arrays([f"o{n:02d}" for n in range(12)], pictures)
    times = {f"original/o{n:02d}": (float(n), 0.0) for n in range(12)} | {
        f"released/r{n:02d}": (1.0, float(n)) for n in range(12)
    }
    assert pair(Photos.from_arrays([f"r{n:02d}" for n in range(12)], noisy), originals, None, times).how == "the order of names"
    turned = rng.permutation(12)
    shuffled = Photos.from_arrays([f"r{n:02d}" for n in range(12)], [noisy[n] for n in turned])
    told = times | {f"released/r{place:02d}": (float(n), 0.0) for place, n in enumerate(turned.tolist())}
    found = pair(shuffled, originals, None, told)
    assert found.how == "the order of times"
    assert found.of == {f"r{place:02d}": f"o{n:02d}" for place, n in enumerate(turned.tolist())}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "expected the columns released and original"),
        ("", "expected the columns"),
        ("released,original\nx.jpg,a\nx.jpg,b\n", ":3: 'x.jpg' is there twice"),
        ("released,original\nx.jpg,\n", ":2: expected a released picture and its original"),
    ],
)
def test_a_map_that_says_no_pairs(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_map(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_map(tmp_path / "gone.csv")


def test_names_that_fit_nowhere_are_said(tmp_path: Path, originals: Path) -> None:
    released = tmp_path / "released"
    released.mkdir()
    cv2.imwrite(str(released / "x.png"), np.full((64, 64, 3), 90, np.uint8))
    outcome, _ = audited(tmp_path, originals, released)
    assert outcome.cells[0].status == "failed"
    assert "nothing pairs the 1 released pictures with the 12 originals" in outcome.cells[0].reason
    (tmp_path / "map.csv").write_text("released,original\nx.png,p99/1.jpg\n")
    shutil.rmtree(tmp_path / "run")
    outcome, _ = audited(tmp_path, originals, released, f'map = "{tmp_path / "map.csv"}"')
    assert "the map names 1 original pictures that are not there, the first in line 2" in outcome.cells[0].reason
    assert "p99" not in outcome.cells[0].reason


def test_released_stands_alone() -> None:
    for more in ("k = 3", 'redactor = { use = "none" }'):
        with pytest.raises(RecipeError) as caught:
            parse(TEXT.replace("MAP", more), "r.toml")
        assert "released was made by another tool" in "\n".join(caught.value.complaints)


@pytest.mark.parametrize("swap", ["same", "nested", "swapped", "missing", "into"])
def test_folders_that_cannot_be_what_they_are_given_for(
    tmp_path: Path, originals: Path, swap: str, capsys: pytest.CaptureFixture[str]
) -> None:
    released = blurred(originals, tmp_path / "released")
    out = tmp_path / "out"
    first, second = originals, released
    if swap == "same":
        second = originals
    elif swap == "nested":
        second = originals / "p01"
    elif swap == "swapped":
        (originals / "RELEASE.json").write_text("{}")
    elif swap == "missing":
        second = tmp_path / "nowhere"
    else:
        out = released / "audit"
    assert main(["audit", str(first), str(second), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    words = {
        "same": "the same folder",
        "nested": "lies inside",
        "swapped": "is a release",
        "missing": "no folder",
        "into": "is written",
    }
    assert words[swap] in said
    assert not out.exists()


def test_a_broken_map_is_said_before_anything_is_written(tmp_path: Path, originals: Path) -> None:
    released = blurred(originals, tmp_path / "released")
    (tmp_path / "map.csv").write_text("released,original\np01/1.jpg,p01/1.jpg\np01/1.jpg,p02/1.jpg\n")
    with pytest.raises(UsageError, match=r":3: 'p01/1\.jpg' is there twice"):
        audited(tmp_path, originals, released, f'map = "{tmp_path / "map.csv"}"')
    assert not (tmp_path / "run").exists()


def test_a_run_folder_inside_the_release_is_refused(tmp_path: Path, originals: Path) -> None:
    with pytest.raises(UsageError, match="lies inside the input folder"):
        audited(blurred(originals, tmp_path / "released"), originals, tmp_path / "released")
    assert not (tmp_path / "released" / "run").exists()
