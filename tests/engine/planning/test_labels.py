from __future__ import annotations

import unicodedata

import pytest

from deidframe.engine.planning.labels import canonical, one_spelling


@pytest.mark.parametrize(
    "other",
    [
        "Zoë  Ünal",
        " zoë ünal ",
        "ZOË ÜNAL",
        unicodedata.normalize("NFD", "Zoë Ünal"),
        "Zo\u200bë Ünal",
        "Zoë\u00a0Ünal",
        "Zoë\tÜnal",
    ],
)
def test_spellings_of_one_name(other: str) -> None:
    people, said = one_spelling(["Zoë Ünal", other, "Bob"])
    assert people[0] == people[1] != people[2]
    assert len(said) == 1
    assert "1 person spelt in more than one way" in said[0]


def test_different_names_stay_and_nothing_is_said() -> None:
    assert one_spelling(["a", "b", "a"]) == (("a", "b", "a"), ())
    assert canonical("Straße") == canonical("STRASSE")


def test_a_label_of_blanks_is_not_that_of_marks() -> None:
    assert one_spelling([" ", "\u200b"])[0] == (" ", "\u200b")
