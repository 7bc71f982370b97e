from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidframe.contract import Context, NothingToDo, Photos, UnreadablePhoto, UsageError
from deidframe_folder import databases as sources
from deidframe_folder import plugin
from deidframe_folder.trees import LEADS_OUT, leads_out, tree_of, without_secrets


def png(value: int = 90) -> bytes:
    return bytes(cv2.imencode(".png", np.full((12, 10, 3), value, np.uint8))[1])


def tree(root: Path, names: list[str], **texts: str) -> Path:
    for n, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(n))
    for name, text in texts.items():
        (root / f"{name}.txt").write_text(text)
    return root


def load(name: str, path: Path | str, **params: object) -> Photos:
    """Load a source as a recipe does, and make sure that every picture opens, there and in another process."""
    (component,) = (one for one in plugin.deidframe_sources() if one.name == name)
    made = getattr(sources, name.capitalize())(component.params(path=str(path), **params), Context(1, Path()))
    photos: Photos = made.load()
    again = pickle.loads(pickle.dumps(photos.opener))
    for photo in photos:
        assert np.array_equal(photos.open(photo), again(photo))
        assert photos.fingerprint is not None and len(photos.fingerprint(photo)) >= 32
    return photos


def people(photos: Photos) -> dict[str, str]:
    return dict(zip(photos.ids, photos.subjects or (), strict=True))


def test_rafd_fei_and_agedb_say_all_in_their_names(tmp_path: Path) -> None:
    rafd = load("rafd", tree(tmp_path / "r", ["Rafd090_01_Caucasian_female_angry_frontal.jpg", "other.jpg", "a.db"]))
    assert people(rafd) == {"Rafd090_01_Caucasian_female_angry_frontal.jpg": "01"}
    assert rafd.columns[rafd.ids[0]] == {
        "camera": "090",
        "ethnicity": "Caucasian",
        "sex": "female",
        "expression": "angry",
        "gaze": "frontal",
    }
    assert set(rafd.skipped) == {"other.jpg", "a.db"}
    fei = load("fei", tree(tmp_path / "f", ["1-01.jpg", "1-14.jpg", "2a.jpg", "2b.jpg"]))
    assert people(fei) == {"1-01.jpg": "1", "1-14.jpg": "1", "2a.jpg": "2", "2b.jpg": "2"}
    assert fei.columns["2b.jpg"] == {"expression": "smiling"} and fei.columns["1-14.jpg"] == {"pose": "14"}
    agedb = load("agedb", tree(tmp_path / "a", ["16_MariaCallas_35_f.jpg", "17_MariaCallas_40_f.jpg", "18_X_y_f.jpg"]))
    assert set(people(agedb).values()) == {"MariaCallas"} and agedb.columns["16_MariaCallas_35_f.jpg"] == {
        "age": "35",
        "sex": "f",
    }
    assert list(agedb.skipped) == ["18_X_y_f.jpg"]
    with pytest.raises(NothingToDo, match="is not called as this database"):
        load("rafd", tree(tmp_path / "n", ["x.jpg"]))


def test_lfw_takes_the_people_and_pairs_of_its_lists(tmp_path: Path) -> None:
    names = [f"{who}/{who}_{n:04d}.jpg" for who, count in (("Ann_Bee", 2), ("Cy_Dee", 3)) for n in range(1, count + 1)]
    root = tree(
        tmp_path,
        [*names, "stray.jpg"],
        pairs="1\t1\nAnn_Bee\t1\t2\nAnn_Bee\t1\tCy_Dee\t3\n",
        people="2\n1\nAnn_Bee\t2\n1\nCy_Dee\t3\n",
        unknown="1\nEve_Eff\t1\n",
        badpairs="1\nAnn_Bee\t1\t9\n",
        words="1\nAnn Bee was here\n",
    )
    whole = load("lfw", root)
    assert len(whole) == 5 and set(people(whole).values()) == {"Ann_Bee", "Cy_Dee"} and "stray.jpg" in whole.skipped
    paired = load("lfw", root, pairs="pairs.txt")
    assert [name.rpartition("/")[2] for name in paired.ids] == ["Ann_Bee_0001.jpg", "Ann_Bee_0002.jpg", "Cy_Dee_0003.jpg"]
    assert paired.skipped["Cy_Dee/Cy_Dee_0001.jpg"] == "is in no pair of pairs.txt"
    folds = load("lfw", root, people="people.txt")
    assert {folds.columns[name]["fold"] for name in folds.ids if "Ann" in name} == {"1"}
    assert {folds.columns[name]["fold"] for name in folds.ids if "Cy" in name} == {"2"}
    for params, said in (
        ({"people": "unknown.txt"}, "unknown.txt:2 names Eve_Eff"),
        ({"pairs": "badpairs.txt"}, "badpairs.txt names Ann_Bee_0009"),
        ({"pairs": "words.txt"}, "words.txt:2"),
        ({"pairs": "gone.txt"}, "there is no gone.txt"),
    ):
        with pytest.raises(UsageError, match=said):
            load("lfw", root, **params)


