"""`deidframe survey`: ask people whom released faces show."""

from __future__ import annotations

import argparse

HELP = "an offline page that asks people whom released faces show"
EXAMPLE = "deidframe survey runs/quickstart --each 20"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="RUN", help="a run folder whose originals may be shown")
    parser.add_argument("-o", "--out", metavar="DIR", help="folder of the page (default: private/survey of the run)")
    parser.add_argument("--each", type=int, default=20, metavar="N", help="questions for each method (default: 20)")
    parser.add_argument("--controls", type=int, default=10, metavar="N", help="questions about clear faces (default: 10)")


def run(options: argparse.Namespace) -> int:
    """Write the page; its key stays under `private` of the run."""
    from pathlib import Path

    from deidframe.report.survey import write_survey

    out = Path(options.out) if options.out else None
    page, count = write_survey(Path(options.folder), out, each=options.each, controls=options.controls)
    print(f"survey   {page}, {count} questions (shows originals: only for those who may see them)")
    print(f"answers  deidframe report {options.folder} --survey answers.json ...")
    return 0
