"""The condensed data set: few bits, names that say nothing, what was lost is said, and statistics on it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from deidframe.cli.main import main
from deidframe.contract import Embeddings, PluginError, UsageError
from deidframe.engine.tools.condense import condense, keyed, quantized
from deidframe.engine.tools.encode import read_any
from deidframe.engine.tools.stats import statistics

pytest.importorskip("pyarrow")
pytest.importorskip("deidframe_encodings")


def crowd(people: int = 12, pictures: int = 5, dim: int = 32) -> Embeddings:
    rng = np.random.default_rng(2)
    rows = np.repeat(rng.normal(size=(people, dim)), pictures, axis=0) + 0.2 * rng.normal(size=(people * pictures, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    subjects = tuple(f"p{n // pictures}" for n in range(people * pictures))
    return Embeddings(tuple(f"f{n}.jpg" for n in range(len(rows))), rows.astype(np.float32), "test", subjects)


@pytest.mark.parametrize(("precision", "most", "share"), [("float32", 0.0, 1.0), ("float16", 1e-3, 0.5), ("int8", 0.02, 0.25)])
def test_what_is_read_back_is_as_near_as_it_says(tmp_path: Path, precision: str, most: float, share: float) -> None:
    faces = crowd(40, 10, 128)
    made = condense(tmp_path / "e.parquet", faces, precision)  # type: ignore[arg-type]
    back = read_any(tmp_path / "e.parquet")
    assert back.ids == faces.ids and back.subjects == faces.subjects and back.space == "test"
    apart = np.linalg.norm(back.unit().vectors - faces.vectors, axis=1)
    assert apart.max() <= made.most + 1e-6 <= most + 2e-6 and made.neighbours > 0.95
    assert made.size < share * 1.2 * faces.vectors.nbytes + 20_000
    assert (tmp_path / "e.parquet").stat().st_mode & 0o077 == 0


def test_a_row_of_zeros_stays_one() -> None:
    rows = np.zeros((2, 4), np.float32)
    rows[1] = (0.5, -1.0, 0.25, 0.0)
    stored, scales = quantized(rows, "int8")
    assert (
        stored.dtype == np.int8
        and scales is not None
        and np.abs(stored[0]).max() == 0
        and stored[1].tolist() == [64, -127, 32, 0]
    )


def test_names_are_told_to_the_owner_of_the_key_alone(tmp_path: Path) -> None:
    faces = crowd()
    condense(tmp_path / "e.parquet", faces, "int8", tmp_path / "key")
    back = read_any(tmp_path / "e.parquet")
    key = (tmp_path / "key").read_bytes()
    assert len(key) == 32 and (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert back.ids == keyed(faces, key).ids and not set(back.ids) & set(faces.ids)
    assert len(set(back.subjects or ())) == 12 and not set(back.subjects or ()) & set(faces.subjects or ())
    assert keyed(faces, b"0" * 32).ids != back.ids
    condense(tmp_path / "again.parquet", faces, "int8", tmp_path / "key")
    assert read_any(tmp_path / "again.parquet").ids == back.ids
    (tmp_path / "bad").write_bytes(b"short")
    with pytest.raises(UsageError, match="is no key"):
        condense(tmp_path / "x.npz", faces, "float32", tmp_path / "bad")


def test_the_commands_write_and_read_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    condense(tmp_path / "e.npz", crowd())
    assert main(["convert", str(tmp_path / "e.npz"), str(tmp_path / "e.parquet"), "--as", "int8"]) == 0
    assert "keep their nearest neighbour" in capsys.readouterr().out
    assert main(["stats", str(tmp_path / "e.parquet"), "-k", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == 60 and said["people"] == 12 and said["groups_of"]["3"]["smallest"] >= 3
    assert main(["stats", str(tmp_path / "e.parquet"), "-k", "3"]) == 0
    assert "k = 3: groups" in capsys.readouterr().out
    for bad, said_ in (
        (["convert", str(tmp_path / "e.npz"), str(tmp_path / "x.npz"), "--as", "int8"], "needs a name that ends in .parquet"),
        (["convert", str(tmp_path / "e.npz"), str(tmp_path / "x.txt")], "ends in .npz or .parquet"),
        (["convert", str(tmp_path / "e.npz"), str(tmp_path / "e.parquet")], "exists"),
        (["stats", str(tmp_path / "none.npz")], "none.npz"),
        (["stats", str(tmp_path / "e.npz"), "--use", "magic", "-k", "3"], "magic"),
    ):
        assert main(bad) in (2, 3, 4)
        assert said_ in capsys.readouterr().err


def test_statistics_see_what_is_there() -> None:
    faces = crowd()
    said = statistics(faces)
    assert said["own"] > 0.7 and abs(said["other"]) < 0.2 and said["copies"] == 0
    assert said["people_as_groups"]["silhouette"] > 0.4 and said["nearest"][1] < 0.3
    doubled = Embeddings(tuple(f"{n}" for n in range(8)), np.repeat(faces.vectors[:4], 2, axis=0), "test")
    bare = statistics(doubled)
    assert bare["copies"] == 4 and "people" not in bare and bare["nearest"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert bare["components_90"] <= 3


def test_without_pyarrow_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PluginError, match="pip install pyarrow"):
        condense(tmp_path / "e.parquet", crowd())
    assert not (tmp_path / "e.parquet").exists()
