"""Columns beside the pictures: released where a whole group shares a value, and what they give away is counted."""

from __future__ import annotations

import numpy as np
import pytest

from deidframe.contract import FaceSet
from deidframe.guard.carry import carried_csv, carry
from deidframe.guard.release import Release

FACES = tuple(f"f{n}" for n in range(8))
PEOPLE = tuple("aabbccdd")
GROUPS = dict(zip(FACES, (0, 0, 0, 0, 1, 1, 1, 1), strict=True))


def release(groups: dict[str, int] | None) -> Release:
    faces = FaceSet(FACES, np.zeros((8, 4, 4, 3), np.uint8), None, PEOPLE)
    return Release("m", faces, faces, {}, names={face: f"{9 - n}.jpg" for n, face in enumerate(FACES)}, groups=groups)


def columns(*by_person: str) -> dict[str, dict[str, str]]:
    value = dict(zip("abcd", by_person, strict=True))
    return {face: {"sex": value[person]} for face, person in zip(FACES, PEOPLE, strict=True)}


def test_a_value_that_a_group_shares_is_released_and_any_other_withheld() -> None:
    (one,) = carry(release(GROUPS), columns("f", "f", "f", "m"), ["sex"])
    assert one.values == {**dict.fromkeys(FACES[:4], "f"), **dict.fromkeys(FACES[4:], "")}
    assert (one.groups, one.withheld, one.diversity) == (2, 1, 1)
    assert one.closeness == pytest.approx(0.25)  # all f against three quarters
    assert 'column "sex": released for 1 of 2 groups' in one.words
    lines = carried_csv(release(GROUPS), [one]).decode().splitlines()
    assert lines[0] == "file,sex"
    assert lines[1:] == sorted(lines[1:])
    assert lines[-1] == "9.jpg,f"


def test_a_person_of_two_values_has_none() -> None:
    given = columns("f", "f", "m", "m")
    given["f1"] = {"sex": "m"}
    (one,) = carry(release(GROUPS), given, ["sex"])
    assert one.values["f0"] == "" and one.values["f4"] == "m"


def test_without_groups_nothing_is_carried() -> None:
    assert carry(release(None), columns("f", "f", "f", "f"), ["sex"]) == ()


def test_no_formula_reaches_a_spreadsheet() -> None:
    (one,) = carry(release(GROUPS), columns("=x", "=x", "m", "m"), ["sex"])
    assert "'=x" in carried_csv(release(GROUPS), [one]).decode()
