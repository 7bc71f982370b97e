"""The lines of an estimate."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from deidframe.words import counted

if TYPE_CHECKING:
    from deidframe.engine.tools.estimate import Estimate
    from deidframe.record.schema import Cell

SHOWN = 8
"""Stages that are named; the others are summed."""
MEASURED = 20_000
"""Pictures up to which growth was measured."""


def lines_of(done: Estimate) -> tuple[str, ...]:
    """Return what the whole run will take, and what it will probably find, as lines to print."""
    lines = [
        f"from {done.pictures:,} of {done.whole:,} pictures ({done.people:,} people) and a third of them,"
        f" {_time(done.spent)} on this machine:",
        f"time     {_time(done.likely)}; {_time(done.most)} if every stage grows as steeply as any did up to 20,000 pictures",
    ]
    for stage in done.stages[:SHOWN]:
        lines.append(f"         {_time(stage.likely):>10}  {stage.name}")
    rest = sum(stage.likely for stage in done.stages[SHOWN:])
    if rest:
        lines.append(f"         {_time(rest):>10}  {counted(len(done.stages) - SHOWN, 'other')}")
    lines.append(f"memory   some {done.memory / 1e9:.1f} GB, if it grows as it did up to 20,000 pictures")
    short = "" if done.disk < done.free else " - not enough"
    lines.append(f"disk     {done.disk / 1e9:.2f} GB for the run folder, {done.free / 1e9:.0f} GB are free{short}")
    if done.whole > MEASURED:
        lines.append(
            f"         an attack compares every released picture with its gallery: beyond {MEASURED:,} pictures that grows with"
            " the square, which a sample does not show"
        )
    lines += ["what the sample found (nothing of it is kept):", *_findings(done)]
    lines.append(
        "with more people k-Same groups lie closer and lose less, and an attacker has more people to take somebody for:"
        " rates of single pictures fall. What a method itself does is as here."
    )
    return tuple(lines)


def _findings(done: Estimate) -> list[str]:
    """Return what attacked each method best, what failed, and what was withheld."""
    out = []
    tried = [cell for cell in done.cells if cell.attack and "rank1" in cell.metrics]
    for method in dict.fromkeys(cell.method for cell in tried):
        own = [cell for cell in tried if cell.method == method]
        worst = max(own, key=lambda cell: float(cell.metrics["rank1"]["value"]))
        rank = worst.metrics["rank1"]
        said = f"rank-1 {rank['value']:.2f} [{rank['low']:.2f}, {rank['high']:.2f}]"
        out.append(f"  {method}: {said} by {worst.attack}, the worst of {counted(len(own), 'attack')}")
    for cell in done.cells:
        if cell.status != "ok":
            out.append(f"  {cell.method}{f', {cell.attack}' if cell.attack else ''}: {cell.status}: {cell.reason}")
    out += [f"  {count} of {done.pictures:,} withheld by {method}: {why}" for method, why, count in _withheld(done.cells)]
    return out


def _withheld(cells: tuple[Cell, ...]) -> list[tuple[str, str, int]]:
    told = Counter({(cell.method, why): count for cell in cells if not cell.attack for why, count in cell.reasons.items()})
    return [(method, why, count) for (method, why), count in told.most_common(SHOWN)]


def _time(seconds: float) -> str:
    """Return a time as one would say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
