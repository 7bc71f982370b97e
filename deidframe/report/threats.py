"""What an attacker of each threat knows, in a reader's words, and which threats a record has nothing to say about."""

from __future__ import annotations

from collections.abc import Iterable

from deidframe.record.schema import Cell

BEYOND = {"informed": "knows other members of a group", "intersection": "has other releases of the same people"}
"""What the attacker of an unbound threat does."""
MEANING = {
    "naive": "released pictures are matched with clear ones",
    "linkage": "released pictures are matched with each other: who has a name for one has it for the others; a picture is never "
    "matched with itself",
    "shared": "the attacker looks at the release as a whole and shares every candidate out among its different pictures",
    "replay": "the attacker owns the tool, protects its own clear pictures the same way and matches protected with protected",
    "inversion": "the attacker knows the tool and undoes it first, as the tool itself says",
    "informed": "the attacker has pictures of other members of the group, against which k-anonymity promises nothing",
    "parrot": "the attacker owns the tool and learns on people of its own how it changes encodings; people are cut into halves, "
    "each once the attacker's own and once attacked",
    "reversal": "the attacker owns the tool and learns on people of its own a filter that takes it back, not knowing what it is; "
    "people are cut into halves, each once the attacker's own and once attacked",
    "intersection": "the attacker has other releases of the same people and knows which pictures belong together, against which "
    "k-anonymity of each alone promises nothing",
    "membership": "the attacker has pictures of people and asks who was in the database at all; the method is run "
    "on half of the people, and the other half are the others",
    "attribute": "the attacker reads the apparent sex of people off released pictures, or whether they are older than most; "
    "what is true is what the same network sees in the untouched pictures",
    "surroundings": "what lies around the face is matched; an exact original is always found by it where a method leaves it; it "
    "counts in no ranking",
}
"""Threat -> sentence."""


def known(cell: Cell) -> str:
    """Return what the attacker of a row has, as a sentence without its full stop."""
    against = {
        "exact": "the gallery holds all the originals of the release",
        "enrol": "the gallery holds each person's first clear picture, whose release is no probe",
        "unseen": "the gallery holds a first picture of each person, which no method was given",
        "release": "the gallery is the release itself",
    }
    return "; ".join(
        part for part in (MEANING.get(cell.threat, ""), against.get(cell.gallery, ""), f"seen with {cell.encoder}") if part
    )


def untried(cells: Iterable[Cell]) -> list[str]:
    """Return the threats that no attack of a record stands for, in the order of `MEANING`."""
    there = {cell.threat for cell in cells if cell.attack}
    return [threat for threat in MEANING if threat not in there]
