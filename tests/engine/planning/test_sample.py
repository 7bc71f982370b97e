from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, catalogue

from deidframe.cli.forecast import lines_of
from deidframe.contract import RecipeError, UsageError
from deidframe.engine.planning.database import drawn_people
from deidframe.engine.planning.plan import Plan
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.engine.runtime.progress import Quiet
from deidframe.engine.tools.estimate import STEEPEST, _forecast, estimate
from deidframe.recipe.parse import parse
from deidframe.record.read import read_run
from deidframe.record.release import release_folders


def planned(tmp_path: Path, sample: int | None) -> Plan:
    return plan(parse(RECIPE, "r.toml"), catalogue(), tmp_path, sample=sample)


def test_a_sample_holds_whole_people_in_their_order() -> None:
    people = [f"p{n // 3}" for n in range(60)]
    rows = drawn_people(people, 10, 4)
    assert rows == sorted(rows) and len(rows) == 12
    assert all(len([row for row in rows if people[row] == name]) == 3 for name in {people[row] for row in rows})
    assert rows == drawn_people(people, 10, 4) != drawn_people(people, 10, 5)
    assert len({tuple(drawn_people(people, 1, seed)) for seed in range(200)}) == 20  # everybody may be drawn


def test_a_run_of_a_sample_says_that_it_is_one(tmp_path: Path) -> None:
    whole = planned(tmp_path, None)
    some = planned(tmp_path, 6)
    assert (len(whole.photos), whole.whole) == (12, 12)
    assert (len(some.photos), some.whole, some.sample) == (6, 12, 6)
    assert any("a sample: 6 of 12" in note for note in some.notes)
    assert len(planned(tmp_path, 50).photos) == 12
    run(some, tmp_path / "run")
    record = read_run(tmp_path / "run")
    assert record.run["sample"] == {"pictures": 6, "of": 12}
    said = [(folder / "RELEASE.json").read_text("utf-8") for folder in release_folders(tmp_path / "run")]
    assert any("made of a sample, 6 of 12 pictures" in text for text in said)
    from deidframe.report.page import write_report

    page = write_report(tmp_path / "run").read_text("utf-8")
    assert "do not share it" in page and "--sample 6" in page


@pytest.mark.parametrize("wrong", [0, -4])
def test_a_sample_of_nothing_is_refused(tmp_path: Path, wrong: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        planned(tmp_path, wrong)


def test_fewer_people_than_k_are_named_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as refused:
        planned(tmp_path, 1)
    assert "larger than the number of people" in "".join(refused.value.complaints)


def test_an_estimate_keeps_nothing_and_says_time_memory_and_disk(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = estimate(lambda count: planned(tmp_path, max(count, 3)), 9, tmp_path / "runs" / "not-yet", scratch, Quiet(), run)
    assert (done.pictures, done.whole) == (9, 12)
    assert not list(scratch.iterdir()) and not (tmp_path / "runs").exists()
    assert 0 < done.likely <= done.most and done.disk > 0 and done.free > 0 and done.memory > 10**7
    told = "\n".join(lines_of(done))
    assert "from 9 of 12 pictures" in told and "GB are free" in told and "rank-1" in told
    with pytest.raises(UsageError, match="nothing to estimate"):
        estimate(lambda count: planned(tmp_path, max(count, 3)), 12, tmp_path, scratch, Quiet(), run)


def test_time_goes_on_along_a_line_and_never_falls() -> None:
    stage = _forecast("x", 2.0, 4.0, 100, 300, 1_000)
    assert stage.likely == pytest.approx(4 + 0.01 * 700)
    assert stage.most == pytest.approx(4 - 3 + 3 * (1_000 / 300) ** STEEPEST)
    assert _forecast("once", 3.0, 3.0, 100, 300, 10_000).likely == 3.0
    assert _forecast("faster", 5.0, 3.0, 100, 300, 10_000).likely == 3.0
    late = _forecast("late", 0.0, 3.0, 100, 300, 3_000)
    assert late.likely == pytest.approx(30.0)  # through the origin at the steepest
    assert np.isfinite(late.most)
