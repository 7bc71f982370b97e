"""`encode`, `convert` and `cluster`, as they are typed."""

from __future__ import annotations

import csv
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deidframe.contract.encodings import read_encodings


def deidframe(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "deidframe", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from deidframe_people.source import FACES

    folder = tmp_path_factory.mktemp("shell")
    for person in sorted(FACES.iterdir())[:8]:
        (folder / "in" / person.name).mkdir(parents=True)
        for n in range(1, 5):
            (folder / "in" / person.name / f"{n}.jpg").write_bytes((person / f"{n}.jpg").read_bytes())
    (folder / "in" / "p01" / "broken.jpg").write_bytes(b"no picture")
    done = deidframe("encode", folder / "in", "--use", "sface", "-o", folder / "enc.npz")
    assert done.returncode == 0, done.stderr
    assert "32 encodings of 8 people, 128-D, sface" in done.stdout
    assert "left out: 1 (not a picture in a known format)" in done.stderr
    return folder


def test_encodings_are_private_and_whole(encoded: Path) -> None:
    file = encoded / "enc.npz"
    assert file.stat().st_mode & 0o777 == 0o600
    found = read_encodings(file)
    assert found.ids[0] == "p01/1.jpg"
    assert found.subjects is not None
    assert found.subjects[0] == "p01"
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_cluster_finds_people_and_writes_them(encoded: Path) -> None:
    done = deidframe("cluster", encoded / "enc.npz", "--use", "aroc", "-o", encoded / "people.csv")
    assert done.returncode == 0, done.stderr
    figures = dict(line.split(None, 1) for line in done.stdout.splitlines() if " " in line)
    assert float(figures["pairwise_f"]) > 0.95
    rows = list(csv.reader((encoded / "people.csv").read_text().splitlines()))
    assert rows[0] == ["id", "group"]
    assert len(rows) == 33
    again = deidframe("cluster", encoded / "enc.npz", "--use", "aroc", "-o", encoded / "people.csv")
    assert (again.returncode, "exists; give another name" in again.stderr) == (2, True)


def test_cluster_into_groups_of_at_least_k(encoded: Path) -> None:
    done = deidframe("cluster", encoded / "enc.npz", "--use", "fixed-size", "-k", "4", "--outliers", "nearest-group")
    assert done.returncode == 0, done.stderr
    assert "smallest             4" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--use", "arok"), 4, 'did you mean "aroc"?'),
        (("--use", "k-means", "--param", "clusters=x"), 3, "expected a valid integer"),
        (("--use", "k-means", "--param", "clusters"), 2, "expected KEY=VALUE"),
        (("--use", "k-means"), 2, "set params.clusters"),
        (("--use", "aroc", "--outliers", "withhold"), 2, "give -k as well"),
        (("--use", "fixed-size", "-k", "9"), 3, "larger than the number of people, 8"),
        (("--use", "aroc", "-o", "no/such/folder.csv"), 2, "does not exist"),
    ],
)
def test_wrong_use(encoded: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = deidframe("cluster", encoded / "enc.npz", *arguments)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr


def test_convert_and_its_errors(tmp_path: Path) -> None:
    rows = [{"imagePath": f"{n}.jpg", "encoding": np.arange(3.0) + n} for n in range(4)]
    (tmp_path / "e.pickle").write_bytes(pickle.dumps(rows, 3))
    done = deidframe("convert", tmp_path / "e.pickle", tmp_path / "e.npz", "--space", "mine", "--normalise")
    assert done.returncode == 0, done.stderr
    assert "4 encodings, 3-D, mine" in done.stdout
    assert deidframe("convert", tmp_path / "e.pickle", tmp_path / "e.npz").returncode == 2
    assert deidframe("convert", tmp_path / "absent.pickle", tmp_path / "f.npz").returncode == 2
    (tmp_path / "bad.pickle").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    done = deidframe("convert", tmp_path / "bad.pickle", tmp_path / "g.npz")
    assert (done.returncode, "os.system" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "g.npz").exists()


def test_encode_errors(tmp_path: Path) -> None:
    assert deidframe("encode", tmp_path / "absent", "--use", "sface", "-o", tmp_path / "e.npz").returncode == 2
    (tmp_path / "in").mkdir()
    assert deidframe("encode", tmp_path / "in", "--use", "sface", "-o", tmp_path / "e.npz").returncode == 5
    done = deidframe("encode", tmp_path / "in", "--use", "sface", "-o", tmp_path / "e.txt")
    assert (done.returncode, "ends in .npz" in done.stderr) == (2, True)
    assert not list(tmp_path.glob("e.*"))


def test_elbow_finds_how_many_people_there_are(encoded: Path) -> None:
    done = deidframe("elbow", encoded / "enc.npz", "--use", "k-means", "--groups", "2,4,6,8,10,12,14,16", "-o", encoded / "k")
    assert done.returncode == 0, done.stderr
    assert "k-means bends at K = 8" in done.stdout
    assert (encoded / "k.png").read_bytes().startswith(b"\x89PNG")
    lines = (encoded / "k.csv").read_text().splitlines()
    assert lines[0] == "groups K,inertia (SSE),knee"
    assert lines[4].startswith("8,")
    assert lines[4].endswith(",1")
    assert deidframe("elbow", encoded / "enc.npz", "--use", "k-means", "-o", encoded / "k").returncode == 2
    done = deidframe("elbow", encoded / "enc.npz", "--use", "dbscan", "-o", encoded / "d")
    assert (done.returncode, "bend at eps = " in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--use", "k-means", "--groups", "2,x"), "expected numbers"),
        (("--use", "k-means", "--groups", "2,99"), "between 1 and 32"),
        (("--use", "dbscan", "--neighbour", "32"), "needs more than 32 encodings"),
    ],
)
def test_elbow_errors(encoded: Path, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = deidframe("elbow", encoded / "enc.npz", *arguments, "-o", tmp_path / "e")
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert not list(tmp_path.iterdir())


def test_montage_is_private(encoded: Path, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("id,group\np01/1.jpg,0\np01/2.jpg,0\np02/1.jpg,1\np03/1.jpg,-1\ngone.jpg,1\n")
    done = deidframe("montage", tmp_path / "g.csv", "--data", encoded / "in", "-o", tmp_path / "private")
    assert done.returncode == 0, done.stderr
    assert "3 faces in 2 groups, 1 ids without a face left out" in done.stdout
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "private" / "montage.jpg").stat().st_mode & 0o777 == 0o600
    for text, says in (
        ("a,b\n", "expected the header"),
        ("id,group\nx,y\n", "g.csv:2"),
        ("id,group\nx,0\n", "none of the 1 ids"),
    ):
        (tmp_path / "g.csv").write_text(text)
        done = deidframe("montage", tmp_path / "g.csv", "--data", encoded / "in", "-o", tmp_path / "other")
        assert (done.returncode in (2, 5), says in done.stderr) == (True, True), done.stderr


def test_encoder_check(encoded: Path, tmp_path: Path) -> None:
    done = deidframe("encoder-check", "--use", "sface", "--data", encoded / "in")
    assert done.returncode == 0, done.stderr
    assert "32 pictures of 8 people, 48 pairs of one person" in done.stdout
    assert "rank-1         100.00 %" in done.stdout
    table = tmp_path / "pairs.csv"
    table.write_text(
        "a,b,same\n" + "".join(f"p0{n}/1.jpg,p0{n}/2.jpg,1\np0{n}/1.jpg,p0{n % 8 + 1}/3.jpg,0\n" for n in range(1, 9))
    )
    done = deidframe("encoder-check", "--use", "sface", "--data", encoded / "in", "--pairs", table)
    assert (done.returncode, "8 pairs of one person" in done.stdout) == (0, True), done.stderr
    for text, says in (
        ("a,b\n", "expected the header"),
        ("a,b,same\nx,p01/1.jpg,1\n", "'x' is not a picture"),
        ("a,b,same\nx,y,2\n", ":2:"),
    ):
        table.write_text(text)
        done = deidframe("encoder-check", "--use", "sface", "--data", encoded / "in", "--pairs", table)
        assert (done.returncode, says in done.stderr) == (2, True), done.stderr
