"""`deidframe cache`: what is kept for the next run, and room again."""

from __future__ import annotations

import argparse

HELP = "show or trim what is kept for the next run"
EXAMPLE = "deidframe cache --trim 500"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--trim", type=float, metavar="MB", help="remove the oldest until no more than this is left; 0 empties it"
    )


def run(options: argparse.Namespace) -> int:
    """Print how much is there, after trimming where that was asked."""
    from deidframe.contract.errors import UsageError
    from deidframe.engine.cache.disk_cache import DiskCache
    from deidframe.engine.run import stages_folder
    from deidframe.engine.tools.parts import forget

    cache = DiskCache(stages_folder())
    if options.trim is not None:
        if options.trim < 0:
            raise UsageError(f"--trim {options.trim:g}: expected a number of megabytes of at least 0")
        print(f"{cache.trim(int(options.trim * 1e6))} entries removed")
        if options.trim == 0:
            forget(cache)
    entries = cache.entries()
    print(f"{cache.root}: {len(entries)} entries, {sum(size for _, size, _ in entries) / 1e6:.1f} MB")
    return 0
