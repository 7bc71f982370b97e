"""Methods over whole photos: groups are made of the people who are found, and their surrogates are drawn where the faces are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from examples import docstring_code, listed, planned

from deidframe.cli.main import main
from deidframe.contract import FaceSet
from deidframe.contract.errors import DeidframeError, ReleaseRefused
from deidframe.engine.components import identity
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.engine.run_folder import Outcome
from deidframe.engine.runtime.timeout import limit_calls
from deidframe.engine.scenes import gathered
from deidframe.engine.scenes.cast import fewest_shown
from deidframe.guard.certificate import Check
from deidframe.guard.release import Release
from deidframe.guard.scene import SceneCount, SurrogateCount, certify_scenes
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse

RECIPE = """\
schema = 1
name = "group-photos"
seed = 5
[source]
use = "folder"
subjects = { use = "average-linkage", encoder = "sface" }
params = { path = "PATH", layout = "flat" }
[detector]
use = "yunet"
[scene]
landmarker = { use = "face-mesh" }
SCENE
[[method]]
name = "mean"
k = 3
encoder     = { use = "sface" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "pixel-mean" }
[[method]]
name = "mask"
redactor = { use = "solid-mask" }
[[attack]]
name = "naive"
use = "nearest-face"
threat = "naive"
encoders = ["sface"]
"""
PEOPLE, PHOTOS = 9, 9


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine photos of three people each, nine people in all, who do not exist."""
    faces = Path(pytest.importorskip("deidframe_people").__file__).parent / "faces"
    pytest.importorskip("deidframe_mesh")
    folders = sorted(path for path in faces.iterdir() if path.is_dir())[:PEOPLE]
    home = tmp_path_factory.mktemp("photos")
    (home / "party").mkdir()
    for n in range(PHOTOS):
        wall = np.full((300, 720, 3), (90, 120, 140), np.uint8)
        for place in range(3):
            own = sorted(folders[(n + place * (1 + n // 3)) % PEOPLE].glob("*.jpg"))
            wall[40:260, 15 + 235 * place : 235 + 235 * place] = cv2.resize(
                cv2.imread(str(own[(n + place) % len(own)])), (220, 220)
            )
        cv2.imwrite(str(home / "party" / f"{n}.png"), wall)
    cv2.imwrite(str(home / "party" / "wall.png"), np.full((300, 300, 3), 120, np.uint8))
    (home / "party" / "broken.jpg").write_bytes(b"no picture")
    return home


def text_of(photos: Path, scene: str = "") -> str:
    return RECIPE.replace("PATH", str(photos)).replace("SCENE", scene)


def ran(text: str, out: Path, scratch: Path) -> Outcome:
    return run(plan(parse(text, "recipe.toml"), Catalogue(), scratch), out, names_key=b"k" * 32)


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    home = tmp_path_factory.mktemp("run")
    return ran(text_of(photos), home / "out", home)


def certificate_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "RELEASE.json").read_text())["certificate"]
    return found


def test_surrogates_of_groups_are_drawn_into_whole_photos(done: Outcome, photos: Path) -> None:
    release = done.folder / "release" / "mean"
    assert sorted(path.name for path in (release / "party").iterdir()) == [f"{n}.jpg" for n in range(PHOTOS)]
    said = certificate_of(release)
    count, behind = said["count"], said["surrogates"]
    assert said["kind"] == "blind scenes" and count["withheld"] == {"no face was seen in it": 1, **_unread(count)}
    assert count["covered"] == count["checked"] == count["sighted"] >= 27 and count["drawn"] >= 24
    assert count["found_again"] >= count["drawn"] - 2
    assert behind["k_counted"] >= 3 and PEOPLE - 1 <= behind["people"] <= PEOPLE and behind["groups"] >= 2
    assert 0 < behind["k_drawn"] <= behind["people"]
    assert "surrogate of a group of at least 3 people" in said["holds"][0]
    before = cv2.imread(str(photos / "party" / "0.png")).astype(int)
    after = cv2.imread(str(release / "party" / "0.jpg")).astype(int)
    assert before.shape == after.shape
    assert np.abs(before - after)[:30].mean() < 3  # above all heads nothing has changed
    for place in range(3):
        middle = np.s_[110:190, 85 + 235 * place : 165 + 235 * place]
        assert np.abs(before[middle] - after[middle]).mean() > 8


def _unread(count: dict[str, Any]) -> dict[str, int]:
    return {why: number for why, number in count["withheld"].items() if why != "no face was seen in it"}


def test_every_group_shows_one_surrogate_wherever_its_people_are(done: Outcome) -> None:
    rows = json.loads((done.folder / "private" / "mapping" / "mean.json").read_text())
    group_of: dict[str, set[int]] = {}
    for row in rows:
        group_of.setdefault(row["person"], set()).add(row["group"])
    assert all(len(groups) == 1 for groups in group_of.values()) and len(group_of) >= PEOPLE - 1
    assert len({row["file"] for row in rows if row["group"] == rows[0]["group"]}) > 1


def test_a_redactor_promises_nothing_and_lies_elsewhere(done: Outcome) -> None:
    folder = done.folder / "compared" / "mask"
    assert certificate_of(folder)["kind"] == "covered scenes" and certificate_of(folder)["surrogates"] is None
    assert not (done.folder / "release" / "mask").exists()
    assert "Do not share it" in (folder / "README.txt").read_text()


def test_attacks_see_the_released_photos_and_no_bound_is_claimed(done: Outcome) -> None:
    cells = {(cell.method, cell.attack): cell for cell in done.cells}
    attacked = cells["mean", "naive"]
    assert attacked.status == "ok" and attacked.probes >= 15 and attacked.candidates >= PEOPLE - 1
    assert attacked.k is None and "bound1" not in attacked.metrics
    assert cells["mean", ""].metrics["scene_faces_found"]["value"] > 0.8
    assert "named" in (done.folder / "release" / "mean" / "README.txt").read_text()


def test_it_is_verified_counted_again_and_told(done: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(done.folder)]) == 0
    assert main(["certify", str(done.folder)]) == 0
    assert "groups of at least 3 behind what is drawn: as certified" in capsys.readouterr().out
    assert main(["report", str(done.folder)]) == 0
    page = (done.folder / "report.html").read_text()
    assert "No scene is k-anonymous" in page and "whole photos or videos, blind scenes" in page
    mapping = done.folder / "private" / "mapping" / "mean.json"
    kept = mapping.read_text()
    rows = json.loads(kept)
    first = rows[0]["group"]
    try:
        mapping.write_text(json.dumps([{**row, "person": "one" if row["group"] == first else row["person"]} for row in rows]))
        capsys.readouterr()
        assert main(["certify", str(done.folder)]) == 6
        assert "holds 1 people, k = 3" in capsys.readouterr().out
    finally:
        mapping.write_text(kept)


def test_a_run_that_was_cut_short_looks_at_nothing_twice(
    done: Outcome, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "out"
    calls = {"n": 0}
    real = gathered.shapes_of

    def cut(*arguments: Any) -> Any:
        calls["n"] += 1
        if calls["n"] > 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(gathered, "SHARD", 2)
    monkeypatch.setattr(gathered, "shapes_of", cut)
    with pytest.raises(KeyboardInterrupt):
        ran(text_of(photos), first, tmp_path)
    assert len(list((first / "private" / "scenes" / "seen").iterdir())) == 2
    calls["n"] = -100
    again = ran(text_of(photos), first, tmp_path)
    assert calls["n"] < -100 + PHOTOS + 1 - 3
    for kind in ("release/mean", "compared/mask"):
        for path in (done.folder / kind / "party").iterdir():
            assert path.read_bytes() == (again.folder / kind / "party" / path.name).read_bytes()


def test_head_draws_the_whole_head(done: Outcome, photos: Path, tmp_path: Path) -> None:
    head = ran(text_of(photos, 'scope = "head"'), tmp_path / "out", tmp_path)
    said = certificate_of(head.folder / "release" / "mean")
    assert said["surrogates"]["scope"] == "the head" and said["count"]["drawn"] >= 24
    plain = cv2.imread(str(photos / "party" / "0.png")).astype(int)
    both = [cv2.imread(str(one.folder / "release" / "mean" / "party" / "0.jpg")).astype(int) for one in (done, head)]
    changed = [(np.abs(one - plain).max(axis=2) > 20).sum() for one in both]
    assert changed[1] > 1.5 * changed[0]


def test_wide_erases_more_and_exempt_photos_stay(done: Outcome, photos: Path, tmp_path: Path) -> None:
    scene = 'scope = "wide"\nexempt = [{ photo = "party/1.png", reason = "asked for" }]\n'
    wide = ran(text_of(photos, scene), tmp_path / "out", tmp_path)
    said = certificate_of(wide.folder / "release" / "mean")
    assert "a rim around it" in json.dumps(said) and said["count"]["left"] == 1 and said["reasons"] == ["asked for"]
    same = [(run_.folder / "release" / "mean" / "party" / "0.jpg") for run_ in (done, wide)]
    plain = cv2.imread(str(photos / "party" / "0.png")).astype(int)
    changed = [(np.abs(cv2.imread(str(path)).astype(int) - plain).max(axis=2) > 20).sum() for path in same]
    assert changed[1] > 1.1 * changed[0]
    left = cv2.imread(str(wide.folder / "release" / "mean" / "party" / "1.jpg")).astype(int)
    assert np.abs(left - cv2.imread(str(photos / "party" / "1.png"))).mean() < 3
    ids = (wide.folder / "private" / "mapping" / "mean.csv").read_text("utf-8")
    assert "party/0.png#" in ids and "party/1.png#" not in ids, "who is left as they are hides nobody"


def test_too_few_people_release_nothing(photos: Path, tmp_path: Path) -> None:
    text = text_of(photos).replace("k = 3", "k = 30")
    outcome = ran(text, tmp_path / "out", tmp_path)
    assert [cell.status for cell in outcome.cells if cell.method == "mean" and not cell.attack] != ["ok"]
    assert not (tmp_path / "out" / "release").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('landmarker = { use = "face-mesh" }', "", "need a landmarker"),
        ('landmarker = { use = "face-mesh" }', 'landmarker = { use = "magic" }', 'no landmarker is called "magic"'),
        ("[scene]", '[scene]\ncover = { use = "mosaic" }', "the fill stays"),
        ('subjects = { use = "average-linkage", encoder = "sface" }', 'subjects = "labelled"', "need them found"),
        ('anonymizer  = { use = "centroid" }', 'anonymizer = { use = "dp-laplace", params = { epsilon = 1.0 } }', "of its own"),
        ('use = "folder"', 'use = "folder"\ncarry = ["age"]', "leave out carry"),
        ('scope = "face"', 'scope = "body"', "scope"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_anything_runs(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    text = text_of(photos, 'scope = "face"')
    assert old in text
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text.replace(old, new))
    assert main(["check", str(recipe)]) in (3, 4)
    assert said in capsys.readouterr().err


SURROGATES = SurrogateCount("mean", "the face", 3, 3, 9, 3, 3, (Check("bare files", True, "yes"),))


def test_no_certificate_without_people_behind_what_is_drawn() -> None:
    count = SceneCount(1, 1, sighted=2, covered=2, looked_again=1, blind=True, checked=2, bare=1, drawn=2, found_again=2)
    assert certify_scenes(count, "mean", ("yunet",), (), SURROGATES).kind == "blind scenes"
    for bad, behind, words in (
        (count, None, "nobody counted"),
        (replace(count, blind=False), SURROGATES, "reads the faces beneath"),
        (count, replace(SURROGATES, k_counted=2), "k = 3 was asked"),
        (count, replace(SURROGATES, k_asked=1, k_counted=1), "1 people stand behind"),
    ):
        with pytest.raises(ReleaseRefused, match=words):
            certify_scenes(bad, "mean", ("yunet",), (), behind)


def test_a_surrogate_that_few_people_show_is_said() -> None:
    count = SceneCount(1, 1, sighted=2, covered=2, looked_again=1, blind=True, checked=2, bare=1, drawn=2, found_again=2)
    few = certify_scenes(count, "mean", ("yunet",), (), replace(SURROGATES, k_drawn=1))
    assert any("drawn over 1 person alone" in one for one in few.holds_not)
    assert "each drawn over at least 1 of them" in next(one.words for one in few.checks if one.name == "surrogates")
    assert not any("alone" in one for one in certify_scenes(count, "mean", ("yunet",), (), SURROGATES).holds_not)


def test_who_shows_a_surrogate_is_counted_by_people_not_views() -> None:
    views = ("a#1", "a#2", "b#1", "c#1", "d#1")
    digests = dict(zip(views, ("x", "x", "x", "y", "y"), strict=True))
    faces = FaceSet(views, np.zeros((5, 4, 4, 3), np.uint8), None, ("ann", "ann", "bob", "cy", "di"))
    release = Release("mean", faces, faces, {}, digests=digests)
    assert fewest_shown(release, views) == 2
    assert fewest_shown(release, ["a#1", "a#2", "c#1", "d#1"]) == 1  # ann twice is one person
    assert fewest_shown(release, ["c#1", "d#1", "e#9"]) == 2  # what is not drawn at all is shown on nobody
    assert fewest_shown(release, []) == 0


SINNING = """
schema = 1
name = "sins"
[source]
use = "noise"
subjects = { use = "in-order", encoder = "colour" }
params = { count = 12 }
[detector]
use = "whole"
[scene]
landmarker = { use = "corners" }
allow_faceless = true
[[method]]
name = "grey"
redactor = { use = "grey" }
"""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no')", "landmarker examples:corners"),
        ("__import__('time').sleep(60)", "did not end within 1 s"),
        ("__import__('numpy').random.random()", "random numbers"),
        ("return faces", "expected"),
    ],
)
def test_a_landmarker_is_guarded_as_every_component_is(tmp_path: Path, body: str, words: str) -> None:
    head, found, rest = docstring_code("landmarker").partition("    def mark(")
    assert found
    signature, _, tail = rest.partition("\n")
    code = f"{head}{found}{signature}\n        {body}\n{tail}"
    with pytest.raises(DeidframeError, match=words), limit_calls(1.0):
        run(planned(tmp_path, listed("landmarker", "corners", code), recipe=SINNING), tmp_path / "run", timeout=1.0)
    assert not list((tmp_path / "run").glob("release/*"))


def test_what_other_code_has_seen_is_not_taken_over(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = gathered.shapes_of
    looks = {"n": 0}

    def cut(*arguments: Any) -> Any:
        looks["n"] += 1
        if looks["n"] == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(gathered, "SHARD", 2)
    monkeypatch.setattr(gathered, "shapes_of", cut)
    with pytest.raises(KeyboardInterrupt):
        ran(text_of(photos), tmp_path / "out", tmp_path)
    monkeypatch.setattr(identity, "code_of", lambda package: "another version")
    looks["n"] = 100
    ran(text_of(photos), tmp_path / "out", tmp_path)
    assert looks["n"] >= 100 + PHOTOS
