"""Whole photos: every face that anybody sees is covered, files are looked at again, and what cannot be done is withheld."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidframe.cli.main import main
from deidframe.contract import Detections, NothingToDo, Photos, UnreadablePhoto, UsageError
from deidframe.contract.errors import ReleaseRefused
from deidframe.engine.release.verify import verify
from deidframe.engine.runtime.progress import Quiet
from deidframe.engine.scenes.checks import HANDED_BACK, NO_FACE, NOT_BLIND, STILL_A_FACE, Wanted, Withheld
from deidframe.engine.scenes.covers import fill, mosaic
from deidframe.engine.scenes.folder import released_name
from deidframe.engine.scenes.look import Looker, Sighted, look, tiles
from deidframe.engine.scenes.photos import cover_photo, cover_photos
from deidframe.guard.scene import FilmCount, SceneCount, certify_films, certify_scenes

PLACES = ((40, 30), (150, 60))
SIDE = 40


def blank() -> np.ndarray:
    scene = np.zeros((160, 240, 3), np.uint8)
    scene[:] = np.linspace(60, 180, 240)[None, :, None]
    return scene


def scene(places: tuple[tuple[int, int], ...] = PLACES) -> np.ndarray:
    """A "face" is a striped square of pure red and blue, which `Stripes` knows again."""
    out = blank()
    for x, y in places:
        out[y : y + SIDE, x : x + SIDE] = (250, 0, 0)
        out[y : y + SIDE : 8, x : x + SIDE] = (0, 0, 250)
    return out


def stripes(photos: Photos) -> Detections:
    """A detector of what `scene` draws."""
    found = []
    for photo in photos:
        pixels = photos.open(photo).astype(int)
        red = ((pixels[..., 0] - pixels[..., 1] > 150) & (pixels[..., 0] - pixels[..., 2] > 150)).astype(np.uint8)
        red = cv2.morphologyEx(red, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        count, _, stats, _ = cv2.connectedComponentsWithStats(red)
        boxes = [s[:4] for s in stats[1:count] if s[4] > 300]
        rows = np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32).reshape(-1, 4)
        at = np.array([(0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)], np.float32)
        marks = rows[:, None, :2] + at[None] * (rows[:, None, 2:] - rows[:, None, :2])
        found.append(Detections.one(photo, rows, marks, np.full(len(rows), 0.95, np.float32)))
    return Detections.join(found)


def looker(detect=stripes, name: str = "stripes") -> Looker:  # type: ignore[no-untyped-def]
    return Looker(name, detect, (), None)


WANTED = Wanted(fill, "fill", True)


def ran(tmp_path: Path, pictures: dict[str, np.ndarray], wanted: Wanted = WANTED, lookers=None):  # type: ignore[no-untyped-def]
    photos = Photos.from_arrays(list(pictures), list(pictures.values()))
    photos = replace(photos, fingerprint=lambda name: hashlib.sha256(pictures[name].tobytes()).hexdigest())
    return cover_photos(photos, lookers or [looker()], wanted, tmp_path / "out", Quiet())


def test_photos_come_out_whole_under_their_own_paths(tmp_path: Path) -> None:
    done = ran(tmp_path, {"a/one.png": scene(), "a/one.jpg": scene(PLACES[:1]), "b/two.jpeg": scene()})
    release = done.folder
    assert {str(path.relative_to(release)) for path in release.rglob("*.jpg")} == {"a/one.jpg", "a/one.jpg.jpg", "b/two.jpg"}
    count = done.certificate.count
    assert (count.came, count.released, count.sighted, count.covered, count.checked, count.blind) == (3, 3, 5, 5, 5, True)
    assert done.certificate.kind == "blind scenes"
    shown = cv2.imread(str(release / "b" / "two.jpg"))[:, :, ::-1]
    assert len(stripes(Photos.from_arrays(["x"], [np.ascontiguousarray(shown)]))) == 0
    outside = np.abs(shown.astype(int) - scene())[:20]
    assert outside.mean() < 3
    assert verify(release).problems == ()
    rows = list(csv.DictReader((done.folder.parent / "private" / "faces.csv").read_text().splitlines()))
    assert len(rows) == 5 and rows[0]["done"] == "covered"
    (release / "b" / "two.jpg").write_bytes(b"x")
    assert any("has changed" in problem for problem in verify(release).problems)


def test_what_a_second_detector_sees_is_covered_too(tmp_path: Path) -> None:
    def left_half(photos: Photos) -> Detections:
        seen = stripes(photos)
        keep = seen.boxes[:, 0] < 100
        ids = tuple(i for i, k in zip(seen.photo_ids, keep.tolist(), strict=True) if k)
        return Detections(seen.looked_at, ids, seen.boxes[keep], seen.landmarks[keep], seen.scores[keep])

    done = ran(tmp_path, {"one.png": scene()}, lookers=[looker(left_half, "left"), looker()])
    assert done.certificate.count.covered == 2


def test_a_face_that_shows_only_afterwards_is_repaired_or_the_photo_withheld() -> None:
    calls = {"n": 0}

    def late(photos: Photos) -> Detections:
        calls["n"] += 1
        seen = stripes(photos)
        return seen if calls["n"] > 6 else Detections.none(photos.ids)  # it misses all looks at the original

    done = cover_photo(scene(), [Looker("late", late, (late,), None)], Wanted(fill, "fill", True, allow_faceless=True))
    assert done.repaired == 2 and len(done.sighted) == 2 and done.checked == 2

    def everywhere(photos: Photos) -> Detections:
        calls["n"] += 1
        x = float(30 * (calls["n"] % 7))
        box = np.array([[x, 110, x + 30, 150]], np.float32)
        marks = np.repeat(box[:, None, :2] + 10, 5, axis=1) + np.arange(5, dtype=np.float32)[None, :, None]
        return Detections.one(photos.ids[0], box, marks, np.array([0.9], np.float32))

    with pytest.raises(Withheld, match=STILL_A_FACE):
        cover_photo(scene(), [Looker("e", everywhere, (), None)], Wanted(fill, "fill", True))


def test_a_cover_that_lies_is_caught() -> None:
    def nothing(picture, faces) -> None:  # type: ignore[no-untyped-def]
        pass

    with pytest.raises(Withheld, match=HANDED_BACK):
        cover_photo(scene(), [looker()], Wanted(nothing, "nothing", False))
    with pytest.raises(Withheld, match=NOT_BLIND):
        cover_photo(scene(), [looker()], Wanted(mosaic, "mosaic", True))
    with pytest.raises(Withheld, match=NO_FACE):
        cover_photo(blank(), [looker()], WANTED)


def test_photos_without_anybody_are_withheld_unless_the_owner_says_so(tmp_path: Path) -> None:
    done = ran(tmp_path, {"empty.png": blank(), "one.png": scene()})
    assert done.certificate.count.withheld == {NO_FACE: 1}
    (tmp_path / "all").mkdir()
    every = ran(tmp_path / "all", {"empty.png": blank()}, Wanted(fill, "fill", True, allow_faceless=True))
    assert every.certificate.count.faceless == 1
    (tmp_path / "none").mkdir()
    with pytest.raises(NothingToDo, match="no photo could be released"):
        ran(tmp_path / "none", {"empty.png": blank()})


def test_an_exemption_has_a_reason_and_stands_in_the_certificate(tmp_path: Path) -> None:
    wanted = Wanted(fill, "fill", True, exempt=(("one.png", "the mayor agreed"),))
    done = ran(tmp_path, {"one.png": scene(), "two.png": scene()}, wanted)
    assert (done.certificate.count.exempt, done.certificate.count.covered) == (2, 2)
    said = json.loads((done.folder / "RELEASE.json").read_text())["certificate"]
    assert said["reasons"] == ["the mayor agreed"] and "left as they are" in said["holds_not"][0]
    with pytest.raises(UsageError, match="no such photo"):
        ran(tmp_path / "b", {"one.png": scene()}, Wanted(fill, "fill", True, exempt=(("zwei.png", "x"),)))


def test_a_run_that_was_cut_short_goes_on_and_another_is_refused(tmp_path: Path) -> None:
    pictures = {f"{n}.png": scene(PLACES[n % 2 :]) for n in range(6)}
    whole = ran(tmp_path / "whole", pictures)
    seen = {"n": 0}

    class Cut(Exception):
        pass

    def cutting(photos: Photos) -> Detections:
        seen["n"] += 1
        if seen["n"] == 8:
            raise Cut
        return stripes(photos)

    with pytest.raises(Cut):
        ran(tmp_path, pictures, lookers=[looker(cutting)])
    before = seen["n"]
    done = ran(tmp_path, pictures, lookers=[looker(cutting)])
    assert seen["n"] - before < 3 * 6
    a, b = ((one.folder / "MANIFEST.sha256").read_bytes() for one in (whole, done))
    assert a == b
    with pytest.raises(UsageError, match="is finished"):
        ran(tmp_path, pictures)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "out").mkdir()
    with pytest.raises(UsageError, match="is not this run"):
        ran(tmp_path / "other", pictures)


def test_a_photo_that_changed_since_the_cut_is_covered_anew(tmp_path: Path) -> None:
    pictures = {"a.png": scene(PLACES[:1]), "b.png": scene()}

    def cutting(photos: Photos) -> Detections:
        if len(stripes(photos)) == 2:
            raise KeyboardInterrupt
        return stripes(photos)

    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, pictures, lookers=[looker(cutting)])
    done = ran(tmp_path, {"a.png": scene(), "b.png": scene()})
    assert done.certificate.count.covered == 4


def test_counts_of_gates_that_do_not_add_up_release_nothing() -> None:
    whole = SceneCount(came=2, released=2, sighted=3, covered=3, checked=3, bare=2, looked_again=2)
    assert certify_scenes(whole, "x", ("d",), ()).kind == "covered scenes"
    for wrong in ({"came": 3}, {"sighted": 4}, {"checked": 2}, {"bare": 1}, {"looked_again": 1}):
        with pytest.raises(ReleaseRefused, match="nothing is released"):
            certify_scenes(replace(whole, **wrong), "x", ("d",), ())
    films = FilmCount(came=1, released=1, withheld={}, frames=9, seen=4, checked=1, looked_again=9)
    assert certify_films(films, "x", ("d",)).kind == "covered scenes"
    for wrong in ({"came": 2}, {"looked_again": 8}, {"checked": 0}):
        with pytest.raises(ReleaseRefused, match="nothing is released"):
            certify_films(replace(films, **wrong), "x", ("d",))


def test_unreadable_photos_are_withheld_with_their_reason(tmp_path: Path) -> None:
    def opener(photo: str) -> np.ndarray:
        if photo == "broken.jpg":
            raise UnreadablePhoto("picture is broken")
        return scene()

    photos = Photos(("broken.jpg", "fine.jpg"), opener, skipped={"notes.txt": "not a picture"})
    done = cover_photos(photos, [looker()], WANTED, tmp_path / "out", Quiet())
    assert done.certificate.count.withheld == {"picture is broken": 1, "not a picture": 1}


def test_large_pictures_are_looked_at_in_parts() -> None:
    large = np.zeros((2600, 4100, 3), np.uint8)
    covered = np.zeros(large.shape[:2], bool)
    for part, x, y in tiles(large):
        covered[y : y + part.shape[0], x : x + part.shape[1]] = True
    assert covered.all()
    large[:] = 90
    large[2400 : 2400 + SIDE, 4000 : 4000 + SIDE] = (250, 0, 0)
    assert len(look(large, [looker()], turns=False)) == 1


def test_sightings_of_one_face_are_one() -> None:
    boxes = np.array([(0, 0, 10, 10), (1, 1, 11, 11), (50, 50, 60, 60)], np.float32)
    every = Sighted(boxes, np.zeros((3, 5, 2), np.float32), np.array([0.5, 0.9, 0.4], np.float32), ("a", "b", "a"))
    assert Sighted.joined([every]).by == ("b", "a")


def test_names_never_meet() -> None:
    taken: set[str] = set()
    names = [released_name(name, taken) for name in ("a.png", "a.jpg", "a.jpeg", "x/\udce4.jpg")]
    assert len(set(names)) == 4 and names[0] == "a.jpg"
    names[-1].encode()


def test_the_command_covers_real_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import deidframe_people

    faces = sorted((Path(deidframe_people.__file__).parent / "faces").rglob("*.jpg"))
    if len(faces) < 2:
        pytest.skip("the people who do not exist lie elsewhere")
    two = [cv2.imread(str(path)) for path in faces[:2]]
    wall = np.full((400, 800, 3), 120, np.uint8)
    for n, one in enumerate(two):
        wall[60:316, 60 + 380 * n : 316 + 380 * n] = cv2.resize(one, (256, 256))
    (tmp_path / "in" / "party").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "in" / "party" / "wall.jpg"), wall)
    (tmp_path / "in" / "notes.txt").write_text("hello")
    assert main(["photos", str(tmp_path / "in"), str(tmp_path / "out"), "--cover", "gaussian-blur"]) == 1
    said = capsys.readouterr().out
    assert "2 faces were seen" in said and "withheld: 1 (not a picture)" in said
    assert main(["verify", str(tmp_path / "out")]) == 0
    assert "this method promises nothing" in (tmp_path / "out" / "compared" / "README.txt").read_text()
    assert not (tmp_path / "out" / "release").exists()
    for bad, code in (
        (["--cover", "magic"], 2),
        (["--detector", "none such"], 2),
        (["--exempt", "x"], 2),
        (["--cover", "none"], 4),
    ):
        assert main(["photos", str(tmp_path / "in"), str(tmp_path / "bad"), *bad]) == code
    assert main(["photos", str(tmp_path / "in"), str(tmp_path / "in" / "inside")]) == 2
    assert main(["photos", str(tmp_path / "nowhere"), str(tmp_path / "bad")]) != 0


def test_two_hundred_faces_in_one_photo_are_covered(tmp_path: Path) -> None:
    crowd = np.zeros((700, 1300, 3), np.uint8)
    crowd[:] = np.linspace(60, 180, 1300)[None, :, None]
    for n in range(200):
        y, x = 10 + 66 * (n // 20), 10 + 64 * (n % 20)
        crowd[y : y + SIDE, x : x + SIDE] = (250, 0, 0)
        crowd[y : y + SIDE : 8, x : x + SIDE] = (0, 0, 250)
    done = ran(tmp_path, {"crowd.png": crowd})
    count = done.certificate.count
    assert isinstance(count, SceneCount) and (count.covered, count.checked, count.released) == (200, 200, 1)
