"""The end of a run on a terminal: the side-by-side table, and what was withheld and why."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deidframe.record.read import Record, read_run
from deidframe.report.table import attack_encoder, chance, rows, shown


def summary(folder: Path, console: Console) -> None:
    """Print the run's comparison."""
    record = read_run(folder)
    encoder = attack_encoder(record)
    attacks = list(dict.fromkeys(c.attack for c in record.cells if c.attack and c.threat != "clear"))
    table = Table(
        box=box.SIMPLE_HEAD, title=f"{record.run['name']}: what the attacker matches and what it costs", title_justify="left"
    )
    table.add_column("method", overflow="fold")
    for head in ("k", "groups", "released", "withheld", "found"):
        table.add_column(head, justify="right")
    for name in attacks:
        table.add_column(f"rank-1 {name}", justify="right")
    table.add_column("1/k", justify="right")
    table.add_column(f"loss ({encoder})" if encoder else "loss", justify="right")
    for row in rows(record):
        cell = row.cell
        if cell.status != "ok":
            table.add_row(Text(cell.method), "", "", "0", str(cell.total), Text(f"{cell.status}: {cell.reason}", style="red"))
            continue
        found = cell.metrics.get("faces_found")
        ranks = []
        for name in attacks:
            attack = row.attacks.get(name)
            failed = attack is not None and attack.status != "ok"
            ranks.append(Text("failed", style="red") if failed else Text(shown(attack.metrics.get("rank1")) if attack else "–"))
        title = Text(cell.method)
        if row.broken:
            title.append(f"\nbroken: {'; '.join(row.broken)}", style="bold red")
        table.add_row(
            title,
            str(cell.k_counted) if cell.k else "–",
            str(cell.groups or "–"),
            str(cell.released) if cell.protects else "none",
            str(cell.withheld),
            f"{100 * found['value']:.0f} %" if found else "–",
            *ranks,
            f"{1 / cell.k_counted:.2f}" if cell.k and cell.k_counted else "–",
            shown(row.loss),
        )
    guess = chance(record)
    if guess is not None:
        table.add_row("chance", "", "", "", "", "", *(f"{guess:.2f}" for _ in attacks), "", "")
    console.print(table)
    _beside(record, console)


def _beside(record: Record, console: Console) -> None:
    for cell in record.clear:
        rank = cell.metrics.get("rank1")
        said = shown(rank) if rank else f"{cell.status}: {cell.reason}"
        console.print(Text(f"matcher on untouched faces ({cell.encoder}): rank-1 {said} among {cell.candidates} people"))
    whole = next((c for c in record.methods if c.reasons), None)
    if whole:
        for reason, count in whole.reasons.items():
            if reason != "unprotected, measured only":
                console.print(Text(f"withheld: {count} ({reason})"))
