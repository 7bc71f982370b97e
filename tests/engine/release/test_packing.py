"""Packed releases: what was released and nothing else, checked whole and shard by shard, and every lie is found."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, planned

from deidframe.cli.main import main
from deidframe.contract.errors import UsageError
from deidframe.engine.release import packing
from deidframe.engine.release.packing import LAYOUTS, members, pack
from deidframe.engine.release.verify import verify
from deidframe.engine.run import run
from deidframe.guard.hygiene import decode_jpeg
from deidframe.record.merkle import root_of

pytest.importorskip("pyarrow")
KINDS = [(layout, once) for layout in LAYOUTS for once in (False, True)]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("run")
    run(planned(home), home / "out")
    return home / "out" / "release" / "flat"


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "SHARD", 5)


def packed(released: Path, tmp_path: Path, layout: str, *, once: bool) -> Path:
    pack(released, tmp_path / "packed", layout, once=once)
    return tmp_path / "packed"


@pytest.mark.parametrize(("layout", "once"), KINDS)
def test_what_is_packed_is_what_was_released(released: Path, tmp_path: Path, layout: str, once: bool) -> None:
    folder = packed(released, tmp_path, layout, once=once)
    before, after = verify(released), verify(folder)
    assert after.problems == () and dict(after.digests) == dict(before.digests)
    assert (after.files, after.distinct, after.k) == (before.files, before.distinct, before.k) == (12, 4, 3)
    stored = [name for path in sorted(folder.glob("pictures-*")) for name, _ in members(path)]
    assert len(stored) == (4 if once else 12) and len(list(folder.glob("records-*"))) == 3
    assert "Faces made by flat" in (folder / "CARD.md").read_text()
    again = tmp_path / "again"
    pack(released, again, layout, once=once)
    for path in folder.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_shard_is_checked_alone(released: Path, tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = packed(released, tmp_path, layout, once=False)
    name = f"pictures-000001{LAYOUTS[layout]}"
    assert verify(folder, name).problems == ()
    (folder / f"pictures-000000{LAYOUTS[layout]}").write_bytes(b"gone")
    assert verify(folder, name).problems == () and verify(folder).problems
    assert main(["verify", str(folder), "--shard", name]) == 0
    assert verify(folder, name).files == 5 and f"different in {name} alone, k not counted: as it was" in capsys.readouterr().out
    assert main(["verify", str(folder), "--shard", "pictures-9.tar"]) == 2
    assert main(["verify", str(released), "--shard", name]) == 2
    assert "has no shards" in capsys.readouterr().err


def tampered(folder: Path) -> None:
    path = folder / "pictures-000000.tar"
    out = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for number, entry in enumerate(old):
            data = old.extractfile(entry)
            assert data is not None
            body = data.read() + (b"comment" if not number else b"")
            entry.size = len(body)
            new.addfile(entry, io.BytesIO(body))
    path.write_bytes(out.getvalue())


LIES = {
    "a picture has changed": (tampered, "has changed"),
    "a shard is gone": (lambda folder: (folder / "pictures-000001.tar").unlink(), "pictures-000001.tar is missing"),
    "a shard is cut": (lambda folder: (folder / "pictures-000001.tar").write_bytes(b"x" * 700), "is broken"),
    "a file more": (lambda folder: (folder / "extra.txt").write_text("x"), "extra.txt: is not listed"),
    "a record more": (
        lambda folder: (folder / "records-000002.sha256").write_text(
            (folder / "records-000002.sha256").read_text() + f"{'0' * 64}  x.jpg\n"
        ),
        "lists 3 records, 2 were released",
    ),
    "a manifest is gone": (lambda folder: (folder / "records-000000.sha256").unlink(), "records-000000.sha256 is missing"),
    "two shards are exchanged": (
        lambda folder: [
            (folder / "pictures-000000.tar").rename(folder / "t"),
            (folder / "pictures-000001.tar").rename(folder / "pictures-000000.tar"),
            (folder / "t").rename(folder / "pictures-000001.tar"),
        ],
        "pictures-000000.tar has changed",
    ),
}


def test_the_table_beside_packed_pictures_is_held_to_its_hash(released: Path, tmp_path: Path) -> None:
    folder = packed(released, tmp_path, "webdataset", once=False)
    table = folder / "carried.csv"
    table.write_text("file,age\n")
    assert verify(folder).problems == ("carried.csv: is not listed",)
    stated = json.loads((folder / "RELEASE.json").read_text())
    stated["carried_sha256"] = hashlib.sha256(table.read_bytes()).hexdigest()
    (folder / "RELEASE.json").write_text(json.dumps(stated))
    assert verify(folder).problems == ()
    table.write_text("file,age\nx,1\n")
    assert verify(folder).problems == ("carried.csv has changed",)
    table.unlink()
    assert verify(folder).problems == ("carried.csv is missing",)


@pytest.mark.parametrize("lie", LIES)
def test_every_lie_is_found(released: Path, tmp_path: Path, lie: str) -> None:
    folder = packed(released, tmp_path, "webdataset", once=False)
    change, said = LIES[lie]
    change(folder)
    problems = verify(folder).problems
    assert any(said in problem for problem in problems), problems


def test_a_part_that_is_told_anew_is_found_by_the_root(released: Path, tmp_path: Path) -> None:
    folder = packed(released, tmp_path, "webdataset", once=True)
    stated = json.loads((folder / "RELEASE.json").read_text())
    tampered(folder)
    digest = hashlib.sha256((folder / "pictures-000000.tar").read_bytes()).hexdigest()
    stated["shards"][0]["sha256"] = digest
    (folder / "RELEASE.json").write_text(json.dumps(stated))
    problems = verify(folder).problems
    assert any("the root over all parts" in problem for problem in problems) and any(
        "more than a picture" in one for one in problems
    )
    stated.pop("shards")
    (folder / "RELEASE.json").write_text(json.dumps(stated))
    assert any("does not say what its shards are" in problem for problem in verify(folder).problems)


def test_bad_input_is_said(released: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for source, target, layout, said in (
        (tmp_path / "empty", tmp_path / "a", "webdataset", "is no release of files"),
        (released, tmp_path / "empty", "webdataset", "exists"),
        (released, tmp_path / "b", "zip", "no layout is called"),
    ):
        with pytest.raises(UsageError, match=said):
            pack(source, target, layout)
    changed = tmp_path / "changed"
    shutil.copytree(released, changed)
    next(changed.glob("*.jpg")).write_bytes(b"other")
    with pytest.raises(UsageError, match="has changed and is not packed"):
        pack(changed, tmp_path / "c", "webdataset")
    assert not (tmp_path / "c").exists()
    stated = json.loads((changed / "RELEASE.json").read_text())
    (changed / "RELEASE.json").write_text(json.dumps({**stated, "kind": "scenes"}))
    assert main(["pack", str(changed), "--out", str(tmp_path / "d")]) == 2
    assert "keep their folders" in capsys.readouterr().err
    assert main(["pack", str(released), "--layout", "parquet", "--once", "--out", str(tmp_path / "e")]) == 0
    assert "12 records, 4 different pictures" in capsys.readouterr().out


@pytest.mark.parametrize(("layout", "once"), [("webdataset", "false"), ("parquet", "true")])
def test_a_recipe_packs_its_releases(tmp_path: Path, layout: str, once: str) -> None:
    recipe = RECIPE + f'\n[release]\nlayout = "{layout}"\nonce = {once}\n'
    outcome = run(planned(tmp_path, recipe=recipe), tmp_path / "out")
    folder = tmp_path / "out" / "release" / "flat"
    assert all(cell.status == "ok" for cell in outcome.cells) and list(folder.glob(f"pictures-*{LAYOUTS[layout]}"))
    assert not list(folder.glob("*.jpg")) and verify(folder).problems == ()
    assert main(["verify", str(tmp_path / "out")]) == 0 and main(["certify", str(tmp_path / "out")]) == 0


def test_the_usual_readers_open_them(released: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    folder = packed(released, tmp_path, "parquet", once=False)
    table = parquet.read_table(sorted(folder.glob("pictures-*.parquet"))).to_pydict()
    assert sorted(table["file"]) == sorted(verify(released).digests)
    assert decode_jpeg(table["image"][0]["bytes"]).ndim == 3
    try:
        from torchvision.datasets import ImageFolder
    except (ImportError, RuntimeError):  # another version than torch's
        pytest.skip("no torchvision")
    pictures = ImageFolder(released.parent)
    assert len(pictures) == 12 and np.asarray(pictures[0][0]).ndim == 3


def test_a_root_follows_from_all_parts_and_their_order() -> None:
    digests = [hashlib.sha256(bytes([n])).hexdigest() for n in range(7)]
    root = root_of(digests)
    assert root != root_of(digests[::-1]) != root_of(digests[:-1]) and len(root) == 64
    for n in range(7):
        changed = [*digests[:n], "0" * 64, *digests[n + 1 :]]
        assert root_of(changed) != root
    assert root_of([]) == hashlib.sha256(b"").hexdigest()


def retold(folder: Path, part: str, number: int, **changes: object) -> None:
    """Say something else of a part, as whoever changed it would, and a root that fits."""
    held = json.loads((folder / "RELEASE.json").read_text())
    one = held[part][number]
    one |= {"sha256": hashlib.sha256((folder / one["file"]).read_bytes()).hexdigest(), **changes}
    held["tree_sha256"] = root_of([entry["sha256"] for entry in (*held["manifests"], *held["shards"])])
    (folder / "RELEASE.json").write_text(json.dumps(held))


def tar_of(path: Path, entries: list[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as new:
        for name, data in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))


def test_a_manifest_with_other_hashes_has_changed(released: Path, tmp_path: Path) -> None:
    folder = packed(released, tmp_path, "webdataset", once=False)
    path = folder / "records-000000.sha256"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{'0' * 64}{lines[0][64:]}", *lines[1:]]) + "\n")
    assert "records-000000.sha256 has changed" in verify(folder).problems


def test_a_shard_that_holds_less_and_says_so_misses_pictures(released: Path, tmp_path: Path) -> None:
    folder = packed(released, tmp_path, "webdataset", once=False)
    path = folder / "pictures-000000.tar"
    kept = list(members(path))[1:]
    tar_of(path, kept)
    retold(folder, "shards", 0)
    assert any("holds 4 pictures, 5 were released" in one for one in verify(folder).problems)
    retold(folder, "shards", 0, count=4)
    problems = verify(folder).problems
    assert any("1 pictures of the manifests are in no shard" in one for one in problems), problems


def test_what_is_there_or_listed_twice_is_named(released: Path, tmp_path: Path) -> None:
    folder = packed(released, tmp_path, "webdataset", once=False)
    path = folder / "pictures-000000.tar"
    entries = list(members(path))
    tar_of(path, [*entries, entries[0]])
    retold(folder, "shards", 0, count=5)
    assert any(f"{entries[0][0]} is there twice" in one for one in verify(folder).problems)
    listing = folder / "records-000000.sha256"
    listing.write_text(listing.read_text() + listing.read_text().splitlines()[0] + "\n")
    retold(folder, "manifests", 0, count=6)
    assert any("is listed twice" in one for one in verify(folder).problems)


def test_other_columns_and_an_entry_that_is_no_file_are_broken(released: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    folder = packed(released, tmp_path, "parquet", once=False)
    parquet.write_table(pa.table({"file": ["a"], "name": ["somebody"]}), folder / "pictures-000000.parquet")
    assert any("is broken (columns file, name" in one for one in verify(folder).problems)
    tarred = tmp_path / "tarred"
    pack(released, tarred, "webdataset")
    with tarfile.open(tarred / "pictures-000000.tar", "w", format=tarfile.USTAR_FORMAT) as new:
        folder_entry = tarfile.TarInfo("../out")
        folder_entry.type = tarfile.DIRTYPE
        new.addfile(folder_entry)
    assert any("is no plain file" in one for one in verify(tarred).problems)
