"""The k gate: an independent count of the distinct people in every group."""

from __future__ import annotations

from collections.abc import Mapping

from deidframe.contract.errors import ReleaseRefused


def people_in_groups(groups: Mapping[str, int], person_of: Mapping[str, str]) -> dict[int, int]:
    """Return how many distinct people each group holds.

    Args:
        groups: face id -> group.
        person_of: face id -> person.
    """
    people: dict[int, set[str]] = {}
    for face, group in groups.items():
        people.setdefault(group, set()).add(person_of[face])
    return {group: len(names) for group, names in sorted(people.items())}


def check_groups(groups: Mapping[str, int], person_of: Mapping[str, str], k: int, method: str) -> dict[int, int]:
    """Return the people of each group after making sure that each holds at least k and that nobody is in two.

    Raises:
        ReleaseRefused: a group has fewer than k distinct people, or a person is in two groups.
    """
    group_of: dict[str, int] = {}
    for face, group in groups.items():
        person = person_of[face]
        if group_of.setdefault(person, group) != group:
            raise ReleaseRefused(f"{method}: a person is in two groups; two groups that share one person single that person out")
    counts = people_in_groups(groups, person_of)
    small = {group: count for group, count in counts.items() if count < k}
    if small:
        group, count = next(iter(small.items()))
        more = f" (and {len(small) - 1} more)" if len(small) > 1 else ""
        raise ReleaseRefused(f"{method}: group {group} holds {count} people, k = {k} was asked for{more}; nothing is released")
    return counts