def test_celeba_joins_its_lists(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        ["img/000001.jpg", "img/000002.jpg", "img/000009.jpg"],
        identity_CelebA="000001.jpg 2880\n000002.jpg 2937\n000003.jpg 1\n",
        list_eval_partition="000001.jpg 0\n000002.jpg 2\n",
        list_attr_celeba="2\nMale Smiling\n000001.jpg -1  1\n000002.jpg  1 -1\n",
    )
    photos = load("celeba", root)
    assert people(photos) == {"img/000001.jpg": "2880", "img/000002.jpg": "2937"}
    assert photos.columns["img/000001.jpg"] == {"Male": "no", "Smiling": "yes", "partition": "train"}
    assert photos.skipped["img/000009.jpg"] == "is not in identity_CelebA.txt"
    assert photos.skipped["000003.jpg"] == "is listed, and missing"
    assert load("celeba", root, partition="test").ids == ("img/000002.jpg",)
    (root / "identity_CelebA.txt").write_text("000001.jpg\n")
    with pytest.raises(UsageError, match=r"identity_CelebA.txt:1"):
        load("celeba", root)
    with pytest.raises(UsageError, match="there is no identity_CelebA"):
        load("celeba", tree(tmp_path / "bare", ["1.jpg"]))


def test_imagefolder_reads_its_metadata(tmp_path: Path) -> None:
    root = tree(tmp_path, ["train/ann/1.jpg", "train/bob/2.jpg", "test/3.jpg"])
    plain = load("imagefolder", root)
    assert people(plain) == {"train/ann/1.jpg": "ann", "train/bob/2.jpg": "bob", "test/3.jpg": "test"}
    rows = [
        {"file_name": "ann/1.jpg", "who": "a", "age": 30},
        {"file_name": "bob/2.jpg", "who": "b"},
        {"file_name": "x.jpg", "who": "c"},
    ]
    (root / "train" / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    named = load("imagefolder", root, person="who")
    assert people(named) == {"train/ann/1.jpg": "a", "train/bob/2.jpg": "b"} and named.columns["train/ann/1.jpg"] == {"age": "30"}
    assert "it is missing" in named.skipped["train/x.jpg"] and 'name no "who"' in named.skipped["test/3.jpg"]
    with pytest.raises(UsageError, match=r'no column "name".*age, who'):
        load("imagefolder", root, person="name")
    for text, said in (
        ("{", "metadata.jsonl:1"),
        ("[1]", "an object"),
        ('{"a": 1}', "no file_name"),
        ('{"file_name": "../../x"}', "leads out"),
    ):
        (root / "train" / "metadata.jsonl").write_text(text)
        with pytest.raises(UsageError, match=said):
            load("imagefolder", root, person="who")
    (root / "train" / "metadata.jsonl").unlink()
    (root / "train" / "metadata.csv").write_text("file_name,who\nann/1.jpg,a\n")
    assert people(load("imagefolder", root, person="who")) == {"train/ann/1.jpg": "a"}


def test_any_layout_is_read_out_of_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "fei.zip", "w") as archive:
        for name in ("fei/1-01.jpg", "fei/2-01.jpg", "../3-01.jpg", "/4-01.jpg"):
            archive.writestr(name, png())
    photos = load("fei", tmp_path / "fei.zip")
    assert people(photos) == {"fei/1-01.jpg": "1", "fei/2-01.jpg": "2"}
    assert photos.skipped["../3-01.jpg"] == LEADS_OUT and photos.folder == tmp_path
    data = bytearray((tmp_path / "fei.zip").read_bytes())
    at = data.index(b"IDAT")
    data[at : at + 4] = b"XXXX"
    (tmp_path / "bad.zip").write_bytes(bytes(data))
    broken = sources.Fei(plugin.TreeParams(path=str(tmp_path / "bad.zip")), Context(1, Path())).load()
    with pytest.raises(UnreadablePhoto, match="broken in the archive"):
        broken.open("fei/1-01.jpg")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(UsageError, match="neither a folder nor a zip"):
        tree_of(str(tmp_path / "text.zip"))
    with pytest.raises(UsageError, match="does not exist"):
        tree_of(str(tmp_path / "none"))


