"""Video files: every frame with its own time, sound as it was, no word of the file left, and a reason where it cannot be done."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

av = pytest.importorskip("av")
pytest.importorskip("deidframe_people")

from clips import CLIPS, Clip, Shown, draw, faces, write  # noqa: E402

from deidframe.cli.main import main  # noqa: E402
from deidframe.contract import Detections, Photos, UnreadablePhoto  # noqa: E402
from deidframe.contract.errors import ReleaseRefused  # noqa: E402
from deidframe.engine.release.verify import verify  # noqa: E402
from deidframe.engine.runtime.progress import Quiet  # noqa: E402
from deidframe.engine.scenes import segments as segments_module  # noqa: E402
from deidframe.engine.scenes.checks import NO_FACE, Wanted, Withheld  # noqa: E402
from deidframe.engine.scenes.covers import BUILT_IN, fill, mosaic  # noqa: E402
from deidframe.engine.scenes.films import TWICE, cover_videos  # noqa: E402
from deidframe.engine.scenes.look import Looker  # noqa: E402
from deidframe.engine.scenes.video import cover_video  # noqa: E402
from deidframe.engine.scenes.video_files import info_of, read  # noqa: E402
from deidframe.guard.bare_video import bare_mp4  # noqa: E402
from deidframe.guard.scene import FilmCount, certify_films  # noqa: E402

PICTURES = faces()
STILL = Clip("still", CLIPS[0].frames[20:26])
WANTED = Wanted(fill, "fill", True)


def nobody(photos: Photos) -> Detections:
    return Detections.none(photos.ids)


def middle(photos: Photos) -> Detections:
    """A detector that sees one face at one place of every frame that is not flat there."""
    rows = []
    for photo in photos:
        picture = photos.open(photo)
        height, width = picture.shape[:2]
        part = picture[height // 3 : height // 2, width // 3 : width // 2].astype(np.float32)
        box = np.array([[width * 0.3, height * 0.3, width * 0.55, height * 0.6]], np.float32)
        marks = np.repeat(box[:, None, :2] + 8, 5, axis=1) + np.arange(5, dtype=np.float32)[None, :, None] * 3
        if part.std() > 12:
            rows.append(Detections.one(photo, box, marks, np.array([0.9], np.float32)))
        else:
            rows.append(Detections.none((photo,)))
    return Detections.join(rows)


MIDDLE = Looker("middle", middle, (), None)


def times(path: Path) -> list[Fraction]:
    return [frame.time * info_of(path).time_base for frame in read(path)]


def noise(count: int = 12, height: int = 96, width: int = 160, seed: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        np.kron(rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3)), np.ones((8, 8, 1))).astype(np.uint8)[:height, :width]
        for _ in range(count)
    ]


def covered(tmp_path: Path, path: Path, **more: object):  # type: ignore[no-untyped-def]
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    count = cover_video(path, tmp_path / "out.mp4", work, [MIDDLE], more.pop("wanted", WANTED), Quiet(), **more)  # type: ignore[arg-type]
    return count, tmp_path / "out.mp4"


ODD = {
    "plain": {},
    "variable rate": {"times": [0, 1, 5, 6, 7, 20, 21, 22, 23, 40, 41, 42]},
    "late start": {"times": list(range(30, 42))},
    "fine times": {"base": Fraction(1, 90000), "times": [3003 * n + n * n for n in range(12)]},
    "no b-frames": {"options": {"bf": "0"}},
    "many b-frames": {"options": {"bf": "8", "b-adapt": "0"}},
    "sound": {"sound": True},
    "4:4:4": {"pix_fmt": "yuv444p"},
    "mpeg4": {"codec": "mpeg4", "options": {"qscale": "3", "crf": "0"}},
}


@pytest.mark.parametrize("kind", list(ODD))
def test_frames_and_times_come_out_as_they_came_in(tmp_path: Path, kind: str) -> None:
    options = dict(ODD[kind])
    if kind == "mpeg4":
        options["options"] = {}
    path = write(tmp_path / "in.mp4", iter(noise()), **options)
    count, out = covered(tmp_path, path)
    assert times(out) == times(path)
    assert count.frames == 12
    assert bare_mp4(out)
    before, after = (next(read(one)).planes.rgb().astype(int) for one in (path, out))
    assert np.abs(before - after)[:20].mean() < 6  # nothing but faces is changed
    assert np.abs(before - after)[40:50, 60:80].mean() > 15
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == (kind == "sound")


@pytest.mark.parametrize("name", [".mkv", ".mov", ".avi", ".ts"])
def test_other_containers_are_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / f"in{name}", iter(noise()))
    count, out = covered(tmp_path, path)
    assert count.frames == 12 and times(out) == times(path)


def test_odd_sizes_lose_one_row_and_say_so(tmp_path: Path) -> None:
    path = write(tmp_path / "in.mkv", iter(noise(height=95, width=161)), pix_fmt="yuv444p")
    count, out = covered(tmp_path, path)
    assert (info_of(out).width, info_of(out).height) == (160, 94)
    assert "one row or column of an odd size" in count.left_out


def test_a_turned_video_is_turned_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "in.mp4", iter(noise()))
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # the matrix of a track header of version 0
    turn = b"".join(int(v).to_bytes(4, "big", signed=True) for v in (0, 65536, 0, -65536, 0, 0, 96 * 65536, 0, 1 << 30))
    data[at : at + 36] = turn
    path.write_bytes(bytes(data))
    assert (info_of(path).width, info_of(path).height) == (96, 160)
    _, out = covered(tmp_path, path)
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (96, 160, 0)
    upright, shown = next(read(path)).planes.rgb().astype(int), next(read(out)).planes.rgb().astype(int)
    assert np.abs(upright - shown)[:25].mean() < 6


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    if "libx265" not in av.codecs_available:
        pytest.skip("no encoder of ten bits here")
    path = write(
        tmp_path / "in.mp4", iter(noise()), codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": "log-level=none"}
    )
    assert info_of(path).bits == 10
    _, out = covered(tmp_path, path)
    assert info_of(out).bits == 10 and bare_mp4(out)
    before, after = (next(read(one)).planes.y.astype(int) for one in (path, out))
    assert np.abs(before - after)[:20].mean() < 16


def test_words_of_a_file_do_not_come_out(tmp_path: Path) -> None:
    path = write(tmp_path / "in.mp4", iter(noise()), metadata={"title": "CANARY", "comment": "CANARY", "location": "+48+011/"})
    assert b"CANARY" in path.read_bytes() and not bare_mp4(path)
    _, out = covered(tmp_path, path)
    data = out.read_bytes()
    assert b"CANARY" not in data and b"x264" not in data and b"+48" not in data
    assert not bare_mp4(tmp_path / "none.mp4")


def test_sound_is_dropped_where_it_is_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "in.mp4", iter(noise()), sound=True)
    count, out = covered(tmp_path, path, sound=False)
    assert not av.open(str(out)).streams.audio
    assert (count.sound, count.left_out) == (0, ("1 streams of sound, as asked",))


def test_a_file_that_ends_in_the_middle_is_released_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "in.ts", iter(noise(60)))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    count, out = covered(tmp_path, path)
    assert 10 < count.frames < 60
    assert len(times(out)) == count.frames


@pytest.mark.parametrize("data", [b"", b"not a video at all" * 100])
def test_what_is_no_video_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "in.mp4").write_bytes(data)
    with pytest.raises(UnreadablePhoto):
        info_of(tmp_path / "in.mp4")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=44100)
        for n in range(10):
            wave = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            wave.sample_rate, wave.pts = 44100, 1024 * n
            out.mux(sound.encode(wave))
        out.mux(sound.encode(None))
    with pytest.raises(UnreadablePhoto, match="no video stream"):
        info_of(path)


def test_parts_of_frames_and_whole_videos_are_left_as_they_are_for_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walk = Clip("two", tuple((Shown(0, 160, 180, 130), Shown(1, 480, 180, 130)) for _ in range(6)))
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.mp4", draw(walk, PICTURES))
    base = ["video", str(tmp_path / "in")]
    left = ["--roi", "0,0,320,360", "--roi-reason", "the right half is a poster"]
    assert main([*base, str(tmp_path / "half"), *left]) == 0
    said = json.loads((tmp_path / "half" / "release" / "RELEASE.json").read_text())["certificate"]
    assert any("nobody looked for them: the right half is a poster" in one for one in said["holds_not"])
    files = tmp_path / "in" / "a.mp4", tmp_path / "half" / "release" / "a.mp4"
    before, after = (next(read(path)).planes.rgb().astype(int) for path in files)
    changed = np.abs(before - after).mean(axis=2)
    assert changed[150:210, 130:190].mean() > 10 and changed[150:210, 450:510].mean() < 4
    assert main([*base, str(tmp_path / "all"), "--exempt", "a.mp4=actors who agreed"]) == 0
    said = json.loads((tmp_path / "all" / "release" / "RELEASE.json").read_text())["certificate"]
    assert said["reasons"] == ["actors who agreed"] and said["count"]["left"] == 1 and said["count"]["looked_again"] == 0
    assert any("1 video left as they are" in one for one in said["holds_not"])
    capsys.readouterr()
    for bad, words in (
        (["--roi", "0,0,9,9"], "go together"),
        (["--roi-reason", "why"], "go together"),
        (["--roi", "9,9,0,0", "--roi-reason", "x"], "x0 below x1"),
        (["--roi", "a", "--roi-reason", "x"], "x0,y0,x1,y1"),
        (["--exempt", "a.mp4"], "FILE=REASON"),
        (["--exempt", "b.mp4=x"], "no such video"),
    ):
        assert main([*base, str(tmp_path / "no"), *bad]) == 2
        assert words in capsys.readouterr().err
    with pytest.raises(ReleaseRefused, match="looked at again"):  # what nobody looked at is said to be left, or refused
        certify_films(FilmCount(1, 1, {}, frames=6, blind=True, looked_again=0), "fill", ("yunet",))


def test_nobody_and_a_face_that_stays_are_withheld(tmp_path: Path) -> None:
    path = write(tmp_path / "in.mp4", iter(noise()))
    (tmp_path / "work").mkdir()
    with pytest.raises(Withheld, match=NO_FACE):
        cover_video(path, tmp_path / "o.mp4", tmp_path / "work", [Looker("n", nobody, (), None)], WANTED, Quiet())
    shutil.rmtree(tmp_path / "work")
    (tmp_path / "work").mkdir()
    calls = {"n": 0}

    def wandering(photos: Photos) -> Detections:
        calls["n"] += 1
        x = 8.0 + 24 * (calls["n"] % 6)
        y = 4.0 + 20 * (calls["n"] // 6 % 4)
        box = np.array([[x, y, x + 10, y + 10]], np.float32)
        marks = np.repeat(box[:, None, :2] + 3, 5, axis=1) + np.arange(5, dtype=np.float32)[None, :, None]
        return Detections.join([Detections.one(p, box, marks, np.array([0.9], np.float32)) for p in photos])

    with pytest.raises(Withheld, match="still shows"):
        cover_video(path, tmp_path / "o.mp4", tmp_path / "work", [Looker("w", wandering, (), None)], WANTED, Quiet())
    assert not (tmp_path / "o.mp4").exists()


def test_a_cover_that_leaves_faces_or_reads_them_is_caught_in_a_video_too(tmp_path: Path) -> None:
    path = write(tmp_path / "in.mp4", iter(noise(70)))
    with pytest.raises(Withheld, match="left a face as it was"):
        covered(tmp_path, path, wanted=Wanted(lambda picture, faces: None, "nothing", False))
    (tmp_path / "b").mkdir()
    with pytest.raises(Withheld, match="depends on what was erased"):
        covered(tmp_path / "b", path, wanted=Wanted(mosaic, "mosaic", True))
    (tmp_path / "c").mkdir()
    count, _ = covered(tmp_path / "c", path, wanted=Wanted(mosaic, "mosaic", False))
    assert (count.checked, count.looked_again) == (70, 70)
    (tmp_path / "d").mkdir()
    count, _ = covered(tmp_path / "d", path)
    assert count.checked == 2  # the first covered frame, and the fiftieth after it


def test_only_what_was_drawn_anew_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "SECONDS", 0.4)
    looks = {"first": 0, "again": 0}

    def eager(photos: Photos) -> Detections:
        looks["first"] += len(photos)
        return middle(photos)

    def plain(photos: Photos) -> Detections:
        looks["again"] += len(photos)
        seen = middle(photos)
        if looks["again"] > 16:  # one face more, once: in the first frame, and so in the first of four segments
            return seen
        box = np.array([[2, 2, 12, 12]], np.float32)
        marks = np.repeat(box[:, None, :2] + 3, 5, axis=1) + np.arange(5, dtype=np.float32)[None, :, None]
        return Detections.join(
            [Detections.one(photos.ids[0], box, marks, np.array([0.9], np.float32)), Detections.none(photos.ids[1:])]
        )

    path = write(tmp_path / "in.mp4", iter(noise(40)))
    (tmp_path / "work").mkdir()
    looker = Looker("late", plain, (eager,), None)
    count = cover_video(path, tmp_path / "out.mp4", tmp_path / "work", [looker], WANTED, Quiet())
    assert (count.repaired, count.frames, count.looked_again) == (1, 40, 40)
    assert looks == {"first": 40, "again": 50}  # all of it, and then the ten frames of the segment that was drawn anew


def test_a_cut_run_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "SECONDS", 0.4)
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.mp4", iter(noise(40)))
    whole = cover_videos(tmp_path / "in", tmp_path / "whole", [MIDDLE], WANTED, Quiet())
    real, written = segments_module.write_segment, {"n": 0}

    def failing(*given):  # type: ignore[no-untyped-def]
        written["n"] += 1
        if written["n"] == 3:
            raise KeyboardInterrupt
        real(*given)

    monkeypatch.setattr(segments_module, "write_segment", failing)
    with pytest.raises(KeyboardInterrupt):
        cover_videos(tmp_path / "in", tmp_path / "cut", [MIDDLE], WANTED, Quiet())
    assert not (tmp_path / "cut" / "release").exists()
    before = written["n"]
    done = cover_videos(tmp_path / "in", tmp_path / "cut", [MIDDLE], WANTED, Quiet())
    assert written["n"] - before <= 3  # of four segments two were there
    a, b = ((one.folder / "a.mp4").read_bytes() for one in (whole, done))
    assert a == b


def test_what_was_seen_of_a_file_is_not_taken_for_another_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.mp4", iter(noise(12)))

    def failing(*given):  # type: ignore[no-untyped-def]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(segments_module, "write_segment", failing)
        cover_videos(tmp_path / "in", tmp_path / "out", [MIDDLE], WANTED, Quiet())
    write(tmp_path / "in" / "a.mp4", iter(noise(20, seed=9)))
    done = cover_videos(tmp_path / "in", tmp_path / "out", [MIDDLE], WANTED, Quiet())
    assert done.certificate.count.frames == 20


def test_a_folder_of_videos_is_told_apart_and_certified(tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    write(source / "deep" / "a.mkv", iter(noise()))
    shutil.copy(source / "deep" / "a.mkv", source / "again.mkv")
    write(source / "deep" / "a.mp4", iter(noise(seed=4)))
    (source / "broken.mp4").write_bytes(b"x")
    (source / "photo.jpg").write_bytes(b"x")
    done = cover_videos(source, tmp_path / "out", [MIDDLE], WANTED, Quiet())
    count = done.certificate.count
    assert (count.came, count.released, count.frames) == (5, 2, 24)
    assert sorted(count.withheld) == sorted(["not a video", TWICE, next(k for k in count.withheld if "not a video that" in k)])
    release = done.folder
    assert verify(release).problems == ()
    assert "frame" in json.loads((release / "RELEASE.json").read_text())["certificate"]["holds"][0]
    with next(release.rglob("*.mp4")).open("ab") as stream:
        stream.write(b"\0\0\0\x10meta12345678")
    assert len(verify(release).problems) == 2


@pytest.mark.parametrize("cover", list(BUILT_IN))
def test_the_command_covers_real_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str], cover: str) -> None:
    path = write(tmp_path / "in.mp4", draw(STILL, PICTURES), sound=True)
    assert main(["video", str(path), str(tmp_path / "out"), "--cover", cover, "--detector", "yunet", "--sound", "drop"]) == 0
    said = capsys.readouterr().out
    assert "6 frames went out" in said and "k-anonymity" in said
    assert main(["verify", str(tmp_path / "out")]) == 0
    (rows,) = (tmp_path / "out" / "private" / "videos").rglob("tracks.csv")
    told = rows.read_text().splitlines()
    assert told[0].startswith("video,frame,seconds,track") and len(told) > 6 and ",0,0.0000,0," in told[1]
    assert main(["video", str(path), str(tmp_path / "out"), "--preview", "2", "--detector", "yunet", "--cover", cover]) == 0
    sheet = cv2.imread(str(tmp_path / "out.preview.jpg"))
    assert sheet.shape == (270, 4 * 480, 3) and sheet[:, 3 * 480 :].max() < 9
    assert main(["video", str(path), str(tmp_path / "out"), "--preview", "0"]) == 2
    assert main(["video", str(path), str(tmp_path / "out")]) == 2
    assert main(["video", str(tmp_path / "nowhere.mp4"), str(tmp_path / "bad")]) == 2
    assert main(["video", str(path), str(tmp_path / "bad"), "--cover", "magic"]) == 2
    (tmp_path / "empty").mkdir()
    assert main(["video", str(tmp_path / "empty"), str(tmp_path / "bad2")]) == 5
