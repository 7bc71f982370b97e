"""The side-by-side table: one row a method, chance and untouched faces always among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deidframe.recipe.model import LEARNING, UNBOUND
from deidframe.record.read import Record
from deidframe.record.schema import ROUNDING, Cell


@dataclass(frozen=True)
class Row:
    """One line of the comparison, figures still numbers.

    Args:
        cell: of the method.
        attacks: attack name -> its cell.
        loss, ratio: in the fairest encoder, if measured.
        broken: words that say which promise is broken, empty if none.
    """

    cell: Cell
    attacks: dict[str, Cell]
    loss: dict[str, Any] | None
    ratio: dict[str, Any] | None
    broken: tuple[str, ...]

    @property
    def naive(self) -> Cell | None:
        """The naive attack with the highest rank-1: what a comparison that tries no other would say."""
        done = [c for c in self.attacks.values() if "rank1" in c.metrics and c.threat == "naive"]
        return max(done, key=lambda c: float(c.metrics["rank1"]["value"]), default=None)

    @property
    def bound(self) -> Cell | None:
        """The attack with the highest rank-1 among those that k-anonymity promises something against."""
        apart = {"surroundings", *LEARNING, *UNBOUND}
        done = [c for c in self.attacks.values() if "rank1" in c.metrics and c.threat not in apart]
        return max(done, key=lambda c: float(c.metrics["rank1"]["value"]), default=None)

    @property
    def worst(self) -> Cell | None:
        """The attack with the highest rank-1.

        The surroundings of a face are told apart: the exact original always has them. So are attacks that learn where people
        share pictures: half of a group is the attacker's own there, and fewer candidates are left than the k that stands beside.
        """
        apart = {"surroundings", *(LEARNING if self.cell.k else ())}
        done = [c for c in self.attacks.values() if "rank1" in c.metrics and c.threat not in apart]
        return max(done, key=lambda c: float(c.metrics["rank1"]["value"]), default=None)


def judges(record: Record) -> tuple[str, ...]:
    """Return the encoders in which the loss of any method was measured, the fairest first.

    That is one in which all were measured, which as few of the methods as can be used themselves, and which attacks.
    """
    judged = [c for c in record.methods if not c.grouping and c.status == "ok"]
    names = {name.partition(".")[2] for c in judged for name in c.metrics if name.startswith("loss.")}
    attacks = [c.encoder for c in record.cells if c.attack]

    def unfair(name: str) -> tuple[int, int, int, str]:
        missing = sum(f"loss.{name}" not in c.metrics for c in judged)
        first = attacks.index(name) if name in attacks else len(attacks)
        return missing, sum(name in c.sees for c in judged), first, name

    return tuple(sorted(names, key=unfair))


def encoders_of(record: Record) -> list[str]:
    """Return the encoders in which the groups were measured."""
    return sorted({name.partition(".")[2] for c in record.methods for name in c.metrics if name.startswith("sse.")})


def rows(record: Record) -> tuple[Row, ...]:
    """Return one row for each method that releases or is a baseline, in the recipe's order."""
    encoder = next(iter(judges(record)), "")
    out = []
    for cell in record.methods:
        if cell.grouping:
            continue
        attacks = {c.attack: c for c in record.attacks_on(cell.method)}
        out.append(
            Row(
                cell,
                attacks,
                cell.metrics.get(f"loss.{encoder}"),
                cell.metrics.get(f"loss_ratio.{encoder}"),
                _broken(cell, attacks),
            )
        )
    return tuple(out)


def _broken(cell: Cell, attacks: dict[str, Cell]) -> tuple[str, ...]:
    said = []
    if cell.k and cell.status == "ok" and (cell.k_counted or 0) < cell.k:
        said.append(f"k counted {cell.k_counted} below k asked {cell.k}")
    for name, attack in attacks.items():
        rank, bound = attack.metrics.get("rank1"), attack.metrics.get("bound1")
        if rank and bound and rank["low"] > bound + ROUNDING:
            said.append(f"rank-1 above 1/k under {name}")
    return tuple(said)


def groupings(record: Record) -> tuple[Cell, ...]:
    """Return the rows of methods that only group."""
    return tuple(c for c in record.methods if c.grouping)


def by_kind(cells: Sequence[Cell]) -> list[tuple[str, list[Cell]]]:
    """Return the groupings of people, which have a k, and those that find people among pictures, under a title each."""
    kinds = (
        ("Groups of at least k people", [c for c in cells if c.k]),
        ("People found among pictures", [c for c in cells if not c.k]),
    )
    return [(title, kept) for title, kept in kinds if kept]


def most_tried_k(cells: Sequence[Cell]) -> int | None:
    """Return the k that most groupings were tried with, the largest of those; None where no grouping has a k."""
    tried = Counter(c.k for c in cells if c.k and c.status == "ok")
    return max(tried, key=lambda size: (tried[size], size)) if tried else None


def chance(record: Record) -> float | None:
    """Return the rank-1 of guessing, 1 / candidates."""
    return next((float(c.metrics["chance1"]) for c in record.cells if "chance1" in c.metrics), None)


def shown(figure: dict[str, Any] | None, decimals: int = 2) -> str:
    """Return `0.18 [0.12, 0.26]`, or a dash."""
    if not figure:
        return "–"
    d = decimals
    return f"{figure['value']:.{d}f} [{figure['low']:.{d}f}, {figure['high']:.{d}f}]"
