from __future__ import annotations

import pytest

from deidframe.words import counted


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (1, "method", "1 method"),
        (2, "method", "2 methods"),
        (0, "person", "0 people"),
        (1, "person", "1 person"),
        (3, "attacked cell", "3 attacked cells"),
        (2, "found person", "2 found people"),
    ],
)
def test_a_number_and_its_noun_agree(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text
