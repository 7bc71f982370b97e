from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deidframe.contract import FaceSet, ReleaseRefused
from deidframe.guard.accounting import account
from deidframe.guard.certificate import Audited, Evidence, certify
from deidframe.guard.hygiene import TIME, bare_jpeg, check_bare, encode_jpeg
from deidframe.guard.release import Promise, Release

PICTURE = np.random.default_rng(1).integers(0, 256, (40, 30, 3), np.uint8)


def with_pillow(**extra: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PICTURE).save(out, "JPEG", **extra)
    return out.getvalue()


def test_a_picture_alone_is_bare() -> None:
    assert bare_jpeg(encode_jpeg(PICTURE))
    assert bare_jpeg(with_pillow())


def canary_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "canary"
    return with_pillow(exif=exif)


@pytest.mark.parametrize(
    "data",
    [
        canary_exif(),
        with_pillow(comment=b"canary"),
        with_pillow(icc_profile=b"canary" * 30),
        encode_jpeg(PICTURE) + b"canary",
        encode_jpeg(PICTURE) + b"canary\xff\xd9",
        encode_jpeg(PICTURE)[:-2],
        encode_jpeg(PICTURE)[:-2] + b"\xff\xfe\x00\x08canary\xff\xd9",
        with_pillow(progressive=True),
        b"",
        b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=["exif", "comment", "icc", "tail", "tail and end", "cut", "inside", "several scans", "empty", "no picture", "png"],
)
def test_anything_more_or_less_is_not(data: bytes) -> None:
    assert not bare_jpeg(data)


def test_files_are_read_back_and_their_time_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode_jpeg(PICTURE))
    os.utime(path, (TIME, TIME))
    assert check_bare([path], "m") == 1
    os.utime(path, (TIME, TIME + 5))
    with pytest.raises(ReleaseRefused, match="more than its picture"):
        check_bare([path], "m")


def release(k: int, groups: dict[str, int], people: dict[str, str], digests: dict[str, str]) -> Release:
    faces = FaceSet(tuple(people), np.zeros((len(people), 4, 4, 3), np.uint8), None, tuple(people.values()))
    return Release("m", faces, faces, {}, Promise(k), {face: f"{face}.jpg" for face in people}, digests, groups=groups)


def test_an_audit_that_looked_at_fewer_pictures_than_are_released_refuses() -> None:
    closed = account(["a", "b"], ["a", "b"], {}, {}, "m")
    people, digests = {"a": "x", "b": "y"}, {"a": "1", "b": "1"}
    for looked, bound, names in ((2, 0.4, {"no other face", "no copy"}), (2, None, {"no other face"})):
        seen = Evidence(2, 2, 2, Audited("d", "e", looked, bound))
        made = certify(release(2, {"a": 0, "b": 0}, people, digests), closed, seen)
        assert {check.name for check in made.checks} & {"no other face", "no copy"} == names
    with pytest.raises(ReleaseRefused, match="audited 1 of 2"):
        certify(release(2, {"a": 0, "b": 0}, people, digests), closed, Evidence(2, 2, 2, Audited("d", "e", 1, 0.4)))


@pytest.mark.parametrize("short", ["faced", "compared", "bare"])
def test_a_gate_that_saw_fewer_pictures_than_are_released_refuses(short: str) -> None:
    closed = account(["a", "b"], ["a", "b"], {}, {}, "m")
    people, digests = {"a": "x", "b": "y"}, {"a": "1", "b": "1"}
    whole = {"faced": 2, "compared": 2, "bare": 2}
    assert certify(release(2, {"a": 0, "b": 0}, people, digests), closed, Evidence(**whole)).k_counted == 2
    with pytest.raises(ReleaseRefused, match="1 of 2 released pictures"):
        certify(release(2, {"a": 0, "b": 0}, people, digests), closed, Evidence(**{**whole, short: 1}))


def test_k_is_counted_on_the_files_whatever_the_groups_say() -> None:
    """Four people in one group of k = 3, and a file that only two of them share."""
    faces = ["a", "b", "c", "d"]
    closed = account(faces, faces, {}, {}, "m")
    people = {face: f"person {face}" for face in faces}
    seen = Evidence(4, 4, 4)
    # one person in two pictures is one person
    twice = {**people, "c": "person b", "d": "person b"}
    one_file = dict.fromkeys(faces, "1")
    with pytest.raises(ReleaseRefused, match="shared by 2 people, k = 3 was asked"):
        certify(release(3, dict.fromkeys(faces, 0), twice, one_file), closed, seen)
    with pytest.raises(ReleaseRefused, match="show more than one picture"):
        certify(release(2, dict.fromkeys(faces, 0), people, {**one_file, "d": "2"}), closed, seen)
    assert certify(release(3, dict.fromkeys(faces, 0), people, one_file), closed, seen).k_counted == 4


@pytest.mark.parametrize(
    ("released", "withheld", "failed"),
    [
        (["a"], {}, {}),  # b is nowhere
        (["a", "b"], {"b": "no face"}, {}),  # in two places
        (["a"], {"b": "no face"}, {"b": "broken"}),
        (["a", "b", "c"], {}, {}),  # c was never there
        (["a", "b", "b"], {}, {}),  # released twice
    ],
)
def test_an_account_that_does_not_close_is_refused(released: list[str], withheld: dict[str, str], failed: dict[str, str]) -> None:
    with pytest.raises(ReleaseRefused):
        account(["a", "b"], released, withheld, failed, "m")
    closed = account(["a", "b"], ["a"], {"b": "no face"}, {}, "m")
    assert (closed.total, closed.released, closed.withheld, closed.failed) == (2, 1, 1, 0)
