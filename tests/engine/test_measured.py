"""A run that was cut short measures nothing twice, and takes nothing from before that does not hold any more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from examples import REAL

from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.measured import Kept, Measured
from deidframe.engine.planning.planner import plan
from deidframe.engine.rows import attack, method
from deidframe.engine.run import Outcome, run
from deidframe.engine.runtime.progress import Quiet
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse

TEXT = REAL + "".join(
    f"""
[[attack]]
name = "{threat}, {gallery}"
use = "nearest-face"
threat = "{threat}"
gallery = "{gallery}"
encoders = ["sface"]
"""
    for threat, gallery in (("clear", "enrol"), ("naive", "enrol"), ("naive", "exact"))
)
ROWS = 7
"""One of untouched faces; of each of the two methods its own, and two under attack."""


class Impatient(Quiet):
    """Cuts a run short after so many rows."""

    def __init__(self, rows: int) -> None:
        self.left, self.said = rows, list[str]()

    def say(self, text: str) -> None:
        self.said.append(text)

    def row(self, row: dict[str, Any]) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    def counting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            calls.append(name)
            return real(*args)

        return call

    monkeypatch.setattr(attack, "run_attack", counting("attack", attack.run_attack))
    monkeypatch.setattr(method, "measures", counting("measures", method.measures))
    return calls


def begun(tmp_path: Path, rows: int, text: str = TEXT) -> Outcome:
    store = DiskCache(tmp_path / "store")
    reporter = Impatient(rows)
    done = run(plan(parse(text, "r.toml"), Catalogue(), tmp_path), tmp_path / "run", reporter, names_key=b"n" * 32, cache=store)
    done.folder.with_suffix(".said").write_text("\n".join(reporter.said))
    return done


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "cells.jsonl").read_text().splitlines()]
    return [{**row, "stages": sorted(row["stages"])} for row in rows]


def curves_of(folder: Path) -> dict[str, bytes]:
    kept = [*(folder / "figures" / "attacks").rglob("*.json"), *(folder / "private" / "scores").rglob("*.npz")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(kept)}


def test_a_run_that_goes_on_takes_its_rows_from_before_the_cut(tmp_path: Path, counted: list[str]) -> None:
    begun(tmp_path, -1)
    whole, curves = rows_of(tmp_path / "run"), curves_of(tmp_path / "run")
    assert len(whole) == ROWS and {row["status"] for row in whole} == {"ok"} and len(curves) == 2 * 5
    assert counted.count("attack") == 5 and counted.count("measures") == 2
    assert not (tmp_path / "run" / "private" / "measured").exists()  # a finished run keeps none
    (tmp_path / "run").rename(tmp_path / "first")
    counted.clear()
    with pytest.raises(KeyboardInterrupt):
        begun(tmp_path, 6)  # within the second method: its last attack is open
    assert counted.count("attack") == 4 and counted.count("measures") == 2
    assert oct((tmp_path / "run" / "private" / "measured").stat().st_mode)[-3:] == "700"
    counted.clear()
    begun(tmp_path, -1)
    assert counted == ["attack"]
    assert rows_of(tmp_path / "run") == whole and curves_of(tmp_path / "run") == curves
    assert "6 rows of before the cut taken over" in (tmp_path / "run.said").read_text()


def test_what_was_measured_of_something_else_is_not_taken(
    tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        begun(tmp_path, 6)
    for entry in (tmp_path / "run" / "private" / "measured").glob("??/*"):
        entry.write_bytes(entry.read_bytes()[:-40] + bytes(40))  # damaged
    counted.clear()
    with pytest.raises(KeyboardInterrupt):
        begun(tmp_path, 6)
    assert counted.count("attack") == 4 and counted.count("measures") == 2
    counted.clear()
    monkeypatch.setattr(method, "digest_of", lambda at, method, release: f"other files of {method.name}")
    with pytest.raises(KeyboardInterrupt):
        begun(tmp_path, 6)
    assert counted.count("attack") == 3 and counted.count("measures") == 2  # untouched faces are what they were


def test_figures_are_kept_with_all_that_they_follow_from(tmp_path: Path) -> None:
    assert Measured.of(tmp_path, "") is None  # the source cannot say what its pictures hold
    known = Measured.of(tmp_path, "signed", device="cpu")
    others = [Measured.of(tmp_path, "signed", device="cuda"), Measured.of(tmp_path, "another code or picture", device="cpu")]
    assert known is not None
    known.put({"row": 1}, {"rank1": 0.1 + 0.2}, b"scores")
    assert known.get({"row": 1}) == Kept({"rank1": 0.1 + 0.2}, b"scores")
    assert known.get({"row": 2}) is None
    assert all(other is not None and other.get({"row": 1}) is None for other in others)
    bounds = attack._exactly({0.001: float("inf"), 0.1: 1 / 3})
    known.put({"row": 4, "thresholds": bounds}, {"thresholds": bounds})  # infinite ones neither end a run nor are lost
    assert known.get({"row": 4, "thresholds": bounds}) == Kept({"thresholds": bounds})
    assert [float.fromhex(score) for score in bounds.values()] == [float("inf"), 1 / 3]
    with pytest.raises(ValueError, match="JSON"):
        known.put({"row": 3}, {"rank1": float("nan")})
    assert known.get({"row": 3}) is None
