"""Methods over photos and videos together: people are one over all files, no frame is left out, attacks see what is released."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

av = pytest.importorskip("av")
pytest.importorskip("deidframe_people")
pytest.importorskip("deidframe_mesh")

from clips import Clip, Shown, draw, faces, write  # noqa: E402

from deidframe.cli.main import main  # noqa: E402
from deidframe.contract.errors import ReleaseRefused  # noqa: E402
from deidframe.engine.planning.planner import plan  # noqa: E402
from deidframe.engine.run import run  # noqa: E402
from deidframe.engine.run_folder import Outcome  # noqa: E402
from deidframe.engine.scenes import segments  # noqa: E402
from deidframe.engine.scenes.film_plan import FilmPlan, Late, steady  # noqa: E402
from deidframe.engine.scenes.films import TWICE  # noqa: E402
from deidframe.engine.scenes.review import doubts_of_photos, doubts_of_tracks  # noqa: E402
from deidframe.engine.scenes.tracks import Tracks  # noqa: E402
from deidframe.engine.scenes.video_files import info_of, read  # noqa: E402
from deidframe.guard.scene import FilmCount, SceneCount, both, certify_films, certify_scenes  # noqa: E402
from deidframe.host.catalogue import Catalogue  # noqa: E402
from deidframe.recipe.parse import parse  # noqa: E402

RECIPE = """\
schema = 1
name = "films"
seed = 5
[source]
use = "folder"
subjects = { use = "average-linkage", encoder = "sface" }
params = { path = "PATH", layout = "flat" }
[detector]
use = "yunet"
[scene]
landmarker = { use = "face-mesh" }
sound = "drop"
[[method]]
name = "mean"
k = 3
encoder     = { use = "sface" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "pixel-mean" }
[[attack]]
name = "naive"
use = "nearest-face"
threat = "naive"
encoders = ["sface"]
"""
PICTURES = faces()
WALK = Clip("walk", tuple((Shown(0, 150 + 2 * n, 170, 150), Shown(1, 470, 180 + n % 3, 140)) for n in range(30)))
TURN = Clip("turn", tuple((Shown(2, 320, 180, 150, 20 * np.sin(n / 4)),) for n in range(20)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos of one person each, two clips of three of them, a copy of a clip, a text and a broken video."""
    home = tmp_path_factory.mktemp("mixed")
    for n in range(6):
        cv2.imwrite(str(home / f"{n}.png"), PICTURES[n])
    (home / "clips").mkdir()
    write(home / "clips" / "walk.mp4", draw(WALK, PICTURES), sound=True)
    write(home / "clips" / "turn.mkv", draw(TURN, PICTURES))
    shutil.copy(home / "clips" / "walk.mp4", home / "copy.mp4")
    (home / "notes.txt").write_text("no picture")
    (home / "broken.avi").write_bytes(b"RIFF no video")
    return home


def ran(folder: Path, out: Path, scratch: Path) -> Outcome:
    recipe = parse(RECIPE.replace("PATH", str(folder)), "recipe.toml")
    return run(plan(recipe, Catalogue(), scratch), out, names_key=b"k" * 32)


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    home = tmp_path_factory.mktemp("run")
    return ran(folder, home / "out", home)


