"""What bad input gets: a clear error or a recorded outcome, never a half-written release."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from deidframe.record.release import release_folders

RECIPES = Path(__file__).parents[1] / "recipes"
BLUR = """\
schema = 1
name = "trial"
[source]
use = "folder"
subjects = "labelled"
params = { path = "PATH" }
[detector]
use = "yunet"
[[method]]
name = "blur"
redactor = { use = "gaussian-blur" }
"""
PIXEL = BLUR.replace('name = "blur"\nredactor = { use = "gaussian-blur" }', """\
name = "pixel"
k = 3
encoder     = { use = "sface" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "pixel-mean" }""")  # fmt: skip


def deidframe(*arguments: object, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "deidframe", *map(str, arguments)], capture_output=True, text=True, **settings)  # type: ignore[call-overload, no-any-return]


def people(folder: Path, count: int, pictures: int = 2) -> Path:
    """Copy some of the people who do not exist."""
    from deidframe_people.source import FACES

    for person in sorted(FACES.iterdir())[:count]:
        (folder / person.name).mkdir(parents=True)
        for n in range(1, pictures + 1):
            (folder / person.name / f"{n}.jpg").write_bytes((person / f"{n}.jpg").read_bytes())
    return folder


def recipe(tmp_path: Path, text: str, folder: Path) -> Path:
    file = tmp_path / "recipe.toml"
    file.write_text(text.replace("PATH", str(folder)))
    return file


def test_empty_folder_and_text_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    file = recipe(tmp_path, BLUR, folder)
    done = deidframe("run", file, "--out", tmp_path / "out")
    assert (done.returncode, "holds no files" in done.stderr) == (5, True), done.stderr
    (folder / "a.txt").write_text("text")
    done = deidframe("run", file, "--out", tmp_path / "out")
    assert (done.returncode, "1 files, none of them a picture" in done.stderr) == (5, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_pictures_of_nothing_release_nothing(tmp_path: Path) -> None:
    (tmp_path / "in" / "ada").mkdir(parents=True)
    Image.new("RGB", (200, 200), "white").save(tmp_path / "in" / "ada" / "white.png")
    (tmp_path / "in" / "ada" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    done = deidframe("run", recipe(tmp_path, BLUR, tmp_path / "in"), "--out", tmp_path / "out")
    assert done.returncode == 5
    assert "1 no face found" in done.stderr
    assert not release_folders(tmp_path / "out")


def test_a_person_with_no_readable_picture_is_withheld(tmp_path: Path) -> None:
    folder = people(tmp_path / "in", 4)
    for picture in (folder / "p04").iterdir():
        picture.write_bytes(picture.read_bytes()[:200])
    Image.new("RGB", (200, 200), "white").save(folder / "p01" / "white.png")
    done = deidframe("run", recipe(tmp_path, PIXEL, folder), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "withheld: 2 (picture is broken" in done.stdout
    assert "withheld: 1 (no face found)" in done.stdout
    assert len(list((tmp_path / "out" / "release" / "pixel").glob("*.jpg"))) == 6


def test_k_larger_than_the_number_of_people(tmp_path: Path) -> None:
    file = recipe(tmp_path, PIXEL, people(tmp_path / "in", 2))
    done = deidframe("run", file, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert f"{file}:11:1: error[R131] method[0].k: k = 3 is larger than the number of people, 2" in done.stderr
    assert not (tmp_path / "out").exists()


def test_k_larger_than_the_people_whose_face_was_found(tmp_path: Path) -> None:
    folder = people(tmp_path / "in", 3, 1)
    Image.new("RGB", (200, 200), "white").save(folder / "p03" / "1.jpg")
    done = deidframe("run", recipe(tmp_path, PIXEL, folder), "--out", tmp_path / "out")
    assert done.returncode == 6
    assert "no group of at least 3 people was found" in done.stdout
    assert not release_folders(tmp_path / "out")


def test_a_folder_that_names_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (50, 50)).save(folder / "a.png")
    done = deidframe("run", recipe(tmp_path, BLUR, folder), "--out", tmp_path / "out")
    assert done.returncode == 3
    assert 'say "one-per-image"' in done.stderr


def test_an_existing_run_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    done = deidframe("run", recipe(tmp_path, BLUR, people(tmp_path / "in", 1, 1)), "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "exists; give another with --out" in done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("limit", ["0", "-3", "x"])
def test_a_bad_limit(tmp_path: Path, limit: str) -> None:
    done = deidframe("run", RECIPES / "quickstart.toml", "--limit", limit, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


def test_two_spaces_that_do_not_match(tmp_path: Path) -> None:
    text = PIXEL.replace('"sface"', '"colour"')
    done = deidframe("check", recipe(tmp_path, text, people(tmp_path / "in", 3, 1)))
    assert (done.returncode, 'no encoder is called "colour"' in done.stderr) == (4, True)


def test_inputs_are_only_read(tmp_path: Path) -> None:
    folder = people(tmp_path / "in", 3, 1)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*.jpg")}
    folder.chmod(0o555)
    assert deidframe("run", recipe(tmp_path, PIXEL, folder), "--out", tmp_path / "out").returncode == 0
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*.jpg")} == before


def test_a_run_is_not_put_into_its_input(tmp_path: Path) -> None:
    folder = people(tmp_path / "in", 3, 1)
    done = deidframe("run", recipe(tmp_path, PIXEL, folder), "--out", folder / "out")
    assert done.returncode == 2
    assert "lies inside" in done.stderr
    assert not (folder / "out").exists()


def test_control_c_leaves_no_half_release(tmp_path: Path) -> None:
    folder = people(tmp_path / "in", 12, 6)
    file = recipe(tmp_path, PIXEL + '[[method]]\nname = "blur"\nredactor = { use = "gaussian-blur" }\n', folder)
    out = tmp_path / "out"
    running = subprocess.Popen(
        [sys.executable, "-m", "deidframe", "run", str(file), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which jobs in the background ignore
    )
    until = time.monotonic() + 60
    while not (out / "private" / "staged").exists() and not (out / "release").exists() and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert "interrupted" in errors
    for release in release_folders(out):
        assert (release / "RELEASE.json").is_file()
    assert not list(out.glob("private/**/*.jpg"))
    assert '"interrupted"' in (out / "run.json").read_text()


def test_no_input_name_or_metadata_reaches_a_release(tmp_path: Path) -> None:
    folder = people(tmp_path / "in", 3, 1)
    canary = "CANARY-7391"
    for picture in folder.rglob("*.jpg"):
        image = Image.open(picture)
        exif = image.getexif()
        exif[0x010E] = canary
        image.save(picture.with_name(f"{canary}-{picture.parent.name}.jpg"), exif=exif, comment=canary.encode(), quality=95)
        picture.unlink()
    assert deidframe("run", recipe(tmp_path, PIXEL, folder), "--out", tmp_path / "out").returncode == 0
    released = [p for p in (tmp_path / "out" / "release").rglob("*") if p.is_file()]
    assert len(released) == 6  # three pictures, the manifest, the description and what it says of itself
    for file in released:
        assert canary.encode() not in file.read_bytes()
        assert canary not in file.name
        assert "p01" not in file.read_text("latin-1")
    for public in [*(tmp_path / "out").glob("*.*"), *(tmp_path / "out" / "tables").iterdir()]:
        assert canary.encode() not in public.read_bytes()
    times = {p.stat().st_mtime for p in released if p.suffix == ".jpg"}
    assert len(times) == 1
    assert (tmp_path / "out" / "private").stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "out" / "private").rglob("*") if p.is_file()} == {0o600}
    assert np.unique([p.stat().st_size for p in released if p.suffix == ".jpg"]).size == 1


CANARY = "CANARY-7391"
IPTC = b"\x1c\x02\x78" + len(CANARY).to_bytes(2, "big") + CANARY.encode()
PHOTOSHOP = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + len(IPTC).to_bytes(4, "big") + IPTC
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d>{CANARY}</d></x:xmpmeta>'.encode()


def with_canaries(picture: Path, kind: str) -> bytes:
    """Return the picture in another format with a canary in every place that the format has."""
    image = Image.open(picture).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = CANARY
    exif.get_ifd(0x8825)[0x001D] = CANARY  # GPS date
    more: dict[str, object] = {"exif": exif, "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    more["icc_profile"] = bytes(more["icc_profile"]) + CANARY.encode()  # type: ignore[call-overload]
    if kind == "JPEG":
        more |= {"comment": CANARY.encode(), "xmp": XMP, "quality": 95}
    elif kind == "PNG":
        text = PngInfo()
        text.add_text("Comment", CANARY, zip=True)
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        more["pnginfo"] = text
    elif kind == "WEBP":
        more |= {"xmp": XMP, "quality": 95}
    elif kind == "TIFF":
        more = {"description": CANARY, "tiffinfo": {700: XMP, 33723: IPTC}, "icc_profile": more["icc_profile"]}
    elif kind == "GIF":
        more = {"comment": CANARY.encode()}
    else:
        more = {}
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    data = buffer.getvalue()
    if kind == "JPEG":
        data = data[:2] + b"\xff\xed" + (len(PHOTOSHOP) + 2).to_bytes(2, "big") + PHOTOSHOP + data[2:]
        thumbnail = b"JFXX\x00\x10" + CANARY.encode()
        data = data[:2] + b"\xff\xe0" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + data[2:]
    return data + CANARY.encode()


def sightings(data: bytes) -> int:
    """Count canaries in the bytes and in all that zlib can inflate out of them."""
    count = data.count(CANARY.encode())
    for start in (match.start() for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data)):
        try:
            count += zlib.decompressobj().decompress(data[start:], 1 << 20).count(CANARY.encode())
        except zlib.error:
            continue
    return count


@pytest.mark.parametrize(("kind", "least"), [("JPEG", 7), ("PNG", 6), ("WEBP", 5), ("TIFF", 5), ("GIF", 2), ("BMP", 1)])
def test_no_canary_of_any_format_reaches_what_is_public(tmp_path: Path, kind: str, least: int) -> None:
    folder = people(tmp_path / "in", 3, 1)
    for picture in sorted(folder.rglob("*.jpg")):
        data = with_canaries(picture, kind)
        assert sightings(data) >= least, sightings(data)  # the search finds what was hidden
        picture.with_name(f"{CANARY}.{kind.lower()}").write_bytes(data)
        picture.unlink()
    done = deidframe("run", recipe(tmp_path, PIXEL, folder), "--no-cache", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    public = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and "private" not in path.parts]
    assert sum(path.suffix == ".jpg" and "release" in path.parts for path in public) == 3
    for path in public:
        assert CANARY not in str(path.relative_to(tmp_path))
        assert sightings(path.read_bytes()) == 0, path


def test_names_that_are_no_text_go_through_every_door(tmp_path: Path) -> None:
    """File systems keep bytes; a name in Latin-1 is one that no UTF-8 can say."""
    raw = os.fsencode(tmp_path / "in")
    for n in range(1, 4):
        folder = os.path.join(raw, "Müller-".encode("latin-1") + str(n).encode())  # noqa: PTH118
        os.makedirs(folder)  # noqa: PTH103
        for source in sorted((people(tmp_path / f"p{n}", 3, 2) / f"p{n:02d}").iterdir()):
            shutil.copy(source, os.path.join(folder, "é".encode("latin-1") + source.name.encode()))  # noqa: PTH118
    out = tmp_path / "out"
    done = deidframe("run", recipe(tmp_path, PIXEL, tmp_path / "in"), "--out", out)
    assert done.returncode == 0, done.stderr
    assert deidframe("recount", out).returncode == 0
    assert deidframe("report", out).returncode == 0
    table = (out / "private" / "mapping" / "pixel.csv").read_bytes()
    assert "Müller-1".encode("latin-1") in table
    done = deidframe("encode", tmp_path / "in", "--use", "sface", "-o", tmp_path / "e.npz")
    assert done.returncode == 0, done.stderr
    done = deidframe("cluster", tmp_path / "e.npz", "--use", "k-means", "--param", "clusters=3", "-o", tmp_path / "g.csv")
    assert done.returncode == 0, done.stderr
    done = deidframe("montage", tmp_path / "g.csv", "--data", tmp_path / "in", "-o", tmp_path / "m")
    assert done.returncode == 0, done.stderr
    assert "6 faces in 3 groups" in done.stdout
