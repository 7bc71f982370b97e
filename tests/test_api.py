"""Runs from Python say what the shell says, as tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from examples import REAL

import deidframe
from deidframe.contract import RecipeError, UsageError

ATTACK = (
    '\n[[attack]]\nname = "exact"\nuse = "nearest-face"\nthreat = "naive"\ngallery = "exact"\nparams = { encoder = "sface" }\n'
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> deidframe.Run:
    out = tmp_path_factory.mktemp("api") / "run"
    return deidframe.run(REAL + ATTACK, out=out, set={"name": "from-python", "source.params.people": 10}, cache=False)


def test_it_runs_and_reads_back(made: deidframe.Run) -> None:
    assert made.name == "from-python"
    assert made.report.is_file()
    again = deidframe.load(made.folder)
    assert again.methods() == made.methods()
    assert "keeps its promise" in repr(again)


def test_tables_are_tidy(made: deidframe.Run) -> None:
    methods, attacks, figures = made.methods(), made.attacks(), made.figures()
    assert [one["method"] for one in methods] == ["pixel mean", "blur"]
    assert all(list(one) == list(methods[0]) for one in methods)
    assert methods[0]["released"] == 20
    assert methods[0]["by"] == "exact"
    rows = [json.loads(line) for line in (made.folder / "cells.jsonl").read_text().splitlines()]
    assert len(figures) == sum(len(row["metrics"]) for row in rows)
    assert len(attacks) == 2
    rank = next(row["metrics"]["rank1"] for row in rows if row["attack"] and row["method"] == "blur")
    assert next(one for one in attacks if one["method"] == "blur")["rank1"] == rank["value"]
    one = next(f for f in figures if f["metric"] == "rank1" and f["method"] == "blur")
    assert (one["low"], one["high"], one["direction"]) == (rank["low"], rank["high"], "lower is more private")


def test_a_notebook_shows_it(made: deidframe.Run) -> None:
    page = made._repr_html_()
    assert "The strongest attack" in page
    assert "<table>" in page
    assert "<script" not in page


def test_what_is_no_recipe_or_run(tmp_path: Path, made: deidframe.Run) -> None:
    with pytest.raises(UsageError, match="no such file"):
        deidframe.run("nothing-of-this-name")
    with pytest.raises(RecipeError):
        deidframe.run("schema = 1\nname = 'x'\n")
    with pytest.raises(UsageError, match="is no value of a recipe"):
        deidframe.run("quickstart", set={"seed": object()})
    with pytest.raises(UsageError, match=r"run\.json is missing"):
        deidframe.load(tmp_path)
    facts = json.loads((made.folder / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(facts | {"status": "running"}))
    (tmp_path / "cells.jsonl").write_text("")
    with pytest.raises(UsageError, match=r"is not finished \(running\)"):
        deidframe.load(tmp_path)


def test_importing_it_stays_light() -> None:
    code = "import deidframe, sys; print(sorted({'numpy', 'cv2', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
