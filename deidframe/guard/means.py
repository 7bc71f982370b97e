"""What may be said of groups' mean encodings, and how they are checked again from their file alone."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.contract.errors import ReleaseRefused
from deidframe.guard.certificate import Check
from deidframe.guard.groups import check_groups
from deidframe.guard.statement import Statement
from deidframe.words import counted

KIND = "means"
FILE = "means.npz"
ARRAYS = {"means", "people", "space"}
HOLDS_NOT = (
    "an attacker who has encodings of all other members of a group: they are subtracted from its mean",
    "membership: a mean lies nearer to its members than to others, so that a person is in the database may be seen",
    "other releases of the same people: their groups can be intersected with these",
)


@dataclass(frozen=True)
class MeansCertificate:
    """What was counted of a release of means.

    Args:
        k_asked, k_counted: people behind each mean.
        people, groups, withheld: people whose encodings are in a mean, means, and people in none.
        space: of the encodings.
        checks: each with its words; holds, holds_not: sentences.
    """

    k_asked: int
    k_counted: int
    people: int
    groups: int
    withheld: int
    space: str
    checks: tuple[Check, ...]
    holds: tuple[str, ...]
    holds_not: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "pictures": 1, "distinct_pictures": 1}

    @property
    def statement(self) -> Statement:
        """What the folder says of itself."""
        sharing = f"It may be shared for what it promises and for nothing else: {self.holds[0]}."
        return Statement(True, sharing, "No attack on these means has been tried.", ())


def certify_means(groups: Mapping[str, int], person_of: Mapping[str, str], k: int, space: str, name: str) -> MeansCertificate:
    """Count the people behind each mean anew, from the pictures that were grouped.

    Args:
        groups: picture -> group, those in none left out.
        person_of: picture -> person, of all.

    Raises:
        ReleaseRefused: a group has fewer than k people, a person is in two, or there is no group.
    """
    counts = check_groups(groups, person_of, k, name)
    if not counts:
        raise ReleaseRefused(f"{name}: no group of at least {k} people was found; nothing is released")
    people = sum(counts.values())
    withheld = len(set(person_of.values())) - people
    least = min(counts.values())
    checks = (
        Check("accounting", True, f"{people + withheld} people came in = {people} in means + {withheld} in none"),
        Check("at least k people", True, f"every one of {counted(len(counts), 'mean')} is of at least {least} people (k = {k})"),
        Check("one group a person", True, f"each of {people} people is in one mean and counts once"),
    )
    held = f"every mean is of the encodings of at least {least} people, each counted once, with respect to this release alone"
    return MeansCertificate(k, least, people, len(counts), withheld, space, checks, (held,), HOLDS_NOT)


def check_means(path: Path, certificate: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a file of means."""
    try:
        with np.load(path, allow_pickle=False) as held:
            if set(held) != ARRAYS:
                return [f"{path.name} holds {', '.join(sorted(held))}, expected {', '.join(sorted(ARRAYS))}"]
            means, people = held["means"], held["people"]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        return [f"{path.name} cannot be read ({type(error).__name__})"]
    wrong = []
    if means.ndim != 2 or people.shape != means.shape[:1] or not np.isfinite(means).all():
        return [f"{path.name}: means {means.shape} and people {people.shape} do not fit together"]
    if len(people) != certificate.get("groups") or int(people.sum()) != certificate.get("people"):
        wrong.append(f"{path.name}: {len(people)} means of {int(people.sum())} people are not what the certificate counts")
    if len(people) and int(people.min()) < int(certificate.get("k_asked") or 0):
        wrong.append(f"{path.name}: a mean is of {int(people.min())} people, k = {certificate.get('k_asked')} was asked")
    return wrong
