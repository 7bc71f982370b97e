from __future__ import annotations

from pathlib import Path

import pytest
from examples import RECIPE, catalogue

from deidframe.contract import RecipeError
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.measure.registry import metric_of
from deidframe.recipe.parse import parse
from deidframe.report.page import write_report

QUALITY = '[quality]\nencoders = ["colour"]\ndetectors = ["whole"]\n'


def test_released_pictures_are_judged_when_the_recipe_asks(tmp_path: Path) -> None:
    planned = plan(parse(RECIPE + QUALITY, "r.toml"), catalogue(), tmp_path)
    cells = run(planned, tmp_path / "run").cells
    assert not [name for cell in cells for name in cell.metrics if metric_of(name) is None]
    flat = next(c for c in cells if c.method == "flat" and not c.attack)
    assert flat.status == "ok"
    assert flat.metrics["distinct"] == flat.groups
    assert flat.metrics["found.whole"]["value"] == 1
    assert flat.metrics["least_score.whole"] > 0
    assert flat.metrics["sharpness"] < 1 < flat.metrics["sharpness_before"]
    assert 0 <= flat.metrics["verified.colour"]["value"] <= 1
    page = write_report(tmp_path / "run").read_text("utf-8")
    assert "Utility: what the pictures are still good for" in page


def test_nothing_is_judged_otherwise(tmp_path: Path) -> None:
    planned = plan(parse(RECIPE, "r.toml"), catalogue(), tmp_path)
    assert "distinct" not in next(c for c in run(planned, tmp_path / "run").cells if c.method == "flat").metrics
    assert "Utility: what the pictures are still good for" not in write_report(tmp_path / "run").read_text("utf-8")


@pytest.mark.parametrize(
    ("quality", "message"),
    [
        ('[quality]\nencoders = ["color"]\n', 'did you mean "colour"?'),
        ('[quality]\ndetectors = ["whale"]\n', 'no detector is called "whale"'),
        ('[quality]\nattributes = "aged"\n', 'no encoder is called "aged"'),
        ('[quality]\nencoder = "colour"\n', "encoder"),
    ],
)
def test_unknown_judges_are_refused_before_anything_runs(tmp_path: Path, quality: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        plan(parse(RECIPE + quality, "r.toml"), catalogue(), tmp_path)
    assert message in "\n".join(caught.value.complaints)
