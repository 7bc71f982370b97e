from __future__ import annotations

from pathlib import Path

from deidframe import contract
from deidframe.testing.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "contract.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == reference(), "run: python -m deidframe.testing.reference > docs/reference/contract.md"


def test_every_public_class_is_on_it() -> None:
    shown = reference()
    for name in contract.__all__:
        if isinstance(getattr(contract, name), type):
            assert f"\n### {name}\n" in shown
