"""What a source may run into: one picture is withheld, a database that cannot be read ends the run; no error is internal."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from examples import docstring_code, listed, planned
from PIL import Image

from deidframe.contract import ArtifactError, NothingToDo, Photos, SourceError, UnreadablePhoto, UsageError, decode
from deidframe.engine.run import run

SOURCE = docstring_code("source")
LAST = "return Photos.from_arrays(ids, pictures, subjects=ids)"


def with_opener(body: str) -> str:
    code = f"shown = dict(zip(ids, pictures))\n        def opened(one):\n            {body}\n            return shown[one]\n"
    return SOURCE.replace(LAST, f"{code}        return Photos(tuple(ids), opened, tuple(ids))").replace(
        "import Component,", "import Component, SourceError,"
    )


def test_one_picture_that_its_opener_cannot_open_is_withheld(tmp_path: Path) -> None:
    body = "if one == 'noise-3': raise FileNotFoundError('/secret/part-3.tar')"
    outcome = run(planned(tmp_path, listed("source", "noise", with_opener(body))), tmp_path / "run")
    cell = outcome.cells[0]
    assert cell.status == "ok"
    assert cell.reasons["could not be opened (FileNotFoundError)"] == 1
    assert "secret" not in (tmp_path / "run" / "cells.jsonl").read_text()


def test_where_none_can_be_opened_nothing_is_released(tmp_path: Path) -> None:
    with pytest.raises(NothingToDo, match=r"12 could not be opened \(KeyError\)"):
        run(planned(tmp_path, listed("source", "noise", with_opener("raise KeyError(one)"))), tmp_path / "run")


@pytest.mark.parametrize("where", ["load", "open"])
def test_a_database_that_cannot_be_read_ends_the_run(tmp_path: Path, where: str) -> None:
    said = "raise SourceError('source noise: part-3.tar is missing; fetch it again')"
    code = with_opener(said) if where == "open" else with_opener("pass").replace("ids = [", f"{said}\n        ids = [")
    with pytest.raises(SourceError, match=r"part-3\.tar is missing") as caught:
        run(planned(tmp_path, listed("source", "noise", code)), tmp_path / "run")
    assert isinstance(caught.value, UsageError)
    assert caught.value.exit_code == 2
    assert not list(tmp_path.glob("run/release/*"))


def test_errors_of_ours_pass_as_they_are() -> None:
    def opened(one: str) -> np.ndarray:
        raise UnreadablePhoto("torn")

    with pytest.raises(UnreadablePhoto, match="torn"):
        Photos(("a",), opened).open("a")
    with pytest.raises(ArtifactError, match="picture"):
        Photos(("a",), lambda one: np.zeros((2, 2), np.uint8)).open("a")


def data_of(picture: Image.Image, kind: str, **more: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **more)
    return stream.getvalue()


def test_pictures_are_decoded_upright_on_white_in_eight_bits() -> None:
    picture = Image.new("RGB", (4, 2), (200, 10, 10))
    for kind in ("PNG", "WEBP", "BMP", "TIFF"):
        assert decode(data_of(picture, kind)).shape == (2, 4, 3)
    turned = picture.getexif()
    turned[0x0112] = 6
    assert decode(data_of(picture, "JPEG", exif=turned)).shape == (4, 2, 3)
    assert decode(data_of(Image.new("RGBA", (3, 3), (0, 0, 0, 0)), "PNG")).min() == 255
    deep = Image.fromarray((np.arange(16, dtype=np.uint16) * 4096).reshape(4, 4))
    assert decode(data_of(deep, "PNG"))[..., 0].max() > 230


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "known format"), (b"GIF89a", "broken|known format"), (b"\x00" * 100, "known format")],
)
def test_what_is_no_picture_is_said_to_be_none(data: bytes, says: str) -> None:
    with pytest.raises(UnreadablePhoto, match=says):
        decode(data)


def test_half_a_picture_and_one_that_is_too_large() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    whole = data_of(noise, "PNG")
    for cut in itertools.islice(range(30, len(whole), len(whole) // 7), 6):
        with pytest.raises(UnreadablePhoto):
            decode(whole[:cut])
    with pytest.raises(UnreadablePhoto, match=r"larger than 0\.001"):
        decode(whole, 0.001)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePhoto, match=r"^file is missing$"):
        decode(tmp_path / "none.png")
