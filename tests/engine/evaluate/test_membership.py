"""Members are told from others, guessing is told as guessing, and pictures that no method may see stay out of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned
from sklearn.metrics import roc_auc_score

from deidframe.contract import ArtifactError, PersonScores, RecipeError
from deidframe.engine.evaluate.arena import ONE_PICTURE
from deidframe.engine.run import run
from deidframe.measure.membership import area, true_positives
from deidframe.record.read import read_run
from deidframe.report.answer import answer

JUDGE = (
    docstring_code("attacker").replace("LinkScores, ", "LinkScores, PersonScores, ")
    + """
def judge(self, people):
    names = sorted(set(people.subjects))
    return PersonScores(tuple(names), SCORES)

Guess.judge = judge
"""
)
TEXT = RECIPE.replace('threat = "naive"', 'threat = "membership"').replace("count = 12", "count = 60")


def judged(tmp_path: Path, scores: str) -> dict[str, object]:
    code = JUDGE.replace("SCORES", scores)
    cells = run(planned(tmp_path, listed("attacker", "guess", code), recipe=TEXT), tmp_path / "run").cells
    return {c.method: c for c in cells if c.attack and c.method != "untouched faces"}


def test_one_who_guesses_tells_no_members(tmp_path: Path) -> None:
    cell = judged(tmp_path, "self.context.rng('x').random(len(names), np.float32)")["flat"]
    assert cell.status == "ok", cell.reason
    assert 0.2 < cell.metrics["member_area"] < 0.8
    assert cell.metrics["member_tpr"]["value"] < 0.3
    assert cell.probes > 0


def test_who_is_in_the_release_is_seen_where_the_method_shows_it(tmp_path: Path) -> None:
    seen = (
        "(lambda flat: np.corrcoef(flat(people), flat(self.briefing.release))[:len(people), len(people):].max(axis=1)"
        ".astype(np.float32)[[people.subjects.index(name) for name in names]])"
        "(lambda faces: np.asarray(faces.images[:], np.float32).mean(axis=-1).reshape(len(faces), -1))"
    )
    grey = judged(tmp_path, seen)["grey"]
    assert grey.status == "ok", grey.reason
    assert grey.metrics["member_area"] > 0.9 and grey.metrics["member_tpr"]["value"] > 0.9


def test_an_attacker_that_judges_nobody_or_not_everybody_is_told(tmp_path: Path) -> None:
    plain = run(planned(tmp_path, recipe=TEXT), tmp_path / "plain").cells
    assert {c.reason for c in plain if c.attack and c.method == "flat"} == {"the attacker judges no people, only pictures"}
    (tmp_path / "some").mkdir()
    code = JUDGE.replace("tuple(names), SCORES", "tuple(names[1:]), np.zeros(len(names) - 1, np.float32)")
    cells = run(planned(tmp_path / "some", listed("attacker", "guess", code), recipe=TEXT), tmp_path / "some" / "run").cells
    failed = next(c for c in cells if c.attack and c.method == "flat")
    assert failed.status == "failed" and "people, scored or missed" in failed.reason


def test_scores_of_people_are_checked() -> None:
    with pytest.raises(ArtifactError):
        PersonScores(("a", "a"), np.zeros(2, np.float32))
    with pytest.raises(ArtifactError):
        PersonScores(("a",), np.array([np.nan], np.float32))


def test_areas_and_accepted_members() -> None:
    rng = np.random.default_rng(1)
    members, others = rng.integers(0, 9, 40) + 2.0, rng.integers(0, 9, 70) * 1.0
    truth = np.r_[np.ones(40), np.zeros(70)]
    assert area(members, others) == pytest.approx(roc_auc_score(truth, np.r_[members, others]))
    assert true_positives(np.array([5.0, 4.0]), np.arange(5.0), 0.01).tolist() == [1, 0]  # a tie with the best other is no member
    assert true_positives(np.array([98.5, 99.5]), np.arange(100.0), 0.01).tolist() == [1, 1]
    assert area(np.zeros(0), others) == 0.5


def test_first_pictures_are_kept_from_methods_where_an_attack_asks_for_it(tmp_path: Path) -> None:
    text = RECIPE.replace('gallery = "exact"', 'gallery = "unseen"').replace("count = 12", "count = 60")
    pairs = docstring_code("source").replace("subjects=ids", "subjects=[f'person {n // 2}' for n in range(self.count)]")
    cells = run(planned(tmp_path, listed("source", "noise", pairs), recipe=text), tmp_path / "run").cells
    flat = next(c for c in cells if c.method == "flat" and not c.attack)
    kept = "kept for an attack's gallery that no method has seen"
    assert flat.reasons[kept] > 0
    assert flat.total == flat.released + flat.withheld + flat.failed
    attacked = next(c for c in cells if c.method == "flat" and c.attack)
    assert (attacked.gallery, attacked.candidates) == ("unseen", flat.reasons[kept])
    (tmp_path / "alone").mkdir()
    alone = run(planned(tmp_path / "alone", recipe=text), tmp_path / "alone" / "run").cells
    assert {c.reason for c in alone if c.attack} == {ONE_PICTURE}
    with pytest.raises(RecipeError) as caught:
        planned(tmp_path, recipe=text.replace('threat = "naive"', 'threat = "linkage"'))
    assert "has no gallery of pictures that a method never saw" in "\n".join(caught.value.complaints)


def test_several_numbers_of_known_members_make_an_attack_each_and_a_budget_ends_it(tmp_path: Path) -> None:
    text = RECIPE.replace('threat = "naive"', 'threat = "informed"\nknows = [1, 2]').replace("count = 12", "count = 60")
    cells = run(planned(tmp_path, recipe=text), tmp_path / "run").cells
    flat = {c.attack: c for c in cells if c.method == "flat" and c.attack}
    assert list(flat) == ["guess, knows 1", "guess, knows 2"]
    chances = [c.metrics["chance1"] for c in flat.values()]
    assert chances[0] < chances[1]
    slow = RECIPE.replace('threat = "naive"', 'threat = "naive"\nbudget = 1e-9')
    (tmp_path / "slow").mkdir()
    cells = run(planned(tmp_path / "slow", recipe=slow), tmp_path / "slow" / "run").cells
    assert all("its budget of 1e-09 s was used up" in c.reason and c.unfinished for c in cells if c.attack)
    said = json.loads((tmp_path / "slow" / "run" / "release" / "flat" / "RELEASE.json").read_text())["statement"]
    assert said["attack"] == 'The attacks on these pictures ended without a result ("guess"): what they would reach is not known.'
    assert 'Attacks that failed or were cut short, which may be stronger: "guess" on flat; "guess" on grey.' in answer(
        read_run(tmp_path / "slow" / "run")
    )
    assert not any("cut short" in sentence for sentence in answer(read_run(tmp_path / "run")))


def test_an_attribute_is_asked_with_the_words_of_the_recipe(tmp_path: Path) -> None:
    text = RECIPE.replace('threat = "naive"', 'threat = "attribute"\nattribute = "sex"')
    cells = run(planned(tmp_path, recipe=text), tmp_path / "run").cells
    assert {c.reason for c in cells if c.attack and c.method == "flat"} == {"the attacker judges no people, only pictures"}
    (tmp_path / "sees").mkdir()
    code = JUDGE.replace("SCORES", "np.zeros(len(names), np.float32)")
    cells = run(planned(tmp_path / "sees", listed("attacker", "guess", code), recipe=text), tmp_path / "sees" / "run").cells
    assert "sees pixels" in next(c for c in cells if c.attack and c.method == "flat").reason
    for wrong in ('threat = "attribute"', 'threat = "naive"\nattribute = "sex"'):
        with pytest.raises(RecipeError) as caught:
            planned(tmp_path, recipe=RECIPE.replace('threat = "naive"', wrong))
        assert 'needs attribute = "sex" or "age"' in "\n".join(caught.value.complaints)
