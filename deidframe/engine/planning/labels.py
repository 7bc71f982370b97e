"""Labels as people mean them: spellings that differ by form, case or blanks are one person."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from deidframe.words import counted

SHOWN = 3
"""Spellings that are named."""


def canonical(label: str) -> str:
    """Return what is compared: NFC, case-folded, without marks that do not show, blanks at the ends and doubled blanks."""
    blanks = " ".join(unicodedata.normalize("NFC", label).split())
    seen = "".join(c for c in blanks if unicodedata.category(c) not in ("Cf", "Cc"))
    return unicodedata.normalize("NFC", seen.strip().casefold())


def one_spelling(labels: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the labels with every spelling of a person replaced by the first in order, and what is to be said of it.

    A label of nothing but blanks and marks stays as it is: it says nothing, and nothing is what it may be compared with.
    """
    spellings: dict[str, set[str]] = {}
    for label in set(labels):
        spellings.setdefault(canonical(label) or label, set()).add(label)
    chosen = {label: min(group) for group in spellings.values() for label in group}
    several = sorted(sorted(group) for group in spellings.values() if len(group) > 1)
    if not several:
        return tuple(labels), ()
    named = "; ".join(" = ".join(map(repr, group)) for group in several[:SHOWN])
    more = f"; and {len(several) - SHOWN} more" if len(several) > SHOWN else ""
    said = f"{counted(len(several), 'person')} spelt in more than one way, each taken for one person: {named}{more}"
    return tuple(chosen[label] for label in labels), (said,)
