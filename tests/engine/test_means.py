"""Groups' means as a release: at least k people behind each, counted anew, and every lie about it found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deidframe.cli.main import main
from deidframe.contract import Embeddings
from deidframe.contract.encodings import encodings_bytes
from deidframe.contract.errors import ReleaseRefused
from deidframe.engine.release.verify import verify
from deidframe.guard.means import certify_means

pytest.importorskip("deidframe_encodings")
pytest.importorskip("deidframe_ksame")


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(30, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    subjects = tuple(f"p{n // 2}" for n in range(30))
    path = tmp_path / "faces.npz"
    path.write_bytes(encodings_bytes(Embeddings(tuple(f"f{n}" for n in range(30)), rows, "test", subjects)))
    return path


def test_means_are_of_k_people_each_counted_once(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "means"
    assert main(["means", str(faces), "-k", "4", "--out", str(out)]) == 0
    assert "of 15 people, at least 4 each" in capsys.readouterr().out
    with np.load(out / "means.npz") as held:
        assert set(held) == {"means", "people", "space"} and held["people"].sum() == 15 and held["people"].min() >= 4
        means, people = held["means"].copy(), held["people"].copy()
    with np.load(faces) as held:
        whole = held["vectors"]
    assert np.allclose((means * people[:, None]).sum(axis=0) / 15, whole.mean(axis=0), atol=1e-5)
    assert verify(out).problems == () and main(["verify", str(out)]) == 0
    assert "f0" not in (out / "RELEASE.json").read_text() and "p0" not in (out / "RELEASE.json").read_text()
    again = tmp_path / "again"
    assert main(["means", str(faces), "-k", "4", "--out", str(again)]) == 0
    assert (again / "means.npz").read_bytes() == (out / "means.npz").read_bytes()


def test_lies_about_means_are_found(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "means"
    assert main(["means", str(faces), "-k", "4", "--out", str(out)]) == 0
    kept = (out / "means.npz").read_bytes()
    with np.load(out / "means.npz") as held:
        arrays = dict(held)
    for change, said in (
        ({"people": np.array([2, 8, 5])}, "a mean is of 2 people, k = 4"),
        ({"people": np.array([5, 5])}, "do not fit together"),
        ({"names": np.array(["p0"])}, "expected means, people, space"),
    ):
        np.savez(out / "means.npz", **{**arrays, **change})
        assert any(said in problem for problem in verify(out).problems)
    (out / "means.npz").write_bytes(b"x")
    assert any("cannot be read" in problem for problem in verify(out).problems)
    (out / "means.npz").write_bytes(kept)
    stated = json.loads((out / "RELEASE.json").read_text())
    stated["certificate"]["people"] = 99
    (out / "RELEASE.json").write_text(json.dumps(stated))
    assert any("not what the certificate counts" in problem for problem in verify(out).problems)


def test_bad_input_is_said(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more, said in (
        (["-k", "1", "--out", str(tmp_path / "a")], "expected 2 or more"),
        (["-k", "99", "--out", str(tmp_path / "a")], "99"),
        (["-k", "4", "--out", str(tmp_path)], "exists"),
        (["-k", "4", "--use", "magic", "--out", str(tmp_path / "a")], "magic"),
    ):
        assert main(["means", str(faces), *more]) != 0
        assert said in capsys.readouterr().err
        assert not (tmp_path / "a").exists() and not (tmp_path / ".part-a").exists()
    person_of = {"a": "p", "b": "q", "c": "p"}
    with pytest.raises(ReleaseRefused, match="holds 1 people"):
        certify_means({"a": 0, "c": 0, "b": 1}, person_of, 2, "test", "x")
    with pytest.raises(ReleaseRefused, match="in two groups"):
        certify_means({"a": 0, "c": 1, "b": 0}, person_of, 2, "test", "x")
    with pytest.raises(ReleaseRefused, match="no group"):
        certify_means({}, person_of, 2, "test", "x")
