"""What the commands over whole photos and videos share: their options, and what the shell is told in the end."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from deidframe.cli.options import add_timeout

if TYPE_CHECKING:
    from deidframe.engine.runtime.progress import Reporter
    from deidframe.engine.scenes.folder import Outcome


def add_scene_options(parser: argparse.ArgumentParser, source: str, what: str) -> None:
    """Declare what is covered, how, and by whom it is seen.

    Args:
        parser: of the command.
        source: what IN is.
        what: files, in the plural.
    """
    parser.add_argument("source", metavar="IN", help=source)
    parser.add_argument("out", metavar="OUT", help="a new folder; after a cut, the same command goes on in it")
    parser.add_argument(
        "--cover",
        default="fill",
        metavar="NAME",
        help="fill (from the pixels around, reads nothing of a face; default), mosaic, or an installed redactor",
    )
    parser.add_argument(
        "--detector",
        action="append",
        default=[],
        metavar="NAME",
        help="an installed detector, may be given again; what any sees is covered (default: those of the recipe `folder`)",
    )
    parser.add_argument(
        "--allow-faceless", action="store_true", help=f"release {what} in which nobody is seen; without it they are withheld"
    )
    parser.add_argument("--offline", action="store_true", help="fetch no weights")
    add_timeout(parser)


def detectors_of(options: argparse.Namespace) -> list[str]:
    """Return the detectors that are asked for, or the usual ones."""
    from deidframe.recipe.packaged import usual

    return options.detector or list(usual().detectors)


def reporter_of() -> Reporter:
    """Return bars for a terminal, else lines."""
    from rich.console import Console

    from deidframe.cli.show import Bars, Lines

    console = Console(stderr=True)
    return Bars(console) if console.is_terminal else Lines()


def said_of(done: Outcome) -> tuple[str, ...]:
    """Return lines that say where a release lies, what was counted, what holds and what does not."""
    said = done.certificate
    return (
        f"{done.folder}: {said.kind}, {said.cover}",
        *(f"  {check.words}" for check in said.checks),
        *(f"holds: {sentence}" for sentence in said.holds),
        *(f"not promised: {sentence}" for sentence in said.holds_not),
        *(f"withheld: {count} ({reason})" for reason, count in said.count.withheld.items()),
    )


def code_of(done: Outcome) -> int:
    """Return the exit code: 1 where something was withheld."""
    return 1 if done.certificate.count.withheld else 0


def say(done: Outcome) -> int:
    """Print what `said_of` says and return the exit code."""
    print("\n".join(said_of(done)))
    return code_of(done)