def shard(path: Path, records: list[tuple[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in records:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def test_webdataset_reads_shards_where_they_lie(tmp_path: Path) -> None:
    for n in range(2):
        records = []
        for m in range(3):
            records += [
                (f"{m:04d}.png", png(10 * n + m)),
                (f"{m:04d}.json", json.dumps({"person": f"p{m % 2}", "age": m}).encode()),
            ]
        shard(tmp_path / "s" / f"faces-{n:03d}.tar", [*records, ("../out.png", png()), ("lone.json", b"{}")])
    photos = load("webdataset", tmp_path / "s", person="person")
    assert len(photos) == 6 and set(photos.subjects or ()) == {"p0", "p1"}
    assert photos.columns["faces-000.tar/0002"] == {"age": "2"}
    assert photos.open("faces-001.tar/0002")[0, 0, 0] == 12
    assert photos.skipped["faces-000.tar/../out.png"] == LEADS_OUT and "without a picture" in photos.skipped["faces-000.tar/lone"]
    assert len(load("webdataset", f"{tmp_path}/s/faces-{{000..001}}.tar", person="person")) == 6
    assert len(load("webdataset", tmp_path / "s" / "faces-001.tar")) == 3
    with pytest.raises(UsageError, match=r"faces-002.tar is missing \(1 of 3"):
        load("webdataset", f"{tmp_path}/s/faces-{{000..002}}.tar")
    with pytest.raises(UsageError, match='no record has "name"'):
        load("webdataset", tmp_path / "s", person="name")


def test_shards_that_are_cut_doubled_or_packed_are_said(tmp_path: Path) -> None:
    big = [(f"{n}.png", png(n) + bytes(3000)) for n in range(6)]
    path = shard(tmp_path / "cut" / "a.tar", big)
    assert not load("webdataset", tmp_path / "cut").skipped
    cut = sources.Webdataset(plugin.WebdatasetParams(path=str(tmp_path / "cut")), Context(1, Path()))
    whole = path.read_bytes()
    with tarfile.open(path) as archive:
        third = archive.getmembers()[2]
    half = third.offset_data + third.size // 2
    for kept in (whole[:half], whole[:half] + bytes([7]) * 5000, whole[: third.offset + 100]):
        path.write_bytes(kept)
        photos = cut.load()
        assert "cut short" in photos.skipped["a.tar"] and len(photos) in (2, 3)
        assert int(photos.open("a.tar/1")[0, 0, 0]) == 1
    path.write_bytes(whole[:half])
    photos = cut.load()
    assert photos.ids[-1] == "a.tar/2"
    with pytest.raises(UnreadablePhoto, match="cut short"):
        photos.open("a.tar/2")
    shard(tmp_path / "twice" / "a.tar", [("1.png", png(1)), ("2.png", png(2)), ("1.png", png(3))])
    twice = load("webdataset", tmp_path / "twice")
    assert len(twice) == 2 and "a second record" in twice.skipped["a.tar/1 (again)"]
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "a.tar.gz").write_bytes(b"x")
    with pytest.raises(UsageError, match="is compressed"):
        load("webdataset", tmp_path / "packed")
    (tmp_path / "cls").mkdir()
    shard(tmp_path / "cls" / "a.tar", [("x/1.jpg.png", png(1)), ("x/1.cls", b"7\n")])
    assert people(load("webdataset", tmp_path / "cls", person="cls")) == {"a.tar/x/1": "7"}


def test_parquet_is_read_by_row_group(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"image": {"bytes": png(n), "path": f"{n}.png"}, "person": f"p{n % 3}" if n else None, "age": n} for n in range(7)]
    (tmp_path / "t").mkdir()
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "t" / "a.parquet", row_group_size=2)
    flat = [{"image": png(n), "person": "q", "age": 1} for n in range(2)]
    parquet.write_table(arrow.Table.from_pylist(flat), tmp_path / "t" / "b.parquet")
    (tmp_path / "t" / "cut.parquet").write_bytes((tmp_path / "t" / "a.parquet").read_bytes()[:200])
    photos = load("parquet", tmp_path / "t", person="person")
    assert len(photos) == 8 and set(photos.subjects or ()) == {"p0", "p1", "p2", "q"}
    assert {int(photos.open(name)[0, 0, 0]) for name in photos if name.startswith("a")} == {1, 2, 3, 4, 5, 6}
    assert "cut short or broken" in photos.skipped["cut.parquet"] and any("names no" in why for why in photos.skipped.values())
    assert photos.columns[photos.ids[-1]] == {"age": "1"}
    with pytest.raises(UsageError, match='no column "picture"; columns: image, person, age'):
        load("parquet", tmp_path / "t" / "b.parquet", image="picture")
    with pytest.raises(NothingToDo):
        load("parquet", tree(tmp_path / "none", ["a.jpg"]))


def test_stores_are_read_by_url_and_say_no_secret(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    for name in ("1-01.jpg", "2-01.jpg"):
        store.pipe_file(f"/faces/{name}", png())
    photos = load("fei", "memory://faces")
    assert people(photos) == {"1-01.jpg": "1", "2-01.jpg": "2"} and photos.folder is None
    store.rm("/faces/2-01.jpg")
    with pytest.raises(UnreadablePhoto, match="gone"):
        photos.open("2-01.jpg")
    path = shard(tmp_path / "a.tar", [("1.png", png(5)), ("2.png", png(6))])
    store.pipe_file("/shards/a.tar", path.read_bytes())
    assert load("webdataset", "memory://shards").open("a.tar/2")[0, 0, 0] == 6
    with pytest.raises((UsageError, NothingToDo)):
        load("fei", "memory://nothing")
    assert without_secrets("s3://key:secret@bucket/faces?token=x") == "s3://bucket/faces"


def test_names_that_lead_out_are_known() -> None:
    assert all(leads_out(name) for name in ("../x", "a/../../x", "/x", "C:/x", "..\\x"))
    assert not any(leads_out(name) for name in ("a/x", "a..b/x", "x"))
