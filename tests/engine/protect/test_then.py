"""What a method made is taken further by redactors: pictures that a group shares stay shared, what fails is withheld."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.contract import RecipeError
from deidframe.engine.run import Outcome, run
from deidframe.guard.hygiene import decode_jpeg
from deidframe.record.schema import Cell

GREY = docstring_code("redactor")
DARK = GREY.replace('Component("grey"', 'Component("dark"').replace(
    "grey = np.asarray(faces.images[:]).mean(axis=3, keepdims=True).astype(np.uint8)",
    "grey = np.asarray(faces.images[:]).max(axis=3, keepdims=True) // 2",
)
CHANCE = DARK.replace("// 2", "// 2 + np.random.default_rng().integers(0, 90, (len(faces), 1, 1, 1)).astype(np.uint8)")
AFTER = RECIPE.replace('synthesizer = { use = "flat" }', 'synthesizer = { use = "flat" }\nthen = [{ use = "dark" }]').replace(
    'redactor = { use = "grey" }', 'redactor = { use = "grey" }\nthen = [{ use = "dark" }, { use = "grey" }]'
)


def ran(tmp_path: Path, code: str = DARK, recipe: str = AFTER) -> Outcome:
    return run(planned(tmp_path, listed("redactor", "dark", code), recipe=recipe), tmp_path / "run")


def row(outcome: Outcome, method: str) -> Cell:
    return next(cell for cell in outcome.cells if cell.method == method and not cell.attack)


def shown(folder: Path) -> list[np.ndarray]:
    return [decode_jpeg(path.read_bytes()) for path in sorted(folder.glob("*.jpg"))]


def test_faces_are_taken_one_after_the_other(tmp_path: Path) -> None:
    outcome = ran(tmp_path)
    assert row(outcome, "grey").released == 12
    assert max(one.max() for one in shown(tmp_path / "run" / "compared" / "grey")) <= 130
    assert max(one.max() for one in shown(tmp_path / "run" / "release" / "flat")) <= 130


@pytest.mark.parametrize("code", [DARK, CHANCE], ids=["by rule", "by chance"])
def test_a_shared_picture_stays_shared(tmp_path: Path, code: str) -> None:
    cell = row(ran(tmp_path, code), "flat")
    assert (cell.status, cell.released) == ("ok", 12), cell.reason
    assert cell.k_counted is not None and cell.k_counted >= 3
    # four groups; two may have one colour by chance
    assert len({path.read_bytes() for path in (tmp_path / "run" / "release" / "flat").glob("*.jpg")}) <= 4


def test_what_it_could_not_make_is_withheld_for_the_whole_group(tmp_path: Path) -> None:
    code = DARK.replace("import Component, FaceSet,", "import Component, FaceSet, Partial,").replace(
        "return FaceSet(faces.ids, np.repeat(grey, 3, axis=3), faces.landmarks)",
        "made = FaceSet(faces.ids, np.repeat(grey, 3, axis=3), faces.landmarks)\n"
        "        return Partial(made, {faces.ids[0]: 'it could not be read'})",
    )
    cell = row(ran(tmp_path, code), "flat")
    assert (cell.status, cell.released, cell.withheld) == ("ok", 9, 3)
    assert cell.reasons["dark: it could not be read"] == 3


def test_a_baseline_that_is_redacted_is_one_no_more(tmp_path: Path) -> None:
    same = GREY.replace("contract=2", "protects=False, contract=2").replace('Component("grey"', 'Component("same"')
    text = RECIPE.replace('redactor = { use = "grey" }', 'redactor = { use = "same" }\nthen = [{ use = "grey" }]')
    made = planned(tmp_path, listed("redactor", "same", same), recipe=text)
    assert made.methods[1].protects
    plain = planned(tmp_path, listed("redactor", "same", same), recipe=text.replace("then =", "# then ="))
    assert not plain.methods[1].protects
    assert made.methods[1].settings != plain.methods[1].settings


@pytest.mark.parametrize(
    ("then", "says"),
    [('[{ use = "drak" }]', 'did you mean "dark"'), ('[{ use = "dark", params = { x = 1 } }]', "unknown key"), ("[1]", "table")],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, then: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        ran(tmp_path, recipe=AFTER.replace('then = [{ use = "dark" }]', f"then = {then}"))
    assert says in "".join(caught.value.complaints)


def test_a_grouping_has_nothing_to_take(tmp_path: Path) -> None:
    grouping = 'encoder = { use = "colour" }\nclusterer = { use = "in-order" }\nk = 3\nthen = [{ use = "grey" }]'
    text = f'{RECIPE}\n[[method]]\nname = "g"\n{grouping}\n'
    with pytest.raises(RecipeError) as caught:
        ran(tmp_path, recipe=text)
    assert "then takes what a redactor or a synthesizer made" in "".join(caught.value.complaints)
