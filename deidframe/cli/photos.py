"""`deidframe photos`: cover every face of a folder of photos."""

from __future__ import annotations

import argparse

from deidframe.cli.options import add_timeout

HELP = "cover every face in a folder of photos, whole photos out"
EXAMPLE = "deidframe photos holiday covered --cover fill"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="IN", help="photos, in folders as they are")
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
        "--exempt", action="append", default=[], metavar="PHOTO=REASON", help="leave the people of a photo as they are"
    )
    parser.add_argument(
        "--allow-faceless", action="store_true", help="release photos in which nobody is seen; without it they are withheld"
    )
    parser.add_argument("--offline", action="store_true", help="fetch no weights")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Cover, check and release, and say what was counted; 1 where a photo was withheld."""
    import tempfile
    from pathlib import Path

    from rich.console import Console

    from deidframe.cli.scenes import say
    from deidframe.cli.show import Bars, Lines
    from deidframe.engine.tools.scenes import cover_folder
    from deidframe.recipe.packaged import usual

    console = Console(stderr=True)
    reporter = Bars(console) if console.is_terminal else Lines()
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        done = cover_folder(
            Path(options.folder),
            Path(options.out),
            options.cover,
            options.detector or list(usual().detectors),
            Path(scratch),
            reporter,
            allow_faceless=options.allow_faceless,
            exempt=options.exempt,
            offline=options.offline,
        )
    say(done)
    return 1 if done.certificate.count.withheld else 0
