"""`deidframe verify`: re-check a release from its files alone."""

from __future__ import annotations

import argparse

HELP = "re-check a release from its files alone"
EXAMPLE = "deidframe verify runs/quickstart"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="DIR", help="a release, or a run folder: then every release in it")
    parser.add_argument(
        "--shard", default="", metavar="FILE", help="of a packed release, look at the pictures of this shard alone"
    )


def run(options: argparse.Namespace) -> int:
    """Print what was found; 6 where something is wrong."""
    from pathlib import Path

    from deidframe.engine.release.verify import releases_in, verify

    wrong = False
    for folder in releases_in(Path(options.folder)):
        verdict = verify(folder, options.shard)
        promise = f", k = {verdict.k}" if verdict.k else ", no promise of k"
        state = f"{len(verdict.problems)} wrong" if verdict.problems else "as it was released"
        if options.shard:
            promise = f" in {options.shard} alone, k not counted"
        told = f"{verdict.files} whole" if verdict.kind else f"{verdict.files} pictures, {verdict.distinct} different{promise}"
        print(f"{folder}: {told}{' photos or videos' if verdict.kind else ''}: {state}")
        for problem in verdict.problems:
            print(f"  {problem}")
        wrong = wrong or bool(verdict.problems)
    return 6 if wrong else 0
