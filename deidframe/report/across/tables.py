"""The tables of a comparison over runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from deidframe.measure.ranking import Ranking, ranking
from deidframe.report.across.contenders import Comparison, Contender, Database, blocks
from deidframe.report.columns import Column, Estimate, Line, Table, Value

CRITERIA = ("strongest attack", "loss")
"""What methods are ranked by; the places in `Contender.each`."""


def methods_table(database: Database) -> Table[Contender]:
    """Return the methods of one database side by side."""
    columns = (
        Column[Contender]("k asked,\ncounted", lambda c: (c.cell.k, c.cell.k_counted) if c.cell.k else None),
        Column[Contender]("seeds", lambda c: len(c.seeds)),
        Column[Contender]("rank-1,\nstrongest", lambda c: c.worst, narrow=True, metric="rank1"),
        Column[Contender]("by", lambda c: c.by or None),
        Column[Contender]("1/k", lambda c: 1 / c.cell.k_counted if c.cell.k and c.cell.k_counted else None, narrow=True),
        *(_loss(name, narrow=n == 0) for n, name in enumerate(database.judges)),
        Column[Contender]("found\n(%)", _found, 0, 100, metric="faces_found"),
        Column[Contender]("released,\nof", lambda c: (c.cell.released, c.cell.total) if c.cell.protects else None),
    )
    lines = [Line(c.label, c, notes=_notes(c), broken=c.broken) for c in database.contenders]
    return Table("method", columns, tuple(lines))


def _loss(encoder: str, *, narrow: bool) -> Column[Contender]:
    def read(c: Contender) -> Value:
        found = c.losses.get(encoder)
        return replace(found, star=encoder in c.cell.sees) if found is not None else None

    return Column(f"loss,\n{encoder}", read, narrow=narrow, metric=f"loss.{encoder}")


def _found(c: Contender) -> Value:
    found = c.cell.metrics.get("faces_found")
    return float(found["value"]) if found else None


def _notes(c: Contender) -> tuple[str, ...]:
    if not (c.cell.protects or c.cell.foreign):
        return ("a baseline, never released",)
    return (*(("nobody is better in both",) if c.leads else ()), *(("released by another tool",) if c.cell.foreign else ()))


def attacks_table(database: Database) -> Table[str]:
    """Return every attack that all runs tried on every method."""

    def under(contender: Contender) -> Column[str]:
        return Column(
            contender.label,
            lambda protocol: contender.attacks.get(protocol),
            metric="rank1",
            bound=lambda protocol: contender.above.get(protocol),
        )

    lines = []
    for protocol, name in database.attacks.items():
        sample = database.samples[protocol]
        lines.append(Line(name, protocol, notes=(f"{sample.threat}, {sample.gallery}" if sample.gallery else sample.threat,)))
    guess: Column[str] = Column("guessing", lambda protocol: database.samples[protocol].metrics.get("chance1"))
    return Table("attack", (guess, *map(under, database.contenders)), tuple(lines))


def ranked(comparison: Comparison) -> tuple[list[str], dict[str, Ranking], list[tuple[str, str]]]:
    """Return the methods in all blocks, criterion -> their ranking, and what was left out of the ranks and why."""
    every, kept, left = blocks(comparison)
    if not kept or not every:
        return [], {}, left
    figures = np.zeros((len(CRITERIA), len(every), len(kept)))
    for n, block in enumerate(every):
        of = {(c.label, c.settings): c for c in block.database.contenders}
        for m, name in enumerate(kept):
            figures[:, n, m] = of[name].each[block.seed]
    return [label for label, _ in kept], {c: ranking(table) for c, table in zip(CRITERIA, figures, strict=True)}, left


def ranks_table(names: Sequence[str], rankings: dict[str, Ranking]) -> Table[int]:
    """Return mean ranks, a line a method, the lowest sum first."""

    def column(criterion: str) -> Column[int]:
        return Column(f"mean rank,\n{criterion}", lambda m: float(rankings[criterion].mean[m]), narrow=True)

    order = sorted(range(len(names)), key=lambda m: sum(float(r.mean[m]) for r in rankings.values()))
    return Table("method", tuple(column(c) for c in rankings), tuple(Line(names[m], m) for m in order))


def answer(comparison: Comparison, names: Sequence[str], rankings: dict[str, Ranking]) -> list[str]:
    """Return what the figures say, by fixed rules."""
    said = []
    for one in comparison.databases:
        racing = [c for c in one.contenders if c.competes]
        front = [c for c in racing if c.leads]
        where = f"On {one.name} ({one.people} people, {len(one.attacks)} attacks in common)"
        if front:
            told = "; ".join(f"{c.label} ({_short(c.worst)}, {_short(_fair(c, one))})" for c in front)
            said.append(
                f"{where} no method is better in both, the strongest attack and the loss in {one.judges[0]}, than these"
                f" of {len(racing)}: {told}."
            )
        broken = [f"{c.label}: {'; '.join(c.broken)}" for c in racing if c.broken]
        if broken:
            said.append(f"Promises that were broken there: {' / '.join(broken)}.")
    for criterion, found in rankings.items():
        if found.p is None:
            continue
        differ = f"differ (p = {found.p:.2g})" if found.p < 0.05 else f"are not told apart (p = {found.p:.2g})"
        gap = f"; mean ranks nearer than {found.critical:.2f} are not told apart" if found.p < 0.05 else ""
        said.append(f"By {criterion}, over {found.blocks} blocks, the {len(names)} methods {differ}{gap}.")
    if names and not any(found.p is not None for found in rankings.values()):
        said.append("There are too few methods or blocks for a test of ranks: run more seeds or databases.")
    return said


def _fair(c: Contender, database: Database) -> Estimate | None:
    return c.losses.get(database.judges[0]) if database.judges else None


def _short(figure: Estimate | None) -> str:
    return "–" if figure is None else f"{figure.value:.2f}"
