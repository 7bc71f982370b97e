"""`deidframe compare`: set finished runs beside each other, by their records alone."""

from __future__ import annotations

import argparse

HELP = "set finished runs beside each other: fronts, ranks, one table for each database"
EXAMPLE = "deidframe compare runs/h2h-7 runs/h2h-8 runs/h2h-9 -o runs/compared"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders; of another's, run.json, cells.jsonl are enough")
    parser.add_argument("-o", "--out", required=True, metavar="DIR", help="folder of the comparison")


def run(options: argparse.Namespace) -> int:
    """Write the page, its Markdown, tables and figures; nothing of the runs is executed."""
    import shlex
    from pathlib import Path

    from rich.console import Console

    from deidframe.record.check import read_checked
    from deidframe.report import render
    from deidframe.report.across.contenders import compared
    from deidframe.report.across.page import write_comparison
    from deidframe.report.across.tables import methods_table

    folders = [Path(one) for one in options.runs]
    found = compared([read_checked(folder) for folder in folders])
    named = [folder.name for folder in folders]  # a path of this machine is nothing for a page that is shown around
    page = write_comparison(found, Path(options.out), shlex.join(["deidframe", "compare", *named, "-o", Path(options.out).name]))
    console = Console()
    for one in found.databases:
        console.print(render.terminal(methods_table(one), f"{one.name}: {len(one.attacks)} attacks in common"))
    for what, why in found.left_out:
        print(f"left out: {what}: {why}")
    print(f"compared {page}")
    return 0
