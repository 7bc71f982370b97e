"""Who is in the gallery, who is a probe, and who are the attacker's own people."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo
from deidframe.recipe.model import LEARNING, AttackSpec

ONE_PICTURE = "each person has one picture, so there is no second one to try"
FEW_OWN = "the attacker learns on half of the people, and a half here has fewer than {least}"
LEAST = 8
"""Own people from which it is worth learning."""


@dataclass(frozen=True)
class Arena:
    """One round of an attack.

    Args:
        gallery: clear pictures of the candidates, or released ones where the release is linked to itself.
        probes: released pictures.
        own: clear pictures of other people, of whom the attacker knows who is who; None where it has none.
        gallery_kind: `"exact"`, `"enrol"` or `"release"`.
    """

    gallery: FaceSet
    probes: FaceSet
    own: FaceSet | None
    gallery_kind: str


def fold_of(person: str) -> int:
    """Return 0 or 1, the half that a person belongs to, whatever else is in the database."""
    return hashlib.sha256(f"deidframe-attack-1|{person}".encode("utf-8", "surrogateescape")).digest()[-1] % 2


def arenas(spec: AttackSpec, clear: FaceSet, released: FaceSet, own_people: FaceSet | None = None) -> tuple[Arena, ...]:
    """Return the rounds of an attack: one, or two where each half of the people are once the attacker's own.

    Args:
        spec: the attack.
        clear: all untouched faces with their people.
        released: the faces of a method (the clear ones for threat `clear`).
        own_people: of an attacker who learns, from another source; everybody is then attacked in one round.

    The exact gallery holds the people of the release and nobody who was withheld from it. Where nobody has a picture besides the
    enrolled one, the exact originals are the gallery.

    Raises:
        NothingToDo: the threat model leaves no probe, or too few own people.
    """
    whole = _linked(released) if spec.threat == "linkage" else _matched(spec, clear, released)
    if not len(whole.probes) or not len(whole.gallery):
        raise NothingToDo(ONE_PICTURE)
    if spec.threat not in LEARNING:
        return (whole,)
    if own_people is not None:
        return (replace(whole, own=own_people),)
    halves = []
    for fold in (0, 1):
        own = half(clear, fold)
        if len(set(own.subjects or ())) < LEAST:
            raise NothingToDo(FEW_OWN.format(least=LEAST))
        other = Arena(half(whole.gallery, 1 - fold), half(whole.probes, 1 - fold), own, whole.gallery_kind)
        if len(other.probes):
            halves.append(other)
    return tuple(halves)


def half(faces: FaceSet, fold: int) -> FaceSet:
    """Return the pictures of one half of the people."""
    return faces.take([row for row, person in enumerate(faces.subjects or ()) if fold_of(person) == fold])


def unseen(subjects: Sequence[str]) -> list[int]:
    """Return the first picture of everybody who has several: those that are kept from methods for a gallery `unseen`."""
    count = Counter(subjects)
    return [row for person, row in firsts(subjects).items() if count[person] > 1]


def firsts(people: Iterable[str]) -> dict[str, int]:
    """Return person -> row of the first picture."""
    first: dict[str, int] = {}
    for row, person in enumerate(people):
        first.setdefault(person, row)
    return first


def _matched(spec: AttackSpec, clear: FaceSet, released: FaceSet) -> Arena:
    """Return released probes against clear candidates."""
    subjects, kind = clear.subjects or (), spec.gallery
    if kind == "unseen":
        return Arena(clear.take(unseen(subjects)), released, None, kind)
    if kind == "enrol" and spec.threat != "clear" and len(set(subjects)) == len(subjects):
        kind = "exact"
    if kind == "enrol":
        gallery = clear.take(list(firsts(subjects).values()))
        enrolled = set(gallery.ids)
        probes = released.take([row for row, face in enumerate(released.ids) if face not in enrolled])
        return Arena(gallery, probes, None, kind)
    there = set(released.subjects or subjects)
    return Arena(clear.take([row for row, person in enumerate(subjects) if person in there]), released, None, kind)


def _linked(released: FaceSet) -> Arena:
    """Return the release against itself: the pictures of everybody who has several; none is matched with itself."""
    subjects = released.subjects or ()
    count = Counter(subjects)
    several = released.take([row for row, person in enumerate(subjects) if count[person] > 1])
    return Arena(several, several, None, "release")
