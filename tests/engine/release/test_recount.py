"""A certificate can be counted again by whoever holds the private part, and a false one is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from examples import RECIPE, catalogue

from deidframe.contract import UsageError
from deidframe.engine.planning.planner import plan
from deidframe.engine.release.recount import _recount_scenes, recount
from deidframe.engine.run import run
from deidframe.recipe.parse import parse


@pytest.fixture
def done(tmp_path: Path) -> Path:
    run(plan(parse(RECIPE, "r.toml"), catalogue(), tmp_path), tmp_path / "run")
    return tmp_path / "run"


def mapping(done: Path) -> tuple[Path, list[dict[str, Any]]]:
    path = done / "private" / "mapping" / "flat.json"
    return path, json.loads(path.read_text())


def test_a_run_counts_as_its_certificates_say(done: Path) -> None:
    counted = recount(done)
    assert counted and not any(one.problems for one in counted)
    stated = json.loads((done / "release" / "flat" / "RELEASE.json").read_text())["certificate"]
    flat = next(one for one in counted if one.folder.name == "flat")
    assert (flat.k, flat.people, flat.pictures) == (stated["k_counted"], stated["people"], stated["pictures"])


def test_fewer_people_behind_a_picture_are_counted_whatever_the_certificate_says(done: Path) -> None:
    path, rows = mapping(done)
    group = rows[0]["group"]
    one = rows[0]["person"]
    path.write_text(json.dumps([{**row, "person": one} if row["group"] == group else row for row in rows]))
    (found,) = [one for one in recount(done) if one.folder.name == "flat"]
    assert found.k == 1
    assert any("is shared by 1 people" in problem for problem in found.problems)
    assert any("k counted" in problem for problem in found.problems)


def test_a_person_in_two_groups_and_a_file_of_nobody_are_named(done: Path) -> None:
    path, rows = mapping(done)
    other = next(row for row in rows if row["group"] != rows[0]["group"])
    path.write_text(json.dumps([{**row, "person": rows[0]["person"]} if row is other else row for row in rows]))
    assert any("in two groups" in problem for one in recount(done) for problem in one.problems)
    path.write_text(json.dumps(rows[1:]))
    assert any(f"{rows[0]['file']}: the mapping lists no person" in p for one in recount(done) for p in one.problems)
    path.write_text(json.dumps([*rows, rows[0]]))
    assert any("2 times" in p for one in recount(done) for p in one.problems)


def test_a_changed_release_is_named_too(done: Path) -> None:
    picture = next((done / "release" / "flat").glob("*.jpg"))
    picture.unlink()
    assert any("but it is missing" in p for one in recount(done) for p in one.problems)


@pytest.mark.parametrize("text", ["", "[1]", '[{"file": "a"}]', '[{"file": 1, "person": "p", "face": "f", "group": 0}]'])
def test_what_cannot_be_counted_says_so(done: Path, text: str) -> None:
    path, _ = mapping(done)
    path.write_text(text)
    with pytest.raises(UsageError, match="counted again"):
        recount(done)


def test_no_run_and_no_private_part(done: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run folder"):
        recount(tmp_path / "nowhere")
    path, _ = mapping(done)
    shutil.rmtree(path.parent)
    with pytest.raises(UsageError, match="deidframe verify"):
        recount(done)


def test_a_group_that_shows_two_pictures_is_named(done: Path) -> None:
    path, rows = mapping(done)
    first, second = sorted({row["group"] for row in rows})[:2]
    path.write_text(json.dumps([{**row, "group": first} if row["group"] == second else row for row in rows]))
    (found,) = [one for one in recount(done) if one.folder.name == "flat"]
    assert "1 groups show more than one picture" in found.problems


@pytest.mark.parametrize("name", ["people", "groups", "k_counted"])
def test_counts_of_surrogates_in_scenes_are_held_against_the_mapping(tmp_path: Path, name: str) -> None:
    rows = [{"file": "", "face": f"f{n}", "person": f"p{n}", "group": n // 3} for n in range(6)]
    counted = {"k_asked": 3, "people": 6, "groups": 2, "k_counted": 3}
    assert _recount_scenes(tmp_path, rows, {"surrogates": counted}, [], {}).problems == ()
    told = {"surrogates": {**counted, name: counted[name] + 1}}
    (problem,) = _recount_scenes(tmp_path, rows, told, [], {}).problems
    assert problem == f"the certificate says {name.replace('_', ' ')} = {counted[name] + 1}, counted {counted[name]}"
