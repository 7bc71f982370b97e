"""`deidframe boxes`: where every face of a run over photos and videos is, for audits."""

from __future__ import annotations

import argparse

HELP = "write where every face of a run over photos and videos is, as CSV or JSON"
EXAMPLE = "deidframe boxes covered --out boxes.csv"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN", help="a run folder with its private part")
    parser.add_argument("--out", metavar="FILE", help="a new file, ending in .csv or .json (default: CSV to the terminal)")


def run(options: argparse.Namespace) -> int:
    """Write the boxes."""
    import csv
    import io
    import json
    import sys
    from dataclasses import asdict, fields
    from pathlib import Path

    from deidframe.cli.files import new_file, write_private
    from deidframe.contract.errors import UsageError
    from deidframe.engine.tools.boxes import Box, boxes_of

    out = Path(options.out) if options.out else None
    if out is not None and out.suffix not in (".csv", ".json"):
        raise UsageError(f"--out {options.out}: expected a name that ends in .csv or .json")
    target = new_file(out) if out is not None else None
    rows = boxes_of(Path(options.run))
    if target is not None and target.suffix == ".json":
        text = json.dumps([asdict(row) for row in rows], indent=0, ensure_ascii=True)
    else:
        stream = io.StringIO()
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow([one.name for one in fields(Box)])
        for row in rows:
            lines.writerow(["" if value is None else value for value in asdict(row).values()])
        text = stream.getvalue()
    if target is None:
        sys.stdout.write(text.encode("utf-8", "replace").decode())
    else:
        write_private(target, text.encode("utf-8", "surrogateescape"))
        print(f"{target}: where people are in the files; not to be shared with what was never released")
    return 0
