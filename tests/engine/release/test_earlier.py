"""A release after another one of the same people: groups and faces go on, and what both give away together is counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from examples import RECIPE, catalogue

from deidframe.contract import DeidframeError, RecipeError, UsageError
from deidframe.engine.planning.planner import plan
from deidframe.engine.rows import method as rows
from deidframe.engine.run import Outcome, run
from deidframe.guard.earlier import narrowed
from deidframe.recipe.parse import parse
from deidframe.record.schema import Cell

GREY = RECIPE[RECIPE.index('[[method]]\nname = "grey"') : RECIPE.index("[[attack]]")]
BARE = RECIPE.replace(GREY, "")


def made(
    folder: Path, text: str = BARE, *, before: tuple[Path, ...] = (), count: int = 12, more: str = "", limit: int = 99
) -> Outcome:
    folder.mkdir(exist_ok=True)
    named = json.dumps([str(one) for one in before])
    text = text.replace("count = 12", f"count = {count}") + f"\n[release]\nbefore = {named}\n{more}\n"
    planned = plan(parse(text, "r.toml"), catalogue(), folder, limit=min(limit, count))
    return run(planned, folder / "run")


def flat(outcome: Outcome) -> Cell:
    return next(cell for cell in outcome.cells if cell.method == "flat" and not cell.attack)


def ledger(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Face -> group, and the bytes of its file."""
    run = folder / "run"
    rows = json.loads((run / "private" / "mapping" / "flat.json").read_text())
    return {row["face"]: (row["group"], (run / "release" / "flat" / row["file"]).read_bytes()) for row in rows}


@pytest.fixture
def first(tmp_path: Path) -> Path:
    assert flat(made(tmp_path / "first")).released == 12
    return tmp_path / "first" / "run"


def test_faces_are_kept_byte_for_byte_and_new_people_are_grouped_among_themselves(tmp_path: Path, first: Path) -> None:
    cell = flat(made(tmp_path / "second", before=(first,), count=16))
    assert (cell.status, cell.released, cell.withheld) == ("ok", 16, 0), cell.reason
    old, new = ledger(tmp_path / "first"), ledger(tmp_path / "second")
    assert {face: data for face, (_, data) in old.items()} == {face: data for face, (_, data) in new.items() if face in old}
    groups = {face: group for face, (group, _) in new.items()}
    assert not {groups[face] for face in old} & {groups[face] for face in new if face not in old}
    assert not set(old) & {f"noise-{n}" for n in range(12, 16)}
    # files of the same picture have other names, so that nobody follows a record from year to year
    names = [
        {row["file"] for row in json.loads((tmp_path / y / "run/private/mapping/flat.json").read_text())}
        for y in ("first", "second")
    ]
    assert not names[0] & names[1]
    assert cell.certificate is not None
    assert any("at least 3 people share each pair of pictures" in said for said in cell.certificate["holds_not"])


def test_too_few_new_people_wait_and_a_group_that_lost_too_many_is_withheld(tmp_path: Path, first: Path) -> None:
    cell = flat(made(tmp_path / "more", before=(first,), count=14))
    assert (cell.released, cell.withheld) == (12, 2)
    assert any("too few other new people" in why for why in cell.reasons)
    cell = flat(made(tmp_path / "fewer", before=(first,), limit=11))
    assert (cell.released, cell.withheld) == (9, 2)
    assert any("2 people of its group of the earlier release are left, fewer than 3" in why for why in cell.reasons)


def test_a_person_comes_back_into_the_same_group(tmp_path: Path, first: Path) -> None:
    made(tmp_path / "second", before=(first,), limit=11)
    cell = flat(made(tmp_path / "third", before=(first, tmp_path / "second" / "run")))
    assert (cell.status, cell.released) == ("ok", 12), cell.reason
    assert {f: d for f, (_, d) in ledger(tmp_path / "third").items()} == {
        f: d for f, (_, d) in ledger(tmp_path / "first").items()
    }


OTHER = BARE.replace('name = "flat"', 'name = "again"').replace("k = 3", "k = 4")


