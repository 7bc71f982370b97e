"""`deidframe models`: the weights that the installed plugins use, their terms, and whether they are here."""

from __future__ import annotations

import argparse

HELP = "list the weights that plugins use, with licence and whether they are here"
EXAMPLE = "deidframe models"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")


def run(options: argparse.Namespace) -> int:
    """Print every listed weights file."""
    import dataclasses
    import json

    from deidframe.host.discover import list_plugins
    from deidframe.models.catalogue import listed_weights
    from deidframe.models.fetch import find_weights

    rows = []
    for one in listed_weights(p.package for p in list_plugins() if not p.problem):
        found = find_weights(one)
        rows.append({**dataclasses.asdict(one), "here": str(found) if found else ""})
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head in ("weights", "MB", "here", "sha256"):
        table.add_column(head, no_wrap=True)
    table.add_column("from, licence", overflow="fold")
    for row in rows:
        here = Text("yes") if row["here"] else Text("fetched on use", style="yellow")
        terms = f"{row['package']} {row['version']}, {row['licence']}"
        table.add_row(row["name"], f"{row['size'] / 1e6:.1f}", here, row["sha256"][:12], Text(terms))
    Console().print(table if rows else "no plugin lists weights")
    return 0
