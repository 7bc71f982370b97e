"""A component of contract version 1 is told what to change."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from examples import catalogue, docstring_code, listed, planned

from deidframe.contract import PluginError
from deidframe.contract.renamed import RENAMED
from deidframe.engine.run import run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("one_picture_per_group=True", "shares=True", "says Component.one_picture_per_group in the place of shares"),
        ("return [", "from deidframe.contract import Need; Need.EYES\n    return [", "says Need.RECOGNIZER in the place of EYES"),
        ("return [", "from deidframe.contract import Eyes\n    return [", "says Recognizer in the place of Eyes"),
    ],
)
def test_loading_says_it(before: str, after: str, words: str) -> None:
    head, hook, tail = docstring_code("synthesizer").rpartition("def deidframe_synthesizers")
    assert before in tail
    with pytest.raises(PluginError, match=words):
        catalogue(listed("synthesizer", "flat", head + hook + tail.replace(before, after))).load("synthesizer", "flat")


@pytest.mark.parametrize("old", ["sees_with", "independent"])
def test_parameters_that_the_core_would_no_longer_look_for_are_refused(old: str) -> None:
    code = docstring_code("synthesizer")
    head, found, rest = code.partition("class Settings(Params")
    assert found
    line, _, rest = rest.partition("\n")
    planted = f"{head}{found}{line}\n    {old}: bool = True\n{rest}"
    with pytest.raises(PluginError, match=f"in the place of {old}"):
        catalogue(listed("synthesizer", "flat", planted)).load("synthesizer", "flat")


def test_a_key_may_not_hide_what_the_core_reads_off_the_parameters() -> None:
    with warnings.catch_warnings(action="ignore"):  # pydantic's own, which a user would not understand
        code = docstring_code("synthesizer").replace(
            "class Settings(Params):", "class Settings(Params):\n    per_group: bool = True"
        )
        with pytest.raises(PluginError, match=r"Settings\.per_group is a key of the recipe and a property that the core reads"):
            catalogue(listed("synthesizer", "flat", code)).load("synthesizer", "flat")


def test_parameters_are_of_the_contract() -> None:
    code = docstring_code("synthesizer").replace(
        "class Settings(Params):", "from pydantic import BaseModel\nclass Settings(BaseModel):"
    )
    with pytest.raises(PluginError, match=r"Settings is not a deidframe\.contract\.Params; write class Settings\(Params\)"):
        catalogue(listed("synthesizer", "flat", code)).load("synthesizer", "flat")


def test_at_work_it_is_said_in_the_row(tmp_path: Path) -> None:
    code = docstring_code("redactor").replace("grey = np", "self.context.eyes\n        grey = np")
    code = code.replace(
        "def __init__(self, params, context):", "def __init__(self, params, context):\n        self.context = context"
    )
    outcome = run(planned(tmp_path, listed("redactor", "grey", code)), tmp_path / "run")
    (row,) = [cell for cell in outcome.cells if cell.method == "grey" and not cell.attack]
    assert row.status == "failed" and "says Context.recognizer in the place of eyes" in row.reason


def test_the_table_for_people_has_every_name() -> None:
    table = (ROOT / "docs" / "extend" / "contract-2.md").read_text("utf-8")
    for old, new in RENAMED.items():
        assert f"{old}`" in table and new.split()[0].split(".")[-1] in table
