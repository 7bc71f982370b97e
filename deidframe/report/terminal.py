"""The end of a run on a terminal: the side-by-side table, and what was withheld and why."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deidframe.record.read import Record, read_run
from deidframe.report.rows import attack_encoder, chance, groupings, rows, shown


def summary(folder: Path, console: Console) -> None:
    """Print the run's comparison."""
    record = read_run(folder)
    encoder = attack_encoder(record)
    attacks = list(dict.fromkeys(c.attack for c in record.cells if c.attack and c.threat != "clear"))
    title = f"{record.run['name']}: rank-1 of each attack, and surrogate loss in {encoder or 'the grouping encoder'}"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("method", overflow="fold")
    for head in (*attacks, "1/k", "loss", "found", "released"):
        table.add_column(head, justify="right", no_wrap=head in ("1/k", "found"))
    for row in rows(record):
        cell = row.cell
        if cell.status != "ok":
            table.add_row(Text(cell.method), *("" for _ in attacks), "", "", "", Text(cell.status, style="bold red"))
            continue
        found = cell.metrics.get("faces_found")
        ranks = []
        for name in attacks:
            attack = row.attacks.get(name)
            failed = attack is not None and attack.status != "ok"
            ranks.append(Text("failed", style="red") if failed else Text(shown(attack.metrics.get("rank1")) if attack else "–"))
        label = Text(cell.method)
        if row.broken:
            label.append(f"\nbroken: {'; '.join(row.broken)}", style="bold red")
        table.add_row(
            label,
            *ranks,
            f"{1 / cell.k_counted:.2f}" if cell.k and cell.k_counted else "–",
            shown(row.loss),
            f"{100 * found['value']:.0f} %" if found else "–",
            str(cell.released) if cell.protects else "never",
        )
    if groupings(record):
        _groupings(record, console)
    if not table.rows:
        return
    guess = chance(record)
    if guess is not None:
        table.add_row("chance", *(f"{guess:.2f}" for _ in attacks), "", "", "", "")
    console.print(table)
    _beside(record, console)


def _groupings(record: Record, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, title=f"{record.run['name']}: groupings", title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("method", overflow="fold")
    for head in ("k", "groups", "sizes", "noise", "SSE", "silhouette", "F", "s"):
        table.add_column(head, justify="right", no_wrap=True)
    for cell in groupings(record):
        if cell.status != "ok":
            table.add_row(Text(cell.method), *("" for _ in range(7)), Text(cell.status, style="bold red"))
            continue
        m = cell.metrics
        table.add_row(
            Text(cell.method),
            str(cell.k or "–"),
            str(cell.groups),
            f"{m['smallest']}-{m['largest']}",
            f"{100 * m.get('noise_before', m['noise_share']):.0f} %",
            f"{m['sse']:.2f}",
            f"{m['silhouette']['value']:.2f}" if "silhouette" in m else "–",
            f"{m['pairwise_f']:.3f}" if "pairwise_f" in m else "–",
            f"{sum(cell.stages.values()):.2f}",
        )
    console.print(table)


def _beside(record: Record, console: Console) -> None:
    for cell in record.cells:
        if cell.status != "ok":
            who = f"{cell.method} / {cell.attack}" if cell.attack else cell.method
            console.print(Text(f"{cell.status}: {who}: {cell.reason}", style="red"), soft_wrap=True)
    for cell in record.clear:
        rank = cell.metrics.get("rank1")
        said = shown(rank) if rank else f"{cell.status}: {cell.reason}"
        console.print(Text(f"matcher on untouched faces ({cell.encoder}): rank-1 {said} among {cell.candidates} people"))
    whole = next((c for c in record.methods if c.reasons), None)
    if whole:
        for reason, count in whole.reasons.items():
            if reason != "unprotected, measured only":
                console.print(Text(f"withheld: {count} ({reason})"))
