"""A module of one's own beside the recipe: found, run, known by its content, and clear about what is wrong with it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from examples import RECIPE, catalogue, docstring_code

from deidframe.contract.errors import RecipeError
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.recipe.parse import parse

GREY = docstring_code("redactor").replace('"grey"', '"mine"')
WITH = RECIPE.replace("seed = 3", 'seed = 3\nplugins = ["./own.py"]').replace('{ use = "grey" }', '{ use = "mine" }')


def planned(tmp_path: Path, text: str = WITH, code: str | None = GREY):  # type: ignore[no-untyped-def]
    if code is not None:
        (tmp_path / "own.py").write_text(textwrap.dedent(code))
    return plan(parse(text, str(tmp_path / "recipe.toml")), catalogue(), tmp_path)


def test_it_runs_and_is_recorded_by_its_content(tmp_path: Path) -> None:
    outcome = run(planned(tmp_path), tmp_path / "run")
    assert {cell.status for cell in outcome.cells} == {"ok"}
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    first = facts["plugins"]["own.py"]
    assert len(first) == 12
    assert "own.py" not in facts["distributions"]
    again = run(planned(tmp_path, code=GREY + "\nCHANGED = True\n"), tmp_path / "other")
    facts = json.loads((tmp_path / "other" / "run.json").read_text())
    assert facts["plugins"]["own.py"] != first
    settings = [next(c.settings for c in o.cells if c.method == "grey") for o in (outcome, again)]
    assert settings[0] != settings[1], "what it does may have changed"


def test_a_name_that_is_installed_too_is_told_apart(tmp_path: Path) -> None:
    code = docstring_code("redactor")
    with pytest.raises(RecipeError) as refused:
        planned(tmp_path, WITH.replace('"mine"', '"grey"'), code)
    assert "write 'examples:grey' or 'own.py:grey'" in "\n".join(refused.value.complaints)
    made = planned(tmp_path, WITH.replace('"mine"', '"own.py:grey"'), code)
    assert made.methods[1].steps["redactor"].loaded.listed.distribution == "own.py"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (None, "cannot read"),
        ("1 / 0", "'own.py' raised ZeroDivisionError when it was imported"),
        ("import sys; sys.exit(3)", "'own.py' raised SystemExit when it was imported"),
        ("x = 1", "'own.py' brings nothing; it needs a hook"),
        (GREY.replace("def deidframe_redactors", "def deidframe_redactor"), "unknown hook"),
        (GREY.replace(", contract=2", ""), "say for which contract it was written"),
        ("def broken(:", "'own.py' raised SyntaxError"),
    ],
)
def test_what_is_no_plugin_is_said_with_its_file(tmp_path: Path, code: str | None, says: str) -> None:
    with pytest.raises(RecipeError) as refused:
        planned(tmp_path, code=code)
    said = "\n".join(refused.value.complaints)
    assert "P103" in said
    assert says in said
    assert refused.value.exit_code == 4


def test_a_file_that_is_no_module(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(RecipeError) as refused:
        planned(tmp_path, WITH.replace("./own.py", "./notes.txt"))
    assert "is no Python file" in "\n".join(refused.value.complaints)
