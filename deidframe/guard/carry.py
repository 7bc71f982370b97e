"""Columns of the owner's table that are released beside the pictures, and what they give away.

A carried value is released where a whole group shares it, and withheld where it would tell members of a group apart. What is
released is then as homogeneous as can be: whoever knows that a person is in the database, and in which group, knows the value. So
the certificate states l-diversity (Machanavajjhala et al., 2007: the fewest different values of a group, before anything was
withheld) and t-closeness (Li et al., 2007: the greatest distance between a group's distribution and that of all, half the sum of
the differences).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deidframe.guard.release import Release

FILE = "carried.csv"


@dataclass(frozen=True)
class Carried:
    """One column.

    Args:
        column: its name.
        values: face id -> what is released, "" where it is withheld.
        groups, withheld: groups, and those of which the value is withheld.
        diversity: fewest different values among the people of a group.
        closeness: greatest distance of a group's distribution from that of all people, 0 to 1.
    """

    column: str
    values: Mapping[str, str]
    groups: int
    withheld: int
    diversity: int
    closeness: float

    @property
    def words(self) -> str:
        """What the certificate says."""
        return (
            f'column "{self.column}": released for {self.groups - self.withheld} of {self.groups} groups, whose people all have'
            f" the same value, and withheld for the others; l-diversity {self.diversity}, t-closeness {self.closeness:.2f}"
        )


def carry(release: Release, columns: Mapping[str, Mapping[str, str]], wanted: Sequence[str]) -> tuple[Carried, ...]:
    """Return what may be released of each column.

    A person with different values in its pictures has none. A release without groups shows each person alone, so nothing of it is
    carried.

    Args:
        release: with its groups.
        columns: picture -> column -> text.
        wanted: columns that the owner names.
    """
    if release.groups is None:
        return ()
    person_of, groups = release.person_of, release.groups
    out = []
    for column in wanted:
        said: dict[str, set[str]] = {}
        for face, person in person_of.items():
            said.setdefault(person, set()).add(columns.get(face, {}).get(column, ""))
        value_of = {person: next(iter(values)) if len(values) == 1 else "" for person, values in said.items()}
        members: dict[int, set[str]] = {}
        for face, group in groups.items():
            members.setdefault(group, set()).add(person_of[face])
        every = Counter(value_of.values())
        shares = {value: count / len(value_of) for value, count in every.items()}
        released: dict[int, str] = {}
        diversity, closeness = len(value_of), 0.0
        for group, people in members.items():
            counts = Counter(value_of[person] for person in people)
            diversity = min(diversity, len(counts))
            apart = sum(abs(counts.get(value, 0) / len(people) - share) for value, share in shares.items()) / 2
            closeness = max(closeness, apart)
            released[group] = next(iter(counts)) if len(counts) == 1 else ""
        values = {face: released[group] for face, group in groups.items()}
        out.append(Carried(column, values, len(members), sum(not one for one in released.values()), diversity, closeness))
    return tuple(out)


def carried_csv(release: Release, carried: Sequence[Carried]) -> bytes:
    """Return the released table: a line for each file, sorted by its opaque name."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("file", *(one.column for one in carried)))
    lines = sorted((release.names[face], *(one.values.get(face, "") for one in carried)) for face in release.faces.ids)
    writer.writerows([_safe(value) for value in line] for line in lines)
    return out.getvalue().encode("utf-8", "replace")


def _safe(value: str) -> str:
    """Keep a spreadsheet from taking a value for a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") else value