def test_another_grouping_of_the_same_people_is_refused_unless_it_is_allowed(tmp_path: Path, first: Path) -> None:
    outcome = made(tmp_path / "second", OTHER, before=(first,))
    cell = next(c for c in outcome.cells if c.method == "again" and not c.attack)
    assert (cell.status, cell.released) == ("refused", 0)
    assert "whoever has this release and the earlier release run/flat intersects them" in cell.reason
    assert not list((tmp_path / "second" / "run").glob("release/*"))
    outcome = made(tmp_path / "third", OTHER, before=(first,), more="allow_intersection = true")
    cell = next(c for c in outcome.cells if c.method == "again" and not c.attack)
    assert cell.status == "ok"
    assert cell.certificate is not None
    assert any("as the owner allows" in said for said in cell.certificate["holds_not"])


def test_two_groupings_in_one_recipe_are_refused_before_the_run(tmp_path: Path) -> None:
    both = BARE.replace("[[attack]]", OTHER[OTHER.index("[[method]]") :].split("[[attack]]")[0] + "[[attack]]", 1)
    with pytest.raises(RecipeError) as caught:
        made(tmp_path / "both", both)
    assert '"again" groups the same people otherwise than "flat"' in "\n".join(caught.value.complaints)
    assert made(tmp_path / "allowed", both, more="allow_intersection = true").cells


def purged(run: Path) -> None:
    shutil.rmtree(run / "private")


def of_another_key(run: Path) -> None:
    (run / "private" / "names.key").write_bytes(b"x" * 32)


def of_another_database(run: Path) -> None:
    path = run / "private" / "mapping" / "flat.json"
    path.write_text(path.read_text().replace('"person": "noise', '"person": "elsewhere'))


def unfinished(run: Path) -> None:
    (run / "run.json").write_text('{"status": "interrupted"}')


def changed(run: Path) -> None:
    row = json.loads((run / "private" / "mapping" / "flat.json").read_text())[0]
    row["person"] = "noise-1"
    (run / "private" / "mapping" / "flat.json").write_text(json.dumps([row, {**row, "face": "noise-1"}]))


def cut(run: Path) -> None:
    next(path for path in (run / "release" / "flat").glob("*.jpg")).unlink()


def broken(run: Path) -> None:
    (run / "private" / "mapping" / "flat.json").write_text("{")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (purged, "has no private/mapping any more"),
        (of_another_key, "is not the key by which the files of flat were named"),
        (of_another_database, "it is another database's"),
        (unfinished, "is not finished"),
        (changed, "is not the key by which"),
        (cut, "of which its ledger tells"),
        (broken, "cannot be read"),
        (shutil.rmtree, "is no folder"),
        (lambda run: shutil.rmtree(run / "release"), "released no groups"),
    ],
)
def test_a_ledger_that_cannot_be_kept_is_said_before_anything_is_written(
    tmp_path: Path, first: Path, harm: object, said: str
) -> None:
    harm(first)  # type: ignore[operator]
    with pytest.raises(UsageError, match=said):
        made(tmp_path / "second", before=(first,))
    assert not (tmp_path / "second" / "run").exists()


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DeidframeError, match="is no run folder"):
        made(tmp_path / "second", before=(tmp_path / "pictures",))


def test_who_is_new_in_a_group_counts_as_a_set_of_his_own() -> None:
    old = {"a": 1, "b": 1, "c": 1}
    assert narrowed({"a": 9, "b": 9, "c": 9}, old, 3) == []
    assert narrowed({"a": 9, "b": 9, "c": 9, "d": 9}, old, 3) == [1]
    assert narrowed({"a": 9, "b": 9, "d": 9}, old, 3) == [1, 2]
    assert narrowed({"x": 9, "y": 9}, old, 3) == []


def test_whom_a_gate_withheld_is_in_no_set_any_more(tmp_path: Path, first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of three people in both releases: with one of them withheld at the last gate the set is too small."""
    counted: list[int] = []

    def seen(name: str, groups: dict[str, int], *given: object, **allowed: bool) -> str:
        counted.append(len(groups))
        return ""

    monkeypatch.setattr(rows, "handed_back", lambda release, residual: {release.faces.ids[0]: "planted"})
    monkeypatch.setattr(rows, "check_intersections", seen)
    made(tmp_path / "second", before=(first,))
    assert counted == [11]
