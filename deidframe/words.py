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


def came_in(pictures: int, people: int, others: int) -> str:
    """Return "15 files: 8 pictures of 4 people, 7 others", or "8 pictures of 4 people" where there is nothing else."""
    said = f"{counted(pictures, 'picture')} of {counted(people, 'person')}"
    if not others:
        return said
    return f"{counted(pictures + others, 'file')}: {said}, {counted(others, 'other')}"
