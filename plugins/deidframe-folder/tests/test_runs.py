"""A run over a small database in each layout: who is who, columns, and a release."""

from __future__ import annotations

import tempfile
from pathlib import Path

import databases
import pytest

from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse

faces = Path(pytest.importorskip("deidframe_people").__file__).parent / "faces"
SOURCES = databases.make(
    Path(tempfile.mkdtemp(prefix="deidframe-layouts-")), [path.read_bytes() for path in sorted(faces.glob("*/*.jpg"))[:6]]
)
RECIPE = """\
schema = 1
name = "layout"
[source]
use = "NAME"
subjects = "labelled"
same_person = "apart"
params = PARAMS
[detector]
use = "yunet"
[[method]]
name = "mean"
k = 3
encoder     = { use = "sface" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "pixel-mean" }
"""


@pytest.mark.parametrize("name", SOURCES)
def test_a_run_over_each_layout(name: str, tmp_path: Path) -> None:
    params = "{ " + ", ".join(f"{key} = {value!r}" for key, value in SOURCES[name].items()) + " }"
    recipe = parse(RECIPE.replace("NAME", name).replace("PARAMS", params), "recipe.toml")
    outcome = run(plan(recipe, Catalogue(), tmp_path), tmp_path / "out")
    (row,) = outcome.cells
    assert (row.status, row.released, row.people, row.k_counted) == ("ok", 6, 3, 3), row
