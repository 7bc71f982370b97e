"""`deidframe merge`: a run over a database that several machines have looked at in parts."""

from __future__ import annotations

import argparse

from deidframe.cli import run as run_command

HELP = "run a recipe over what `deidframe run --shard` has seen, on this machine or on others"
EXAMPLE = "deidframe merge quickstart node-1/stages node-2/stages --out runs/whole"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options, which are those of `run`."""
    run_command.arguments(parser)
    parser.add_argument(
        "caches",
        nargs="*",
        metavar="STAGES",
        help="folder `stages` of another machine's cache (see `deidframe cache`); none where all machines shared this one",
    )


def run(options: argparse.Namespace) -> int:
    """Take over all parts, then run the recipe; a part that is missing, or is of another run, ends it before anything is done."""
    from deidframe.contract.errors import UsageError

    if options.shard:
        raise UsageError("merge takes all parts: give --shard to `deidframe run`")
    return run_command.run(options, list(options.caches))
