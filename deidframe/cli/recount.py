"""`deidframe recount`: count the promise of a run's releases again, from its private part."""

from __future__ import annotations

import argparse

HELP = "count the certificates of a run again, from its files and its private mapping"
EXAMPLE = "deidframe recount runs/quickstart"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="RUN", help="a run folder with its private/ part")


def run(options: argparse.Namespace) -> int:
    """Print what was counted; 6 where it is not what a certificate says."""
    from pathlib import Path

    from deidframe.engine.release.recount import recount
    from deidframe.words import counted

    wrong = False
    for one in recount(Path(options.folder)):
        state = f"{len(one.problems)} wrong" if one.problems else "as certified"
        size = f"{counted(one.pictures, 'picture')} of {counted(one.people, 'person')}"
        shared = f", each shared by at least {one.k}"
        if one.scenes:
            size = f"{counted(one.pictures, 'whole photo')} or videos with {counted(one.people, 'person')}"
            shared = f", groups of at least {one.k} behind what is drawn" if one.k else ", no groups behind it"
        print(f"{one.folder}: {size}{shared}: {state}")
        for problem in one.problems:
            print(f"  {problem}")
        wrong = wrong or bool(one.problems)
    print("not counted again: that a face was found in each original, and that none was handed back (that needs the originals)")
    return 6 if wrong else 0
