"""A measure of a plugin: its numbers become means over people with intervals, a column, a figure; one that fails fails alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned

import deidframe
from deidframe.contract import ArtifactError, RecipeError, Values
from deidframe.engine.run import Outcome, run
from deidframe.report.page import write_report

LIGHTER = docstring_code("measure")


def ran(tmp_path: Path, code: str = LIGHTER, recipe: str = RECIPE) -> Outcome:
    tmp_path.mkdir(exist_ok=True)
    return run(planned(tmp_path, listed("measure", "lighter", code), recipe=recipe), tmp_path / "run")


def test_the_mean_of_every_method_with_its_interval_and_the_ceiling(tmp_path: Path) -> None:
    flat, grey = (cell for cell in ran(tmp_path).cells if not cell.attack)
    for cell in (flat, grey):
        figure = cell.metrics["measure.lighter"]
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert (figure["n"], cell.metrics["measured.lighter"], cell.unmeasured) == (12, 1.0, {})
    assert grey.metrics["measure.lighter"]["value"] < 2 < flat.metrics["measure.lighter"]["value"]
    assert 0 <= grey.metrics["measure_ceiling.lighter"] < 2
    facts = json.loads((tmp_path / "run" / "run.json").read_text())["measures"]
    assert facts == {"lighter": {"summary": "how much lighter or darker a face became", "unit": "grey levels", "better": "lower"}}


def test_the_report_has_its_column_and_its_figure(tmp_path: Path) -> None:
    ran(tmp_path)
    page = write_report(tmp_path / "run").read_text("utf-8")
    assert "Figures of plugins" in page
    assert 'id="measure-lighter-title"' in page
    assert "how much lighter or darker a face became" in page
    assert (tmp_path / "run" / "figures" / "measure-lighter.svg").exists()
    assert "measure.lighter" in (tmp_path / "run" / "tables" / "methods.csv").read_text()
    assert "Figures of plugins" in (tmp_path / "run" / "report.md").read_text()


def test_python_has_it_with_its_unit(tmp_path: Path) -> None:
    ran(tmp_path)
    found = deidframe.load(tmp_path / "run")
    assert {row["measure.lighter"] is not None for row in found.methods()} == {True}
    told = {row["metric"]: (row["unit"], row["direction"]) for row in found.figures() if "lighter" in row["metric"]}
    assert told["measure.lighter"] == ("grey levels", "lower is better")
    assert told["measure_ceiling.lighter"] == ("grey levels", "neither")
    assert told["measured.lighter"][0] == "share, 0 to 1"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Values(originals.ids,", "Values(originals.ids[:-1],", "shape (11)"),
        ("return Values(originals.ids, np.abs(after - before))", "raise KeyError('none')", "KeyError: 'none'"),
        ("np.abs(after - before)", "np.full(len(after), np.nan)", "not finite"),
        ("originals.ids,", "tuple(x + 'y' for x in originals.ids),", "all 12 faces"),
        ("return Values(originals.ids, np.abs(after - before))", "return Values((), np.zeros(0), originals.ids)", "of no face"),
    ],
)
def test_one_that_fails_takes_nothing_from_the_method(tmp_path: Path, old: str, new: str, says: str) -> None:
    outcome = ran(tmp_path, LIGHTER.replace(old, new))
    for cell in outcome.cells:
        assert cell.status == "ok"
        assert cell.attack or says in cell.unmeasured["lighter"], cell.unmeasured
    page = write_report(tmp_path / "run").read_text("utf-8")
    assert "failed" in page


def test_it_sees_no_names_and_faces_in_their_order(tmp_path: Path) -> None:
    seen = tmp_path / "seen.txt"
    told = "(originals.ids == released.ids, originals.ids, released.subjects)"
    spy = f"import os; file = os.open({str(seen)!r}, os.O_CREAT | os.O_APPEND | os.O_WRONLY)"
    spy += f"; os.write(file, repr({told}).encode()); os.close(file)"
    ran(tmp_path, LIGHTER.replace("before, after = (", f"{spy}\n        before, after = ("))
    text = seen.read_text()
    assert "noise-" not in text
    assert "False" not in text


def test_two_of_one_component_need_names(tmp_path: Path) -> None:
    twice = RECIPE + '\n[[measure]]\nuse = "lighter"\n'
    with pytest.raises(RecipeError) as caught:
        ran(tmp_path / "a", recipe=twice)
    assert 'two measures are called "lighter"' in "".join(caught.value.complaints)
    cells = ran(tmp_path / "b", recipe=twice + 'name = "again"\n').cells
    assert {"measure.lighter", "measure.again"} <= set(cells[0].metrics)


def test_what_is_no_values() -> None:
    with pytest.raises(ArtifactError, match="more than once"):
        Values(("a",), np.zeros(1), ("a",))
    with pytest.raises(ArtifactError, match="dtype float64"):
        Values(("a",), np.zeros(1, np.float32))
