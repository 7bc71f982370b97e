"""A reader is told what each attacker knows, what was not tried, and when nothing was promised against the worst attack."""

from __future__ import annotations

from pathlib import Path

from examples import RECIPE, docstring_code, listed, planned

from deidframe.engine.run import run
from deidframe.recipe.model import AttackSpec
from deidframe.record.read import read_run
from deidframe.record.schema import Cell
from deidframe.report.answer import answer
from deidframe.report.page import write_report
from deidframe.report.rows import Row
from deidframe.report.threats import MEANING, known, untried


def test_every_threat_of_a_recipe_has_words() -> None:
    threats = set(AttackSpec.model_fields["threat"].annotation.__args__)  # type: ignore[union-attr]
    assert set(MEANING) == threats - {"clear"}
    cell = Cell("m", "m", attack="a", threat="replay", gallery="exact", encoder="sface")
    assert known(cell).endswith("the gallery holds all the originals of the release; seen with sface")
    assert "replay" not in untried([cell]) and "parrot" in untried([cell])


def attacked(threat: str, value: float) -> Cell:
    return Cell("m", "m", attack=threat, threat=threat, k=5, metrics={"rank1": {"value": value, "low": 0.0, "high": 1.0, "n": 9}})


def test_the_worst_attack_leaves_out_what_cannot_be_set_beside_the_bound() -> None:
    attacks = {one.attack: one for one in (attacked("naive", 0.1), attacked("parrot", 0.4), attacked("surroundings", 1.0))}
    row = Row(attacked("", 0.0), attacks, None, None, ())
    assert row.worst is not None and row.worst.threat == "naive"
    more = Row(attacked("", 0.0), {**attacks, "informed": attacked("informed", 0.9)}, None, None, ())
    assert more.worst is not None and more.worst.threat == "informed"
    assert more.bound is not None and more.bound.threat == "naive"
    tool = Row(Cell("b", "b"), attacks, None, None, ())
    assert tool.worst is not None and tool.worst.threat == "parrot"


def test_the_page_says_what_nothing_was_promised_against(tmp_path: Path) -> None:
    attack = RECIPE[RECIPE.index("[[attack]]") : RECIPE.index("[[measure]]")]
    text = (
        RECIPE + "\n" + attack.replace('"guess"\nuse', '"known others"\nuse').replace('threat = "naive"', 'threat = "informed"')
    )
    best = docstring_code("attacker").replace(
        "scores = ", "rule = self.briefing.companions is not None\n        scores = rule + 0 * "
    )
    outcome = run(planned(tmp_path, listed("attacker", "guess", best), recipe=text), tmp_path / "run")
    assert outcome.exit_code == 0
    page = write_report(outcome.folder).read_text()
    assert "Not tried here: linkage" in page and "the attacker has pictures of other members of the group" in page
    assert answer(read_run(outcome.folder))
