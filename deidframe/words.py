"""Small grammar for what people read."""

from __future__ import annotations

PLURALS = {"person": "people"}


def counted(count: int, noun: str) -> str:
    """Return "1 method", "2 methods", "0 people"; the noun may have words before it.

    Args:
        count: how many.
        noun: in the singular.
    """
    if count == 1:
        return f"1 {noun}"
    before, space, last = noun.rpartition(" ")
    return f"{count} {before}{space}{PLURALS.get(last, f'{last}s')}"
