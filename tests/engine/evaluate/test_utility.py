"""Utility, tasks, and who pays, through whole runs of the examples with a table of the owner's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.contract.errors import RecipeError
from deidframe.engine.planning.plan import Plan
from deidframe.engine.run import run
from deidframe.measure.registry import metric_of
from deidframe.report.page import write_report

SOURCE = (
    docstring_code("source")
    .replace(
        "return Photos.from_arrays(ids, pictures, subjects=ids)",
        """people = [f"p{n // 2}" for n in range(self.count)]
        for n, picture in enumerate(pictures):
            picture[:, :, 0] = 200 if n // 2 % 2 else 20
        columns = {
            i: {
                "colour": "red" if n // 2 % 2 else "dark",
                "same": "one",
                "number": str(n // 2),
                "gaps": "" if n // 2 % 3 == 0 else "x" if n // 2 % 2 else "y",
            }
            for n, i in enumerate(ids)
        }
        return replace(Photos.from_arrays(ids, pictures, subjects=people), columns=columns)""",
    )
    .replace("import numpy as np", "from dataclasses import replace\nimport numpy as np")
)
"""Sixty people, two pictures each, whose colour the table tells and an encoder sees."""
JUDGED = RECIPE.replace("count = 12", "count = 120").replace(
    "[[method]]",
    '[quality]\nencoders = ["colour"]\ndetectors = ["whole"]\nutility = ["colour", "same", "number", "gaps"]\n\n[[method]]',
    1,
)


def plan_of(scratch: Path, recipe: str = JUDGED) -> Plan:
    return planned(scratch, listed("source", "noise", SOURCE), recipe=recipe)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("utility")
    run(plan_of(scratch), scratch / "run")
    return scratch / "run"


def cells(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "cells.jsonl").read_text().splitlines()]
    return {(row["method"], row["attack"]): row for row in rows}


def test_a_column_that_pictures_show_is_learnt_from_what_keeps_it(made: Path) -> None:
    rows = cells(made)
    flat, grey = rows["flat", ""]["metrics"], rows["grey", ""]["metrics"]
    assert grey["task_chance.colour"] == flat["task_chance.colour"] == 0.5
    assert grey["task_clear.colour"]["value"] == 1.0
    assert grey["task.colour"]["n"] == 60
    assert grey["task.colour"]["value"] < 1.0, "grey pictures have no colour left to learn"
    assert {"task.same", "task.number"} & set(grey) == set()
    assert "task.gaps" in grey


def test_what_makes_no_classes_is_said(made: Path) -> None:
    said = json.loads((made / "run.json").read_text())["attributes"]
    assert said["same"]["unfit"] == "everybody has the same value"
    assert said["number"]["unfit"] == "it has 60 values, and more than 12 make no classes"
    assert said["gaps"] == {"by": "the owner's table", "people": 40, "classes": 2, "unfit": ""}
    page = write_report(made).read_text("utf-8")
    assert "Nothing is told by same: everybody has the same value." in page
    assert "What a face keeps of its original" in page


def test_figures_are_told_by_kind_of_people(made: Path) -> None:
    rows = cells(made)
    for (_, attack), row in rows.items():
        assert set(row["by"]) == {"colour", "gaps"}
        name = "rank1" if attack else "loss.colour"
        told = row["by"]["colour"]
        assert sum(kind[name]["n"] for kind in told.values()) == 60
        whole = row["metrics"][name]["value"]
        weighed = sum(kind[name]["value"] * kind[name]["n"] for kind in told.values()) / 60
        assert whole == pytest.approx(weighed)
        assert sum(kind[name]["n"] for kind in row["by"]["gaps"].values()) == 40


def test_groups_tell_of_attributes(made: Path) -> None:
    flat = cells(made)["flat", ""]["metrics"]
    assert 0 <= flat["homogeneous.colour"] <= 1
    assert flat["diversity.colour"] in (1, 2)
    assert "homogeneous.colour" not in cells(made)["grey", ""]["metrics"]


def test_every_figure_is_in_the_registry(made: Path) -> None:
    for row in cells(made).values():
        assert all(metric_of(name) for name in row["metrics"]), [n for n in row["metrics"] if not metric_of(n)]


def test_ssim_is_told_where_both_show_the_same_scene(made: Path) -> None:
    rows = cells(made)
    assert 0 < rows["grey", ""]["metrics"]["ssim"]["value"] <= 1
    assert "ssim" not in rows["flat", ""]["metrics"]


def test_a_column_that_is_not_there_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as refused:
        plan_of(tmp_path, JUDGED.replace('"gaps"]', '"colours", "sex"]'))
    said = "\n".join(refused.value.complaints)
    assert 'the source gives no column "colours"' in said
    assert 'did you mean "colour"' in said
    assert 'give [quality] attributes = "age-sex"' in said


def test_without_quality_nothing_of_it_is_computed(tmp_path: Path) -> None:
    whole = plan_of(tmp_path)
    run(replace(whole, quality=None), tmp_path / "run")
    assert all(not row["by"] and "ssim" not in row["metrics"] for row in cells(tmp_path / "run").values())


def test_an_encoder_that_sees_no_attributes_ends_no_run(tmp_path: Path) -> None:
    recipe = JUDGED.replace('encoders = ["colour"]', 'encoders = ["colour"]\nattributes = "colour"')
    outcome = run(plan_of(tmp_path, recipe), tmp_path / "run")
    assert {cell.method for cell in outcome.cells} == {"flat", "grey"}
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"
    grey = next(cell for cell in outcome.cells if cell.method == "grey" and not cell.attack)
    assert (grey.status, grey.by) == ("ok", {})
