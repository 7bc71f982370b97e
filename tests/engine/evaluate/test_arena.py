"""Who is in the gallery, who is a probe, and that own people are never attacked."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.contract import FaceSet, LinkScores, NothingToDo, RecipeError
from deidframe.engine.evaluate.arena import arenas, fold_of
from deidframe.engine.evaluate.tally import Tallies, Tally
from deidframe.engine.rows.attack import told_apart
from deidframe.engine.run import run
from deidframe.recipe.model import AttackSpec


def faces(people: int, pictures: int) -> FaceSet:
    count = people * pictures
    ids = tuple(f"f{n}" for n in range(count))
    subjects = tuple(f"person {n // pictures}" for n in range(count))
    return FaceSet(ids, np.zeros((count, 8, 8, 3), np.uint8), None, subjects)


def spec(threat: str, **more: object) -> AttackSpec:
    return AttackSpec.model_validate({"name": "a", "use": "guess", "threat": threat, **more})


def test_own_people_are_never_candidates_and_everybody_is_attacked_once() -> None:
    clear = faces(40, 3)
    rounds = arenas(spec("parrot", gallery="exact"), clear, clear)
    assert len(rounds) == 2
    attacked: list[str] = []
    for one in rounds:
        assert one.own is not None
        own = set(one.own.subjects or ())
        assert not own & set(one.gallery.subjects or ())
        assert not own & set(one.probes.subjects or ())
        assert own | set(one.gallery.subjects or ()) == set(clear.subjects or ())
        attacked += one.probes.ids
    assert sorted(attacked) == sorted(clear.ids)


def test_the_half_of_a_person_does_not_depend_on_the_others() -> None:
    folds = {person: fold_of(person) for person in faces(40, 1).subjects or ()}
    assert set(folds.values()) == {0, 1}
    (_, second) = arenas(spec("reversal"), faces(40, 2), faces(40, 2))
    assert {folds[person] for person in second.probes.subjects or ()} == {0}


def test_too_few_own_people_are_nothing_to_learn_from() -> None:
    with pytest.raises(NothingToDo, match="a half here has fewer than 8"):
        arenas(spec("parrot"), faces(12, 2), faces(12, 2))


def test_a_release_is_linked_to_itself_where_somebody_has_two_pictures() -> None:
    released = FaceSet(("a", "b", "c"), np.zeros((3, 8, 8, 3), np.uint8), None, ("ada", "ada", "bob"))
    (one,) = arenas(spec("linkage"), released, released)
    assert (one.gallery.ids, one.probes.ids, one.gallery_kind) == (("a", "b"), ("a", "b"), "release")
    with pytest.raises(NothingToDo, match="one picture"):
        arenas(spec("linkage"), faces(5, 1), faces(5, 1))


def test_enrolled_pictures_are_no_probes_and_the_exact_gallery_is_of_the_released() -> None:
    clear = faces(4, 2)
    (one,) = arenas(spec("naive"), clear, clear.take(range(4)))
    assert (one.gallery.ids, one.probes.ids) == (("f0", "f2", "f4", "f6"), ("f1", "f3"))
    (one,) = arenas(spec("naive", gallery="exact"), clear, clear.take(range(4)))
    assert (one.gallery.ids, one.probes.ids) == (("f0", "f1", "f2", "f3"), ("f0", "f1", "f2", "f3"))


def test_the_bound_of_a_half_counts_who_of_a_group_is_a_candidate() -> None:
    people = [f"p{n}" for n in range(6)]
    group_of = dict.fromkeys(people, 0)
    tally = Tally({p: p for p in people}, dict(zip(people[:2], people[1::-1], strict=True)), frozenset(people[:2]))
    tally.add(LinkScores(("p0", "p1"), ("p0", "p1"), np.eye(2, dtype=np.float32)))
    both = Tallies((tally,))
    assert both.bound(group_of, 1) == 0.5  # two of the six are candidates: who names one of them is right half the time
    assert (both.probes, both.candidates, both.missed) == (2, 2, 0)


def test_mimicked_people_are_written_and_read_and_published_nowhere(tmp_path: Path) -> None:
    code = docstring_code("attacker")
    code = code.replace("class Guess:", "SEEN = []\n\nclass Guess:").replace(
        "        self.briefing = briefing\n",
        "        self.briefing = briefing\n        if briefing.own is not None:\n"
        "            SEEN.append((briefing, briefing.mimic(briefing.own)))\n",
    )
    guess = listed("attacker", "guess", code)
    text = RECIPE.replace('threat = "naive"', 'threat = "parrot"').replace("count = 12", "count = 60")
    outcome = run(planned(tmp_path, guess, recipe=text), tmp_path / "run")
    cells = {c.method: c for c in outcome.cells if c.attack and c.method != "untouched faces"}
    assert cells["flat"].status == "ok", cells["flat"].reason
    seen = sys.modules[guess.module].SEEN
    assert len(seen) == 4  # two methods, two halves
    for briefing, mimicked in seen:
        assert set(mimicked.ids) <= set(briefing.own.ids)
        assert not set(briefing.own.subjects) & set(briefing.gallery.subjects)
        assert not any(name.startswith("f") for name in briefing.own.ids)
    assert not [path for path in (tmp_path / "run").rglob("*") if path.name.startswith("mimic-")]
    assert "unlearned1" in cells["flat"].metrics


def test_who_mimics_learns_nothing_of_what_the_run_chooses_by_name(tmp_path: Path) -> None:
    """An attacker may call faces as the run calls its people; a method that goes by name would hand over the run's choices."""
    by_name = docstring_code("redactor").replace("class Grey:", "SEEN = []\n\nclass Grey:")
    by_name = by_name.replace("def redact(self, faces):", "def redact(self, faces):\n        SEEN.append(faces.subjects)")
    by_name = by_name.replace('the colour away", contract=2)', 'the colour away", contract=2, needs=frozenset({Need.SUBJECTS}))')
    redactor = listed("redactor", "grey", by_name.replace("import Component,", "import Component, Need,"))
    code = docstring_code("attacker").replace("class Guess:", "SEEN = []\n\nclass Guess:")
    code = code.replace(
        "        self.briefing = briefing\n",
        "        self.briefing = briefing\n        if briefing.own is not None:\n"
        "            names = tuple(f'noise-{n % 9}' for n in range(len(briefing.own)))\n"
        "            own = FaceSet(briefing.own.ids, briefing.own.images, briefing.own.landmarks, names)\n"
        "            SEEN.append((names, briefing.mimic(own).subjects))\n",
    )
    guess = listed("attacker", "guess", "from deidframe.contract import FaceSet\n" + code)
    text = RECIPE.replace('threat = "naive"', 'threat = "parrot"').replace("count = 12", "count = 60")
    outcome = run(planned(tmp_path, redactor, guess, recipe=text), tmp_path / "run")
    assert {cell.status for cell in outcome.cells} == {"ok"}
    known = [set(names) for names in sys.modules[redactor.module].SEEN]
    people = known[0]
    assert len(known) > 2 and not people & {f"noise-{n}" for n in range(60)}  # what a component is told are tokens
    assert all(names <= people or not names & people for names in known)
    assert any(not names & people for names in known)
    for own, mimicked in sys.modules[guess.module].SEEN:
        assert own == mimicked


