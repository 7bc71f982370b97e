"""k counts people; what one person's share of the files gives away is said, and can be evened out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.contract import RecipeError
from deidframe.engine.protect.method import SURPLUS, beyond_equal
from deidframe.engine.run import run
from deidframe.guard.certificate import largest_share

SEVERAL = docstring_code("source").replace("subjects=ids", "subjects=[str(max(0, n - 5)) for n in range(self.count)]")


def test_the_largest_share_is_told_against_one_of_the_people() -> None:
    groups = {f"f{n}": 0 for n in range(10)} | {"x": 1, "y": 1}
    person_of = {f"f{n}": str(max(0, n - 5)) for n in range(10)} | {"x": "x", "y": "y"}
    assert largest_share(groups, person_of) == (6, 10, 5)  # 6, 1, 1, 1, 1
    assert largest_share({"x": 1, "y": 1}, person_of) == (1, 2, 2)


def test_everybody_of_a_group_keeps_as_many() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, -1])
    assert beyond_equal(labels, ["a", "b", "a", "a", "c", "d", "e"]).tolist() == [2, 3]


def test_equal_counts_withholds_the_rest_and_the_certificate_says_either(tmp_path: Path) -> None:
    source = listed("source", "noise", SEVERAL)
    plain = next(c for c in run(planned(tmp_path, source), tmp_path / "plain").cells if c.method == "flat" and not c.attack)
    said = " ".join(plain.certificate["holds_not"])
    assert "counted by picture: one person has" in said
    (tmp_path / "even").mkdir()
    text = RECIPE.replace("k = 3\n", "k = 3\nequal_counts = true\n", 1)
    even = run(planned(tmp_path / "even", source, recipe=text), tmp_path / "even" / "run").cells
    flat = next(c for c in even if c.method == "flat" and not c.attack)
    assert (flat.status, flat.reasons[SURPLUS], flat.released) == ("ok", 5, 7)
    assert not any("counted by picture: one person" in line for line in flat.certificate["holds_not"])
    assert any("as many pictures" in line for line in flat.certificate["holds"])


def test_a_tool_has_no_groups_to_even_out(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        planned(tmp_path, recipe=RECIPE.replace('name = "grey"', 'name = "grey"\nequal_counts = true'))
    assert "equal_counts evens out" in "\n".join(caught.value.complaints)
