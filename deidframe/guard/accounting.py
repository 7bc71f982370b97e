"""Every id that came in is released, withheld with a reason, or failed; nothing is lost and nothing is counted twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from deidframe.contract.errors import ReleaseRefused


@dataclass(frozen=True)
class Account:
    """How many pictures went where; the sum is all that came in."""

    total: int
    released: int
    withheld: int
    failed: int
    reasons: Mapping[str, int]


def account(
    every: Collection[str], released: Collection[str], withheld: Mapping[str, str], failed: Mapping[str, str], method: str
) -> Account:
    """Return the count.

    Args:
        every: all ids that came in. released, withheld (id -> reason), failed (id -> reason): where they went.

    Raises:
        ReleaseRefused: an id is in two places, in none, or was never there.
    """
    sets = {"released": set(released), "withheld": set(withheld), "failed": set(failed)}
    names = list(sets)
    for row, one in enumerate(names):
        for other in names[row + 1 :]:
            both = sets[one] & sets[other]
            if both:
                raise ReleaseRefused(f"{method}: {len(both)} pictures are counted as {one} and as {other}")
    went = set().union(*sets.values())
    missing, extra = set(every) - went, went - set(every)
    if missing or extra or len(released) != len(sets["released"]):
        raise ReleaseRefused(
            f"{method}: the account does not close: {len(set(every))} pictures came in, {len(missing)} are nowhere,"
            f" {len(extra)} were never there, {len(released) - len(sets['released'])} are released twice"
        )
    reasons: dict[str, int] = {}
    for reason in (*withheld.values(), *failed.values()):
        reasons[reason] = reasons.get(reason, 0) + 1
    counts = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    return Account(len(set(every)), len(sets["released"]), len(withheld), len(failed), counts)
