"""`deidframe report`: make a run's page again from its records."""

from __future__ import annotations

import argparse

HELP = "make a run's report again from its records"
EXAMPLE = "deidframe report runs/quickstart"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("--survey", nargs="+", metavar="ANSWERS", help="also count what people answered to `deidframe survey`")
    parser.add_argument("--pdf", action="store_true", help="also print the page to report.pdf, with the Chromium of this machine")


def run(options: argparse.Namespace) -> int:
    """Write the page, its Markdown, the tables and the figures; nothing is computed from faces."""
    from pathlib import Path

    from rich.console import Console

    from deidframe.report.page import write_report
    from deidframe.report.pdf import print_page
    from deidframe.report.survey import take_answers
    from deidframe.report.terminal import summary

    folder = Path(options.folder)
    if options.survey:
        take_answers(folder, [Path(one) for one in options.survey])
    written = write_report(folder)
    summary(folder, Console())
    print(f"report   {written}")
    if options.pdf:
        print(f"pdf      {print_page(written)}")
    return 0