def test_a_method_that_is_not_in_the_recipe_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    text = RECIPE.replace('threat = "naive"', 'threat = "intersection"\nwith = ["flot"]')
    with pytest.raises(RecipeError) as caught:
        planned(tmp_path, recipe=text)
    assert 'no method is called "flot"' in "\n".join(caught.value.complaints)
    with pytest.raises(RecipeError) as caught:
        planned(tmp_path, recipe=text.replace('with = ["flot"]', ""))
    assert "with names the methods" in "\n".join(caught.value.complaints)


def test_people_whom_two_releases_tell_apart_are_counted() -> None:
    six = faces(6, 2)
    one = {face: int(face[1:]) // 2 // 3 for face in six.ids}  # 0 0 0 1 1 1
    two = {face: int(face[1:]) // 2 % 2 for face in six.ids}  # 0 1 0 1 0 1
    assert sorted(told_apart([one, two], six)) == [1, 1, 2, 2]
    assert told_apart([one, None], six) == ()
    assert sum(told_apart([one, dict.fromkeys(six.ids[:8], 0)], six)) == 4  # who is withheld from one is in no cell


def test_who_is_ruled_out_makes_guessing_easier() -> None:
    tally = Tally({}, {}, frozenset(), candidates=10, ruled_out=8)
    assert (Tallies((tally,)).chance(1), Tallies((tally,)).chance(5)) == (0.5, 1.0)


def test_own_people_may_come_from_a_source_of_their_own_and_nobody_is_in_both(tmp_path: Path) -> None:
    code = docstring_code("attacker")
    code = code.replace("class Guess:", "SEEN = []\n\nclass Guess:").replace(
        "        self.briefing = briefing\n",
        "        self.briefing = briefing\n        if briefing.own is not None:\n"
        "            SEEN.append((briefing, briefing.mimic(briefing.own)))\n",
    )
    guess = listed("attacker", "guess", code)
    others = docstring_code("source").replace('f"noise-{n}"', 'f"other-{n}"').replace('"noise"', '"others"')
    text = RECIPE.replace('threat = "naive"', 'threat = "parrot"\nown = { use = "others", params = { count = 9 } }')
    cells = run(planned(tmp_path, guess, listed("source", "others", others), recipe=text), tmp_path / "run").cells
    attacked = [c for c in cells if c.attack and c.method != "untouched faces"]
    assert {c.status for c in attacked} == {"ok"} and {c.candidates for c in attacked} == {12}
    seen = sys.modules[guess.module].SEEN
    assert len(seen) == 2 and all(len(briefing.own) == len(made) == 9 for briefing, made in seen)
    (tmp_path / "same").mkdir()
    same = text.replace('"others"', '"noise"')
    cells = run(planned(tmp_path / "same", guess, recipe=same), tmp_path / "same" / "run").cells
    assert "is in both, 9 in all" in next(c for c in cells if c.attack and c.method == "flat").reason
    with pytest.raises(RecipeError) as caught:
        planned(tmp_path, recipe=text.replace('"parrot"', '"naive"'))
    assert "own says whom an attacker learns on" in "\n".join(caught.value.complaints)
