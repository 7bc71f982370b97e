"""What a redactor or a synthesizer could not make is withheld with its reason; a redactor may look at all faces first."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from examples import docstring_code, listed, planned

from deidframe.contract import ArtifactError, FaceSet, Partial
from deidframe.contract.stacks import new_pictures
from deidframe.engine.run import Outcome, run
from deidframe.engine.runtime.progress import Quiet
from deidframe.record.schema import Cell

GREY = docstring_code("redactor").replace("import Component, FaceSet,", "import Component, FaceSet, Partial,")
SOME = GREY.replace(
    "return FaceSet(faces.ids, np.repeat(grey, 3, axis=3), faces.landmarks)",
    "made = FaceSet(faces.ids, np.repeat(grey, 3, axis=3), faces.landmarks)\n"
    "        dark = [i for i, picture in zip(faces.ids, grey) if int(picture.sum()) % 3 == 0]\n"
    "        return Partial(made, {i: 'it could not be read' for i in dark})",
)
FLAT = docstring_code("synthesizer").replace("import Component, FaceSet,", "import Component, FaceSet, Partial,")
ONE_GROUP = FLAT.replace(
    "return FaceSet(faces.ids, IndexedStack(pictures, rows.astype(np.int64)))",
    "made = FaceSet(faces.ids, IndexedStack(pictures, rows.astype(np.int64)))\n"
    "        return Partial(made, {i: 'no picture of its group' for i, g in zip(faces.ids, rows) if g == LEFT})",
)


def row(outcome: Outcome, method: str) -> Cell:
    return next(cell for cell in outcome.cells if cell.method == method and not cell.attack)


def test_faces_of_which_nothing_was_made_are_withheld_with_the_reason(tmp_path: Path) -> None:
    outcome = run(planned(tmp_path, listed("redactor", "grey", SOME)), tmp_path / "run")
    cell = row(outcome, "grey")
    assert cell.status == "ok"
    assert 0 < cell.withheld < 12
    assert cell.released + cell.withheld == 12
    assert cell.reasons["grey: it could not be read"] == cell.withheld
    assert len(list((tmp_path / "run" / "compared" / "grey").glob("*.jpg"))) == cell.released
    assert row(outcome, "flat").withheld == 0, "what one method could not make is nothing to another"
    listing = (tmp_path / "run" / "private" / "withheld.csv").read_text()
    assert listing.count("it could not be read") == cell.withheld


def test_where_nothing_was_made_nothing_is_released(tmp_path: Path) -> None:
    code = SOME.replace("if int(picture.sum()) % 3 == 0", "")
    cell = row(run(planned(tmp_path, listed("redactor", "grey", code)), tmp_path / "run"), "grey")
    assert (cell.status, cell.released) == ("refused", 0)
    assert "of no face was anything made; grey: it could not be read" in cell.reason
    assert not (tmp_path / "run" / "compared" / "grey").exists()


def test_a_group_without_a_surrogate_is_withheld_whole(tmp_path: Path) -> None:
    outcome = run(planned(tmp_path, listed("synthesizer", "flat", ONE_GROUP.replace("LEFT", "1"))), tmp_path / "run")
    cell = row(outcome, "flat")
    assert (cell.status, cell.released, cell.withheld) == ("ok", 9, 3)
    assert cell.k_counted == 3


def test_half_of_a_group_withheld_breaks_the_promise_and_is_refused(tmp_path: Path) -> None:
    code = ONE_GROUP.replace("if g == LEFT", "if i == faces.ids[0]")
    cell = row(run(planned(tmp_path, listed("synthesizer", "flat", code)), tmp_path / "run"), "flat")
    assert cell.status == "refused"
    assert not (tmp_path / "run" / "release" / "flat").exists()


@pytest.mark.parametrize(
    ("withheld", "says"), [({"other": "why"}, "faces that it was given"), ({"a": ""}, "a reason for each face")]
)
def test_what_is_no_partial(withheld: dict[str, str], says: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=says):
        Partial(FaceSet(("a",), new_pictures(1, 8, 8, tmp_path)), withheld)


def test_a_redactor_may_look_at_all_faces_first(tmp_path: Path) -> None:
    code = GREY.replace(
        "    def redact(self, faces):",
        "    def fit(self, faces):\n"
        "        assert faces.subjects is None\n"
        "        self.mean = sum(float(np.asarray(p.images[:]).mean()) * len(p) for p in faces.batches(5)) / len(faces)\n\n"
        "    def redact(self, faces):",
    ).replace(".astype(np.uint8)", ".astype(np.uint8) // 4 + np.uint8(self.mean / 2)")
    assert "def fit" in code
    outcome = run(planned(tmp_path, listed("redactor", "grey", code)), tmp_path / "run")
    assert row(outcome, "grey").status == "ok", row(outcome, "grey").reason
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"


def test_what_a_component_left_in_the_place_of_a_withheld_face_is_shown_to_nobody(tmp_path: Path) -> None:
    """A cover in a scene, or an attacker who owns the tool, is given what comes back: never the original that was left there."""
    left = "return FaceSet(faces.ids, np.repeat(grey, 3, axis=3), faces.landmarks)"
    code = GREY.replace(left, "return Partial(FaceSet(faces.ids, np.asarray(faces.images[:])), {faces.ids[1]: 'it broke'})")
    plan = planned(tmp_path, listed("redactor", "grey", code))
    pool = plan.pool(tmp_path, Quiet())
    given = FaceSet(("a", "b"), np.full((2, 8, 8, 3), 200, np.uint8))
    made = pool.call(plan.methods[1].steps["redactor"], given)
    assert made.ids == ("a", "b")
    assert np.asarray(made.images[:]).mean(axis=(1, 2, 3)).tolist() == [200, 0]
    assert pool.take_left() == {"b": "grey: it broke"}