def certificate_of(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((outcome.folder / "release" / "mean" / "RELEASE.json").read_text())["certificate"]
    return found


def test_photos_and_videos_are_released_together(done: Outcome, folder: Path) -> None:
    release = done.folder / "release" / "mean"
    names = sorted(path.relative_to(release).as_posix() for path in release.rglob("*.*") if path.suffix in (".jpg", ".mp4"))
    first = "clips/walk.mp4" if (release / "clips" / "walk.mp4").exists() else "copy.mp4"
    assert names == sorted([*(f"{n}.jpg" for n in range(6)), "clips/turn.mp4", first])
    said = certificate_of(done)
    films = said["films"]
    assert films["released"] == 2 and films["frames"] == films["looked_again"] == 50 and films["sound"] == 0
    assert films["drawn"] >= 70 and films["blind"] and said["pictures"] == 8
    assert said["surrogates"]["people"] >= 5 and "every frame" in said["holds"][0]
    listed = (done.folder / "private" / "withheld.csv").read_text()
    assert TWICE in listed and "not a picture" in listed and "broken.avi" in listed
    for name, clip in (("clips/turn.mp4", folder / "clips" / "turn.mkv"), (first, folder / "copy.mp4")):
        before, after = ([frame.time * info_of(path).time_base for frame in read(path)] for path in (clip, release / name))
        assert before == after


def test_people_are_one_over_all_files_and_so_is_their_surrogate(done: Outcome) -> None:
    rows = json.loads((done.folder / "private" / "mapping" / "mean.json").read_text())
    person = {row["face"]: row["person"] for row in rows}
    for n, film in ((0, "walk"), (1, "walk"), (2, "turn")):
        in_photo = person[f"{n}.png#1"]
        in_film = [row for row in rows if row["person"] == in_photo and ".m" in row["face"].partition("#")[0]]
        assert in_film and (film in in_film[0]["face"] or "copy" in in_film[0]["face"])
        assert len({row["group"] for row in rows if row["person"] == in_photo}) == 1
    assert len(set(person.values())) >= 5


def test_every_frame_is_drawn_or_covered(done: Outcome, folder: Path) -> None:
    release = done.folder / "release" / "mean"
    for before, after, shown in zip(
        read(folder / "clips" / "turn.mkv"), read(release / "clips" / "turn.mp4"), TURN.frames, strict=True
    ):
        x, y = int(shown[0].x), int(shown[0].y)
        there = np.s_[y - 20 : y + 20, x - 20 : x + 20]
        was, now = (frame.planes.rgb().astype(int) for frame in (before, after))
        assert np.abs(was[there] - now[there]).mean() > 6
        assert np.abs(was[:40] - now[:40]).mean() < 4
    told = [path.read_text() for path in (done.folder / "private" / "scenes").rglob("tracks.csv")]
    assert len(told) == 2 and all("drawn over" in one for one in told)


def test_what_deserves_a_look_is_shown_and_every_box_is_listed(
    done: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (page,) = (done.folder / "private").rglob("review.html")
    assert page.stat().st_mode & 0o077 == 0 and "What deserves a look" in page.read_text()
    assert main(["boxes", str(done.folder), "--out", str(tmp_path / "boxes.json")]) == 0
    rows = json.loads((tmp_path / "boxes.json").read_text())
    assert {row["method"] for row in rows} == {"mean"} and {"0.png", "clips/turn.mkv"} <= {row["file"] for row in rows}
    assert all(row["frame"] is None for row in rows if row["file"].endswith(".png"))
    count = certificate_of(done)
    films = count["films"]
    assert (
        sum(row["frame"] is not None for row in rows) == films["seen"] + films["filled"] + films["extended"] + films["repaired"]
    )
    assert sum(row["done"] == "drawn over" for row in rows) == films["drawn"] + count["count"]["drawn"]
    capsys.readouterr()
    assert main(["boxes", str(done.folder)]) == 0
    assert capsys.readouterr().out.startswith("method,file,frame,seconds,track,x0,y0,x1,y1,how,done\nmean,0.png,,,0,")
    for bad, said in (
        (["boxes", str(tmp_path)], "holds no private folder"),
        (["boxes", str(done.folder), "--out", str(tmp_path / "boxes.json")], "exists"),
        (["boxes", str(done.folder), "--out", str(tmp_path / "boxes.txt")], "ends in .csv or .json"),
    ):
        assert main(bad) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "private").mkdir()
    assert main(["boxes", str(tmp_path)]) == 2
    assert "no run over scenes" in capsys.readouterr().err
    (tmp_path / "private" / "tracks.csv").write_text("video,frame\na.mp4,x\n")
    assert main(["boxes", str(tmp_path)]) == 2
    assert "is damaged" in capsys.readouterr().err


def test_doubts_say_why(tmp_path: Path) -> None:
    listed = tmp_path / "tracks.csv"
    lines = ["video,frame,seconds,track,x0,y0,x1,y1,how,done"]
    lines += [f"a.mp4,{n},0.1,0,1,1,9,9,{'seen' if n < 3 else 'between sightings'},covered" for n in range(12)]
    lines += [f"a.mp4,{n},0.1,1,1,1,9,9,seen,{'covered' if n == 6 else 'drawn over'}" for n in range(12)]
    lines += [f"a.mp4,{n},0.1,2,1,1,9,9,seen,covered" for n in range(12)]
    lines += ["a.mp4,4,0.1,,1,1,9,9,seen in the released file,covered"]
    listed.write_text("\n".join(lines) + "\n")
    said = [one.why for one in doubts_of_tracks(listed)]
    assert len(said) == 3 and "only in the released file, and covered in 1 frame" in said[0]
    assert "seen in 3 of 12" in said[1] and "drawn and covered in turn, 2 times" in said[2]
    faces = tmp_path / "faces.csv"
    faces.write_text("photo,released,face,x0,y0,x1,y1,score,seen_by,done\na.jpg,a.jpg,0,1,1,9,9,0.4,yunet,covered\n")
    assert [one.why for one in doubts_of_photos(faces)] == ["yunet was not sure (0.40); covered"]
    assert not list(doubts_of_photos(tmp_path / "none.csv"))


def test_attacks_see_faces_found_afresh_in_released_frames(done: Outcome) -> None:
    cells = {(cell.method, cell.attack): cell for cell in done.cells}
    row = cells["mean", "naive"]
    assert row.status == "ok" and row.candidates >= 5 and row.probes > 10
    assert cells["mean", ""].metrics["scene_faces_found"]["value"] > 0.8
    assert main(["verify", str(done.folder)]) == 0 and main(["certify", str(done.folder)]) == 0


def test_a_run_that_was_killed_gives_the_same_bytes(
    done: Outcome, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = segments._draw
    calls = {"n": 0}

    def cut(*arguments: Any, **more: Any) -> Any:
        calls["n"] += 1
        if calls["n"] == 2:
            raise KeyboardInterrupt
        return real(*arguments, **more)

    monkeypatch.setattr(segments, "_draw", cut)
    with pytest.raises(KeyboardInterrupt):
        ran(folder, tmp_path / "out", tmp_path)
    again = ran(folder, tmp_path / "out", tmp_path)
    first, second = (outcome.folder / "release" / "mean" for outcome in (done, again))
    for path in first.rglob("*.mp4"):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


def test_exempt_videos_and_parts_are_said(folder: Path, tmp_path: Path) -> None:
    more = (
        'exempt = [{ photo = "clips/turn.mkv", reason = "an actor" }, { photo = "0.png", reason = "the mayor" }]\n'
        'roi = { boxes = [[0, 0, 320, 360]], reason = "a poster hangs on the right" }\n'
    )
    text = RECIPE.replace("PATH", str(folder)).replace('sound = "drop"\n', f'sound = "drop"\n{more}')
    outcome = run(plan(parse(text, "recipe.toml"), Catalogue(), tmp_path), tmp_path / "out")
    said = certificate_of(outcome)
    assert (
        said["films"]["left"] == 1 and said["films"]["looked_again"] == 30 and set(said["reasons"]) == {"an actor", "the mayor"}
    )
    assert said["count"]["left"] == 1 and 0 < said["films"]["drawn"] < 40
    assert any("a poster hangs on the right" in one for one in said["holds_not"])
    assert main(["verify", str(outcome.folder)]) == 0 and main(["certify", str(outcome.folder)]) == 0


def test_runs_of_faces_leave_videos_out_and_say_so(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "faces.toml"
    text = RECIPE.replace("PATH", str(folder)).replace('[scene]\nlandmarker = { use = "face-mesh" }\nsound = "drop"\n', "")
    recipe.write_text(text)
    assert main(["run", str(recipe), "--out", str(tmp_path / "out"), "--no-cache"]) == 0
    assert "a recipe with [scene] releases it whole" in (tmp_path / "out" / "private" / "withheld.csv").read_text()
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(folder / "copy.mp4", alone / "a.mp4")
    recipe.write_text(text.replace(str(folder), str(alone)))
    capsys.readouterr()
    assert main(["run", str(recipe), "--out", str(tmp_path / "no"), "--no-cache"]) == 5
    assert "a recipe with [scene] releases them whole" in capsys.readouterr().err


def tracks_of(count: int) -> Tracks:
    at = np.zeros((count, 5, 2), np.float32)
    boxes = np.tile(np.array([10, 10, 50, 60], np.float32), (count, 1))
    return Tracks(np.zeros(count, np.int64), np.arange(count), boxes, at, np.zeros(count, np.int8), np.zeros(1, np.int64))


def test_a_face_is_not_drawn_for_a_moment() -> None:
    fit = np.array([1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1], bool)
    assert steady(tracks_of(11), fit).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0]
    assert steady(tracks_of(3), np.ones(3, bool)).all()  # a short track is drawn as a whole


def test_late_faces_are_covered_with_the_frames_around_them_once() -> None:
    box, marks = np.array([60, 10, 90, 50], np.float32), np.zeros((5, 2), np.float32)
    late = [Late(n, box + shift, marks) for n in range(3) for shift in (0.0, 0.5)]
    made = FilmPlan(tracks_of(5), 5).with_extra(late)
    assert [len(made[frame]) for frame in range(5)] == [2, 2, 2, 1, 1]
    assert list(Late(1, box, marks).around(5)) == [0, 1, 2, 3, 4]


def test_one_certificate_of_photos_and_videos() -> None:
    photos = SceneCount(1, 1, sighted=2, covered=2, looked_again=1, blind=True, checked=2, bare=1)
    films = FilmCount(1, 1, {}, frames=9, seen=9, blind=True, checked=1, looked_again=9, sound=1)
    first, second = certify_scenes(photos, "fill", ("yunet",), ()), certify_films(films, "fill", ("yunet",))
    made = both(first, second)
    assert made.as_dict()["pictures"] == 2 and {"photos", "videos", "frames"} <= {check.name for check in made.checks}
    assert any("voices" in words for words in made.holds_not)
    assert both(first, None) is first and both(None, second) is second
    for one, two in ((None, None), (first, replace(second, kind="covered scenes"))):
        with pytest.raises(ReleaseRefused):
            both(one, two)
