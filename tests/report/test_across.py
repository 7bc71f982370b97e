"""Runs set beside each other: only what is comparable, everything left out by name, and records of strangers checked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed
from examples import planned as planned_of

from deidframe.cli.main import main
from deidframe.contract import UsageError
from deidframe.engine.planning.plan import Plan
from deidframe.engine.run import run
from deidframe.record.check import read_checked
from deidframe.record.schema import OVER_BUDGET
from deidframe.report.across.contenders import Comparison, compared
from deidframe.report.across.page import write_comparison
from deidframe.report.across.tables import ranked

SAME = (
    docstring_code("source")
    .replace("self.context.rng(i).integers", "np.random.default_rng(int(i[6:])).integers")
    .replace(
        "return Photos.from_arrays(ids, pictures, subjects=ids)",
        "return replace(Photos.from_arrays(ids, pictures, ids), fingerprint=str)",
    )
    .replace("import numpy as np", "from dataclasses import replace\nimport numpy as np")
)
"""The example source with the same pictures under every seed, which says of each what it holds."""
MORE = "".join(f'[[method]]\nname = "grey {n}"\nredactor = {{ use = "grey" }}\n\n' for n in range(2))
LINKAGE = '\n[[attack]]\nname = "link"\nuse = "guess"\nthreat = "linkage"\n'


def planned(scratch: Path, recipe: str) -> Plan:
    return planned_of(scratch, listed("source", "noise", SAME), recipe=recipe)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds on one database, one of them with an attack more, and a run on other faces."""
    home = tmp_path_factory.mktemp("across")
    recipes = {
        "a": RECIPE.replace("[[attack]]", MORE + "[[attack]]", 1),
        "b": RECIPE.replace("[[attack]]", MORE + "[[attack]]", 1).replace("seed = 3", "seed = 4") + LINKAGE,
        "other": RECIPE.replace("count = 12", "count = 16"),
    }
    for name, text in recipes.items():
        (home / f"s-{name}").mkdir()
        run(planned(home / f"s-{name}", recipe=text), home / name)
    return home


def told(*folders: Path) -> Comparison:
    return compared([read_checked(folder) for folder in folders])


def test_one_database_and_the_attacks_that_all_tried(runs: Path) -> None:
    found = told(runs / "a", runs / "b")
    assert len(found.databases) == 1
    one = found.databases[0]
    assert list(one.attacks.values()) == ["guess"]
    assert any(what == "attack link" and "in examples (a, seed 3)" in why for what, why in found.left_out)
    by = {c.label: c for c in one.contenders}
    assert set(by) == {"grey", "flat", "grey 0", "grey 1"}
    assert by["grey"].seeds == (3, 4)
    assert by["grey"].worst is not None
    each = [json.loads(line) for folder in ("a", "b") for line in (runs / folder / "cells.jsonl").read_text().splitlines()]
    rates = [c["metrics"]["rank1"] for c in each if c["method"] == "grey" and c["attack"] == "guess"]
    assert by["grey"].worst.value == pytest.approx(np.mean([rate["value"] for rate in rates]))
    assert by["grey"].worst.low == min(rate["low"] for rate in rates)


def test_other_faces_share_no_table(runs: Path) -> None:
    found = told(runs / "a", runs / "other")
    assert len(found.databases) == 2
    assert {len(one.contenders) for one in found.databases} == {4, 2}


def test_a_method_of_the_same_name_that_does_something_else_is_another(runs: Path, tmp_path: Path) -> None:
    changed = edited(
        runs / "b", tmp_path / "changed", lambda row: row | {"settings": "0" * 16} if row["method"] == "grey" else row
    )
    labels = {c.label for c in told(runs / "a", changed).databases[0].contenders}
    assert {"grey [a]", "grey [changed]", "flat"} <= labels


def test_a_run_that_is_given_twice_counts_once(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "a", tmp_path / "copy")
    found = told(runs / "a", tmp_path / "copy")
    assert all(c.seeds == (3,) for c in found.databases[0].contenders)
    assert any("same seed already" in why for _, why in found.left_out)


