"""`deidframe video`: cover every face of a video in every frame."""

from __future__ import annotations

import argparse

from deidframe.cli.options import add_timeout

HELP = "cover every face of videos in every frame, with times and sound as they were"
EXAMPLE = "deidframe video clip.mp4 covered --sound drop"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("source", metavar="IN", help="a video, or a folder of videos")
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
        "--sound", choices=["keep", "drop"], default="keep", help="voices are kept as they are, or left out (default: keep)"
    )
    parser.add_argument(
        "--allow-faceless", action="store_true", help="release videos in which nobody is seen; without it they are withheld"
    )
    parser.add_argument(
        "--preview",
        type=int,
        metavar="N",
        help="only draw every N-th frame into OUT.preview.jpg, before anything long runs",
    )
    parser.add_argument("--offline", action="store_true", help="fetch no weights")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Cover, check and release, and say what was counted; 1 where a file was withheld."""
    import tempfile
    from pathlib import Path

    from rich.console import Console

    from deidframe.cli.files import new_file, write_private
    from deidframe.cli.scenes import say
    from deidframe.cli.show import Bars, Lines
    from deidframe.engine.tools.scenes import cover_films, preview_film
    from deidframe.recipe.packaged import usual

    console = Console(stderr=True)
    reporter = Bars(console) if console.is_terminal else Lines()
    if options.preview is not None:
        target = new_file(Path(f"{options.out}.preview.jpg"))
        with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
            detectors = options.detector or list(usual().detectors)
            shown = preview_film(
                Path(options.source), options.preview, options.cover, detectors, Path(scratch), reporter, offline=options.offline
            )
        write_private(target, shown)
        print(f"{target}: each frame on its own, without what the tracker fills in")
        return 0
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        done = cover_films(
            Path(options.source),
            Path(options.out),
            options.cover,
            options.detector or list(usual().detectors),
            Path(scratch),
            reporter,
            allow_faceless=options.allow_faceless,
            sound=options.sound == "keep",
            offline=options.offline,
        )
    say(done)
    return 1 if done.certificate.count.withheld else 0
