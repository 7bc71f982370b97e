"""The end of a run on a terminal: the side-by-side table, and what was withheld and why."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from deidframe.record.read import Record, read_run
from deidframe.report import render
from deidframe.report.rows import by_kind, groupings, judges, rows, shown
from deidframe.report.tables import comparison, grouping_table


def summary(folder: Path, console: Console) -> None:
    """Print the run's comparison."""
    record = read_run(folder)
    name = record.run["name"]
    for title, cells in by_kind(groupings(record)):
        console.print(render.terminal(grouping_table(cells), f"{name}: {title.lower()}"))
    if not rows(record):
        return
    judge = next(iter(judges(record)), "no encoder")
    star = " (*: which the method itself used)" if any(judge in row.cell.sees for row in rows(record)) else ""
    console.print(render.terminal(comparison(record), f"{name}: rank-1 under attack, and surrogate loss in {judge}{star}"))
    _beside(record, console)


def _beside(record: Record, console: Console) -> None:
    for cell in record.cells:
        if cell.status != "ok":
            who = f"{cell.method} / {cell.attack}" if cell.attack else cell.method
            console.print(Text(f"{cell.status}: {who}: {cell.reason}", style="red"), soft_wrap=True)
    for cell in record.clear:
        rank = cell.metrics.get("rank1")
        said = f"rank-1 {shown(rank)} among {cell.candidates} people" if rank else f"not tried: {cell.reason}"
        console.print(Text(f"matcher on untouched faces ({cell.encoder}): {said}"))
    whole = next((c for c in record.methods if c.reasons), None)
    if whole:
        for reason, count in whole.reasons.items():
            if reason != "unprotected, measured only":
                console.print(Text(f"withheld: {count} ({reason})"))
