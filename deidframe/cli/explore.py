"""`deidframe explore`: a page of where people lie before and after, and whom each attack took them for."""

from __future__ import annotations

import argparse

HELP = "an offline page that maps people before and after each method, person by person"
EXAMPLE = "deidframe explore runs/quickstart"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="RUN", help="a run folder with its `private`")
    parser.add_argument("--no-tsne", action="store_true", help="make no t-SNE maps, which take most of the time")


def run(options: argparse.Namespace) -> int:
    """Write the page, under `private` where people are real."""
    from pathlib import Path

    from deidframe.report.explorer import write_explorer

    for page in write_explorer(Path(options.folder), maps=not options.no_tsne):
        private = " (names people; do not share)" if "private" in page.parent.name else ""
        print(f"explore  {page}, {page.stat().st_size / 1e6:.1f} MB{private}")
    return 0
