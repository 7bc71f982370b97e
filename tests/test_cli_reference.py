from __future__ import annotations

from pathlib import Path

from deidframe.cli.main import COMMANDS
from deidframe.cli.reference import CODES, reference
from deidframe.contract.errors import DeidframeError

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"


def test_the_page_is_what_the_parsers_say() -> None:
    assert PAGE.read_text("utf-8") == reference(), "run: python -m deidframe.cli.reference > docs/reference/commands.md"
    assert all(f"\n## {name}\n" in reference() for name in COMMANDS)


def test_every_exit_code_of_an_error_is_explained() -> None:
    def codes(kind: type[DeidframeError]) -> set[int]:
        return {kind.exit_code}.union(*(codes(child) for child in kind.__subclasses__()))

    for code in codes(DeidframeError):
        assert f"| {code} |" in CODES