def edited(run_folder: Path, out: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Path:
    """Copy a run's records with every row changed, None to drop it."""
    out.mkdir()
    shutil.copyfile(run_folder / "run.json", out / "run.json")
    rows = [change(json.loads(line)) for line in (run_folder / "cells.jsonl").read_text().splitlines()]
    (out / "cells.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows if row is not None))
    return out


def metric(row: dict[str, Any], value: object) -> dict[str, Any]:
    return row | {"metrics": {**row["metrics"], "rank1": value}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda row: row | {"metrics_version": 99}, "metrics 99; this version compares schema 1"),
        (lambda row: metric(row, "high"), 'figure "rank1" is no finite number'),
        (lambda row: metric(row, {"value": 0.5, "low": 0.6, "high": 0.7, "n": 3}), "lies outside its own interval"),
        (lambda row: metric(row, {"value": 0.5}), "lacks one of value, low, high, n"),
        (lambda row: metric(row, 7.0), "is no share between 0 and 1"),
        (lambda row: row | {"method": 7}, "is no text of at most"),
        (lambda row: row | {"slug": "../../etc"}, "is no folder's name"),
        (lambda row: row | {"released": -1}, "is no whole number"),
        (lambda row: row | {"status": "perhaps"}, 'status "perhaps"'),
        (lambda row: row | {"sees": None}, "sees is of another kind"),
    ],
)
def test_rows_that_no_run_writes_are_refused(
    runs: Path, tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], says: str
) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        read_checked(edited(runs / "a", tmp_path / "edited", change))
    assert "row 1" in str(refused.value)


def test_an_unfinished_run_is_refused(runs: Path, tmp_path: Path) -> None:
    folder = edited(runs / "a", tmp_path / "half", lambda row: row)
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(facts | {"status": "interrupted"}))
    with pytest.raises(UsageError, match="is not finished"):
        read_checked(folder)


def test_gaps_are_named_and_nothing_is_made_of_them(runs: Path, tmp_path: Path) -> None:
    folder = edited(runs / "a", tmp_path / "gap", lambda row: None if row["attack"] and row["method"] == "grey 0" else row)
    found = told(folder)
    assert "grey 0" not in {c.label for c in found.databases[0].contenders}
    assert any("grey 0" in what and "rows under guess are missing" in why for what, why in found.left_out)

    def change(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"status": "failed"} if row["attack"] and row["method"] == "grey 1" else row

    failed = edited(runs / "a", tmp_path / "failed", change)
    assert any("the strongest is not known" in why for _, why in told(failed).left_out)


def test_an_attack_that_was_cut_short_is_no_attack_that_failed_to_match(runs: Path, tmp_path: Path) -> None:
    def change(row: dict[str, Any]) -> dict[str, Any]:
        reason = OVER_BUDGET.format(budget=5.0)
        return row | {"reason": reason, "metrics": {}} if row["attack"] and row["method"] == "grey 1" else row

    found = told(edited(runs / "a", tmp_path / "cut", change))
    assert "grey 1" not in {c.label for c in found.databases[0].contenders}
    assert any("cut short by its budget" in why for _, why in found.left_out)


def test_an_older_record_says_why_it_is_left_out(runs: Path, tmp_path: Path) -> None:
    folder = edited(runs / "a", tmp_path / "old", lambda row: row)
    facts = json.loads((folder / "run.json").read_text())
    del facts["database"]
    (folder / "run.json").write_text(json.dumps(facts))
    with pytest.raises(UsageError, match=r"nothing here can be compared: .* does not say which faces it took"):
        told(folder)
    assert any("does not say which faces" in why for _, why in told(runs / "a", folder).left_out)


def test_the_page_of_it(runs: Path, tmp_path: Path) -> None:
    hostile = edited(
        runs / "b", tmp_path / "x", lambda row: row | {"method": "<script>alert(1)</script>"} if row["method"] == "flat" else row
    )
    out = tmp_path / "out"
    assert main(["compare", str(runs / "a"), str(hostile), str(runs / "other"), "-o", str(out)]) == 0
    page, text = (out / "compare.html").read_text(), (out / "compare.md").read_text()
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert(1)" in page
    assert str(runs) not in page + text
    assert {path.name for path in (out / "tables").iterdir()} >= {"methods-1.csv", "methods-1.tex", "attacks-2.csv"}
    assert (out / "figures" / "front-1.svg").is_file()
    assert main(["compare", str(runs / "a"), "-o", str(out)]) == 0, "a comparison may be made again in its folder"
    assert main(["compare", str(runs / "a"), "-o", str(runs / "b")]) == 2
    assert main(["compare", str(tmp_path), "-o", str(out)]) == 2


def test_one_run_of_one_method_still_has_a_page(tmp_path: Path) -> None:
    text = RECIPE[: RECIPE.index("[[method]]")] + MORE.partition("\n\n")[0] + "\n\n" + RECIPE[RECIPE.index("[[attack]]") :]
    run(planned(tmp_path, recipe=text), tmp_path / "run")
    found = told(tmp_path / "run")
    assert write_comparison(found, tmp_path / "out", "command").is_file()
    names, rankings, left = ranked(found)
    assert (names, rankings) == ([], {}), "nothing looks at it with an encoder, so its loss is not known"
    assert left == [("grey 0", "its loss or its rank-1 is not known")]
