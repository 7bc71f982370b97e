from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from deidframe.contract import Context, NothingToDo, UnreadablePhoto, UsageError
from deidframe_folder.pictures import read_picture
from deidframe_folder.plugin import FolderParams
from deidframe_folder.source import FolderSource


def load(path: Path, scratch: Path, **params: object):
    return FolderSource(FolderParams(path=path, **params), Context(seed=1, scratch=scratch)).load()


def quadrants() -> np.ndarray:
    """Four colours, so that a wrong turn or channel order shows."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20, :30] = (250, 10, 10)
    picture[:20, 30:] = (10, 250, 10)
    picture[20:, :30] = (10, 10, 250)
    picture[20:, 30:] = (250, 250, 250)
    return picture


def corners(picture: np.ndarray) -> list[tuple[int, ...]]:
    h, w = picture.shape[:2]
    return [tuple(int(v) for v in picture[y, x]) for y, x in ((5, 5), (5, w - 5), (h - 5, 5), (h - 5, w - 5))]


def test_person_folders(tmp_path: Path) -> None:
    for person in ("ada", "bob"):
        (tmp_path / person).mkdir()
        for n in range(2):
            Image.fromarray(quadrants()).save(tmp_path / person / f"{n}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    photos = load(tmp_path, tmp_path)
    assert photos.ids == ("ada/0.png", "ada/1.png", "bob/0.png", "bob/1.png")
    assert photos.subjects == ("ada", "ada", "bob", "bob")
    assert photos.skipped == {"notes.txt": "not a picture"}
    assert np.array_equal(photos.open("bob/1.png"), quadrants())


def test_flat_folder_names_nobody(tmp_path: Path) -> None:
    Image.fromarray(quadrants()).save(tmp_path / "a.png")
    assert load(tmp_path, tmp_path).subjects is None


def test_csv(tmp_path: Path) -> None:
    Image.fromarray(quadrants()).save(tmp_path / "a.png")
    table = tmp_path / "people.csv"
    table.write_text("path,person\na.png,ada\nmissing.png,bob\n")
    photos = load(table, tmp_path)
    assert photos.subjects == ("ada", "bob")
    with pytest.raises(UnreadablePhoto, match="missing"):
        photos.open("missing.png")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,person\na.png,x\n", "expected the columns path and person; got file, person"),
        ("path;person;Path\na.png;x;y\n", "the column path occurs twice"),
        ("path,person\n../a.png,x\n", r"people.csv:2: '../a.png' leads out"),
        ("path,person\n/etc/a.png,x\n", "leads out"),
        ("path,person\na.png,x\na.png,y\n", "people.csv:3: 'a.png' occurs twice"),
        ("path,person\na.png,\n", "no person is named"),
        ("path,person\n,x\n", "empty path"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, says: str) -> None:
    table = tmp_path / "people.csv"
    table.write_text(text)
    with pytest.raises(UsageError, match=says):
        load(table, tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load(tmp_path / "absent", tmp_path)
    with pytest.raises(NothingToDo, match="no files"):
        load(tmp_path, tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(NothingToDo, match="1 files, none of them a picture"):
        load(tmp_path, tmp_path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    Image.fromarray(quadrants()).save(tmp_path / "outside.png")
    Image.fromarray(quadrants()).save(inside / "a.png")
    (inside / "link.png").symlink_to(tmp_path / "outside.png")
    (inside / "up").symlink_to(tmp_path)
    photos = load(inside, tmp_path)
    assert photos.ids == ("a.png",)
    assert set(photos.skipped) == {"link.png", "up"}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, orientation: int) -> None:
    stored = Image.fromarray(quadrants())
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transpose that a camera would have stored
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    assert corners(read_picture(tmp_path / "a.png")) == corners(quadrants())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "L", "LA", "1", "I;16", "I", "F"])
def test_modes(tmp_path: Path, mode: str) -> None:
    grey = np.linspace(0, 255, 60).astype(np.uint8)[None].repeat(40, axis=0)
    if mode in ("I;16", "I"):
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
        picture = picture if mode == "I;16" else picture.convert("I")
    elif mode == "F":
        picture = Image.fromarray(grey.astype(np.float32))
    else:
        picture = Image.fromarray(grey).convert("RGB").convert(mode)
    path = tmp_path / ("a.tif" if mode in ("CMYK", "F", "I") else "a.png")
    picture.save(path)
    read = read_picture(path)
    assert read.shape == (40, 60, 3)
    if mode in ("1", "P"):  # dithered: right on average only
        assert abs(float(read.mean()) - float(grey.mean())) < 8
    else:
        assert np.abs(read.astype(int) - grey[..., None]).max() <= 8


def whole_file(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_picture_cut_anywhere_says_why(tmp_path: Path, kind: str) -> None:
    whole, path = whole_file(kind), tmp_path / "cut.jpg"
    path.write_bytes(whole)
    right = read_picture(path)
    for percent in range(100):
        path.write_bytes(whole[: len(whole) * percent // 100])
        try:
            read = read_picture(path)
        except UnreadablePhoto as error:
            assert str(tmp_path) not in error.reason
        else:  # TIFF's directory may lie at the end: then only what was cut after the pixels may be read
            assert np.array_equal(read, right), percent


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_bytes_give_a_picture_or_a_reason(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    changed = bytearray(whole_file(kind))
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "changed.jpg"
    path.write_bytes(bytes(changed))
    try:
        read = read_picture(path, max_megapixels=1)
    except UnreadablePhoto as error:
        assert str(tmp_path) not in error.reason
    else:
        assert read.dtype == np.uint8 and read.ndim == 3 and read.shape[2] == 3 and read.size <= 3_000_000


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_is_read(tmp_path: Path, kind: str) -> None:
    first, second = Image.fromarray(quadrants()), Image.new("RGB", (60, 40))
    path = tmp_path / f"a.{kind.lower()}"
    lossless = {"lossless": True} if kind == "WEBP" else {}
    first.save(path, kind, save_all=True, append_images=[second], **lossless)
    assert np.abs(np.subtract(corners(read_picture(path)), corners(quadrants()))).max() <= 6


def test_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("L", (4000, 3000)).save(tmp_path / "big.png")
    with pytest.raises(UnreadablePhoto, match="12 megapixels is larger than 5"):
        read_picture(tmp_path / "big.png", max_megapixels=5)
