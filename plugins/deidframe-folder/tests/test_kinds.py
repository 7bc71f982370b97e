"""Pictures as they come in the world: deep scans, telephones' formats, wrong names, DICOM; each with the right pixels."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from deidframe.contract import Context, UnreadablePhoto
from deidframe.contract.deep import LARGEST, SAMPLE_MAX, SAMPLE_MIN, SMALLEST, to_eight_bits
from deidframe_folder.pictures import read_picture
from deidframe_folder.plugin import FolderParams
from deidframe_folder.source import FolderSource

ROWS, COLUMNS = 48, 64


def portrait() -> np.ndarray:
    """Grey from black to white in one direction and colours in the other."""
    x = np.linspace(0, 255, COLUMNS)[None].repeat(ROWS, 0)
    y = np.linspace(0, 255, ROWS)[:, None].repeat(COLUMNS, 1)
    return np.rint(np.stack([x, y, (x + y) / 2], axis=2)).astype(np.uint8)


GREY = portrait()[:, :, 2]
FULL = np.linspace(0, 255, ROWS * COLUMNS).reshape(ROWS, COLUMNS)


def load(path: Path, **params: object):
    return FolderSource(FolderParams(path=path, **params), Context(seed=1, scratch=path.parent)).load()


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (FULL.astype(np.uint8), FULL),
        (np.rint(FULL * 1023 / 255).astype(np.uint16), FULL),
        (np.rint(FULL * 4095 / 255).astype(np.uint16), FULL),
        (np.rint(FULL * 65535 / 255).astype(np.uint16), FULL),
        (np.rint(FULL * (2**24 - 1) / 255).astype(np.int32), FULL),
        (np.rint(FULL * 1000 / 255 + 30000).astype(np.uint16), FULL),  # an offset
        (np.rint(FULL * 400 / 255 - 1024).astype(np.int32), FULL),  # as of a scanner with negative values
        ((FULL / 255).astype(np.float32), FULL),
        ((FULL / 127.5 - 1).astype(np.float32), FULL),
        (FULL.astype(np.float32), FULL),
        ((FULL * 257).astype(np.float32), FULL),
    ],
)
def test_the_range_that_is_there_counts(values: np.ndarray, wanted: np.ndarray) -> None:
    assert np.abs(to_eight_bits(values).astype(float) - wanted).max() <= 1.5


def test_a_dark_picture_of_the_usual_range_stays_dark() -> None:
    """A stretch is for ranges, not for exposures: half of white stays half of white."""
    assert abs(int(to_eight_bits((FULL * 4095 / 255 / 2).astype(np.uint16)).max()) - 127) <= 1


def test_tags_say_what_white_is() -> None:
    dim = (FULL * 4095 / 255 / 4).astype(np.uint16)
    assert to_eight_bits(dim).max() == 255
    for least, largest in ((SMALLEST, LARGEST), (SAMPLE_MIN, SAMPLE_MAX)):
        assert abs(int(to_eight_bits(dim, {least: (0,), largest: (4095,)}).max()) - 63) <= 1
    assert to_eight_bits(dim, {SMALLEST: 0, LARGEST: 10}).max() == 255  # less than what is there says nothing


def test_nothing_and_one_value() -> None:
    assert to_eight_bits(np.zeros((0, 4), np.uint16)).shape == (0, 4)
    assert to_eight_bits(np.full((3, 3), 70, np.uint16)).tolist() == [[70] * 3] * 3
    assert to_eight_bits(np.array([[np.nan, np.inf], [0.0, 1.0]], np.float32)).tolist() == [[0, 0], [0, 255]]


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("end", ["png", "tif"])
@pytest.mark.parametrize("colour", [False, True])
def test_deep_scans(tmp_path: Path, bits: int, end: str, colour: bool) -> None:
    shown = portrait() if colour else GREY
    deep = np.rint(shown * ((2**bits - 1) / 255)).astype(np.uint16)
    assert cv2.imwrite(str(tmp_path / f"a.{end}"), deep[:, :, ::-1] if colour else deep)
    wanted = shown if colour else shown[:, :, None].repeat(3, 2)
    assert np.abs(read_picture(tmp_path / f"a.{end}").astype(int) - wanted).max() <= 1


def test_a_deep_picture_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(GREY).astype(np.uint16) * 257).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png")[:, :, 0], GREY)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.jfif", "JPEG"), ("a.jpe", "JPEG"), ("a.mpo", "MPO"), ("a.avif", "AVIF"), ("a.heic", "HEIF"), ("a.HIF", "HEIF")],
)
def test_formats_of_telephones(tmp_path: Path, name: str, kind: str) -> None:
    if kind == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    Image.fromarray(portrait()).save(tmp_path / name, kind, quality=95)
    assert load(tmp_path).ids == (name,)
    assert np.abs(read_picture(tmp_path / name).astype(int) - portrait()).mean() < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "HEIF"])
@pytest.mark.parametrize("name", ["IMG_0001", "1.2.840.113", "picture.bak"])
def test_a_picture_is_known_by_its_content(tmp_path: Path, kind: str, name: str) -> None:
    if kind == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    Image.fromarray(portrait()).save(tmp_path / name, kind)
    (tmp_path / "notes").write_text("BM is how a note may begin")
    photos = load(tmp_path)
    assert photos.ids == (name,)
    assert photos.skipped == {"notes": "not a picture"}
    assert photos.open(name).shape == (ROWS, COLUMNS, 3)


def dicom(path: Path, pixels: np.ndarray, **more: object) -> Path:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.Rows, data.Columns = pixels.shape[-3:-1] if pixels.shape[-1] == 3 else pixels.shape[-2:]
    data.SamplesPerPixel = 3 if pixels.shape[-1] == 3 else 1
    data.PhotometricInterpretation = "RGB" if pixels.shape[-1] == 3 else "MONOCHROME2"
    if pixels.shape[-1] == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = 8 * pixels.itemsize
    data.BitsStored, data.HighBit = data.BitsAllocated, data.BitsAllocated - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PatientName = "Do Not^Read"
    for key, value in more.items():
        setattr(data, key, value)
    data.PixelData = pixels.tobytes()
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def test_dicom(tmp_path: Path) -> None:
    deep = np.rint(GREY * (4095 / 255)).astype(np.uint16)
    plain = read_picture(dicom(tmp_path / "a.dcm", deep, BitsStored=12, HighBit=11))
    assert np.abs(plain[:, :, 0].astype(int) - GREY).max() <= 1
    turned = read_picture(dicom(tmp_path / "b", deep, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1"))
    assert np.abs(turned[:, :, 0].astype(int) - (255 - GREY)).max() <= 1
    colour = read_picture(dicom(tmp_path / "c.dcm", portrait()))
    assert np.array_equal(colour, portrait())
    window = read_picture(dicom(tmp_path / "d.dcm", deep, BitsStored=12, HighBit=11, WindowCenter=2048, WindowWidth=1024))
    below, above = deep < 2048 - 530, deep > 2048 + 530
    assert window[:, :, 0][below].max() == 0
    assert window[:, :, 0][above].min() == 255
    middle = np.abs(deep.astype(int) - 2048) < 20
    assert np.abs(window[:, :, 0][middle].astype(int) - 128).max() <= 6
    frames = read_picture(dicom(tmp_path / "e.dcm", np.stack([deep, 0 * deep]), BitsStored=12, HighBit=11, NumberOfFrames=2))
    assert np.abs(frames[:, :, 0].astype(int) - GREY).max() <= 1
    assert load(tmp_path).ids == ("a.dcm", "b", "c.dcm", "d.dcm", "e.dcm")


@pytest.mark.parametrize("spoil", [lambda b: b[:200], lambda b: b[: len(b) // 2], lambda b: b[:132] + b"\xff" * 400])
def test_broken_dicom_says_why(tmp_path: Path, spoil) -> None:
    path = dicom(tmp_path / "a.dcm", GREY)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UnreadablePhoto):
        read_picture(path)


def test_dicom_without_its_library_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dicom(tmp_path / "a.dcm", GREY)
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(UnreadablePhoto, match="python -m pip install pydicom"):
        read_picture(path)


@pytest.mark.parametrize(
    "text",
    [
        b"path,person\na.png,ada\n",
        b"PATH;Person\r\na.png;ada\r\n",
        "\ufeffPath\tperson\na.png\tada\n".encode(),
        "path,person\na.png,ada\n".encode("utf-16"),
    ],
)
def test_tables_as_offices_write_them(tmp_path: Path, text: bytes) -> None:
    Image.fromarray(portrait()).save(tmp_path / "a.png")
    (tmp_path / "list.csv").write_bytes(text)
    photos = load(tmp_path / "list.csv")
    assert (photos.ids, photos.subjects, photos.notes) == (("a.png",), ("ada",), ())


def test_windows_latin_is_read_and_said(tmp_path: Path) -> None:
    Image.fromarray(portrait()).save(tmp_path / "a.png")
    raw = os.path.join(os.fsencode(tmp_path), "müller.png".encode("cp1252"))  # noqa: PTH118
    with open(raw, "wb") as stream:  # noqa: PTH123
        stream.write((tmp_path / "a.png").read_bytes())
    (tmp_path / "list.csv").write_bytes("path;person\na.png;Zoë\nmüller.png;Müller\n".encode("cp1252"))
    photos = load(tmp_path / "list.csv")
    assert set(photos.subjects or ()) == {"Zoë", "Müller"}
    assert "read as Windows-1252" in photos.notes[0]
    assert all(photos.open(one).shape == (ROWS, COLUMNS, 3) for one in photos.ids)


def test_a_link_that_a_table_names_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        cv2.imwrite(str(folder / "1.png"), np.zeros((20, 20, 3), np.uint8))
    (inside / "link.png").symlink_to(outside / "1.png")
    (inside / "list.csv").write_text("path,person\n1.png,ada\nlink.png,bob\n")
    photos = load(inside / "list.csv")
    assert photos.ids == ("1.png",)
    assert photos.skipped["link.png"] == "symbolic link, not followed"
    assert load(inside / "list.csv", follow_links=True).ids == ("1.png",)  # it leads out


def test_links_are_followed_on_request_and_never_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside / "ada", inside / "bob", outside):
        folder.mkdir(parents=True)
        Image.fromarray(portrait()).save(folder / "1.png")
    (inside / "bob" / "2.png").symlink_to(inside / "ada" / "1.png")
    (inside / "bob" / "3.png").symlink_to(outside / "1.png")
    (inside / "cyd").symlink_to(outside)
    (inside / "again").symlink_to(inside)
    (inside / "gone").symlink_to(inside / "nowhere")
    assert load(inside).ids == ("ada/1.png", "bob/1.png")
    photos = load(inside, follow_links=True)
    assert photos.ids == ("ada/1.png", "bob/1.png", "bob/2.png")
    assert {name for name, why in photos.skipped.items() if "leads out" in why} == {"bob/3.png", "cyd", "gone"}
    assert photos.skipped["again"] == "symbolic link to a folder that is read already"
