"""An attack is told nothing that it could cheat with, sees with every encoder that is asked for, and undoes what it knows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.contract import LinkScores, RecipeError
from deidframe.engine.evaluate import briefing
from deidframe.engine.evaluate.attack import too_often
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse
from deidframe.record.schema import Cell

KINDS = (("as released", "naive", 1), ("undone", "inversion", 1), ("five undone", "inversion", 5))
ATTACK = """
[[attack]]
name = "{name}"
use = "nearest-face"
threat = "{threat}"
gallery = "exact"
pictures = {pictures}
params = {{ encoder = "sface" }}
"""
CHEAT = """
import numpy as np
from deidframe.contract import Component, LinkScores, Params, hookimpl

class Settings(Params):
    pass

class Cheat:
    def __init__(self, params, context):
        pass

    def prepare(self, briefing):
        self.gallery = briefing.gallery

    def attack(self, probes):
        gallery = self.gallery
        assert probes.subjects is None
        scores = np.array([[SCORE for b in range(len(gallery))] for a in range(len(probes))], np.float32)
        return LinkScores(probes.ids, gallery.ids, scores)

@hookimpl
def deidframe_attackers():
    return [Component("guess", f"{__name__}:Cheat", Settings, "cheats", contract=2)]
"""


def cells(tmp_path: Path, code: str) -> list[Cell]:
    return [c for c in run(planned(tmp_path, listed("attacker", "guess", code)), tmp_path / "run").cells if c.attack]


@pytest.mark.parametrize(
    "score",
    [
        "float(probes.ids[a] == gallery.ids[b])",  # echoes ids
        "float(probes.ids[a].rpartition('-')[2] == gallery.ids[b].rpartition('-')[2])",
        "float(a == b)",  # follows the order of files
    ],
)
def test_ids_and_order_tell_an_attacker_nothing(tmp_path: Path, score: str) -> None:
    attacked = cells(tmp_path, CHEAT.replace("SCORE", score))
    assert attacked
    for cell in attacked:
        assert cell.status == "ok", cell.reason
        assert cell.metrics["rank1"]["value"] <= too_often(cell.metrics["chance1"], cell.candidates)


def test_what_people_who_are_exchanged_reach_stands_beside_every_attack(tmp_path: Path) -> None:
    for cell in cells(tmp_path, docstring_code("attacker")):
        assert cell.metrics["control1"]["value"] <= too_often(cell.metrics["chance1"], cell.candidates)


def test_one_attack_is_made_with_each_encoder(tmp_path: Path) -> None:
    other = docstring_code("encoder").replace('"colour"', '"hue"')
    text = RECIPE.replace('threat = "naive"', 'threat = "naive"\nencoders = ["colour", "hue"]')
    sees = (
        docstring_code("attacker")
        .replace('"chance", contract=2)', '"chance", contract=2, needs=frozenset({Need.RECOGNIZER}))')
        .replace("LinkScores, ", "LinkScores, Need, ")
    )
    guess = listed("attacker", "guess", sees)
    outcome = run(planned(tmp_path, listed("encoder", "hue", other), guess, recipe=text), tmp_path / "run")
    attacked = [(c.method, c.attack, c.encoder, c.own_encoder) for c in outcome.cells if c.attack and c.method == "flat"]
    (name,) = {attack.rpartition(", ")[0] for _, attack, _, _ in attacked}
    assert attacked == [("flat", f"{name}, colour", "colour", True), ("flat", f"{name}, hue", "hue", False)]
    kept = sorted(path.name for path in (tmp_path / "run" / "private" / "scores" / "flat").iterdir())
    assert len(kept) == 2
    with pytest.raises(RecipeError) as caught:
        planned(tmp_path, guess, recipe=text)
    assert 'no encoder is called "hue"' in "\n".join(caught.value.complaints)
    with pytest.raises(RecipeError, match="1 thing wrong") as caught:
        planned(tmp_path, listed("encoder", "hue", other), recipe=text)
    assert '"guess" looks at pixels and sees with no encoder' in "\n".join(caught.value.complaints)


def test_a_tool_is_undone_where_it_says_how_and_left_out_where_not(tmp_path: Path) -> None:
    redactor = docstring_code("redactor").replace(
        "    def redact(self, faces):", "    def invert(self, faces):\n        return faces\n\n    def redact(self, faces):"
    )
    text = RECIPE.replace('threat = "naive"', 'threat = "inversion"')
    outcome = run(planned(tmp_path, listed("redactor", "grey", redactor), recipe=text), tmp_path / "run")
    by_method = {c.method: c for c in outcome.cells if c.attack}
    assert "rank1" in by_method["grey"].metrics
    assert (by_method["flat"].status, by_method["flat"].reason) == ("ok", "the method says no way back")
    assert outcome.exit_code == 0
    said = json.loads((tmp_path / "run" / "compared" / "grey" / "RELEASE.json").read_text())["statement"]["attack"]
    assert "The strongest attack that was tried" in said


def test_pictures_that_belong_together_are_taken_together() -> None:
    person_of = {**{f"p{n}": "ada" if n < 5 else "bob" for n in range(7)}, "a": "ada", "b": "bob"}
    probes = [f"p{n}" for n in range(7)]
    bundles = briefing.bundles(probes, person_of, 3)
    assert sorted(face for bundle in bundles for face in bundle) == probes
    assert all(len({person_of[face] for face in bundle}) == 1 and len(bundle) <= 3 for bundle in bundles)
    assert [bundle for part in briefing.slices(bundles, 4) for bundle in part] == bundles
    assert [len(part) for part in briefing.slices(bundles, 1)] == [1] * len(bundles)
    rows = np.array([[0.2, 0.3], [0.6, 0.1], [0.9, 0.5], [0.4, 0.4]], np.float32)
    scores = LinkScores(("p0", "p1", "p5", "p6"), ("a", "b"), rows, ("p2",))
    fused = briefing.together(scores, [("p0", "p1", "p2"), ("p5", "p6")])
    assert fused.probe_ids == ("p0", "p5")
    assert np.allclose(fused.scores, [[0.4, 0.2], [0.65, 0.45]])
    apart = briefing.together(scores, [("p1", "p0"), ("p2", "p5"), ("p6",)])  # of one person, and one is shorter than the next
    assert apart.probe_ids == ("p1", "p2", "p6") and np.allclose(apart.scores[0], [0.4, 0.2])
    assert briefing.together(LinkScores((), ("a", "b"), rows[:0], ("p2",)), [("p2",)]).missed_probes == ("p2",)


def test_several_pictures_of_a_person_say_more_than_one(tmp_path: Path) -> None:
    """People who do not exist, blurred: five pictures of each, undone and taken together."""
    text = f"""
schema = 1
name = "five"
[source]
use = "synthetic-people"
subjects = "labelled"
params = {{ people = 30, pictures = 6 }}
[detector]
use = "yunet"
[[method]]
name = "blur"
redactor = {{ use = "gaussian-blur", params = {{ sigma = 14.0 }} }}
{"".join(ATTACK.format(name=name, threat=threat, pictures=n) for name, threat, n in KINDS)}
"""
    outcome = run(plan(parse(text, "r.toml"), Catalogue(), tmp_path), tmp_path / "run")
    reached = {c.attack: c.metrics["rank1"]["value"] for c in outcome.cells if c.attack}
    assert reached["as released"] + 0.2 < reached["undone"]
    assert reached["undone"] < reached["five undone"]
