"""`deidframe photos`: cover every face of a folder of photos."""

from __future__ import annotations

import argparse

from deidframe.cli.scenes import add_scene_options, detectors_of, reporter_of, say

HELP = "cover every face in a folder of photos, whole photos out"
EXAMPLE = "deidframe photos holiday covered --cover fill"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_scene_options(parser, "photos, in folders as they are", "photos")
    parser.add_argument(
        "--exempt", action="append", default=[], metavar="PHOTO=REASON", help="leave the people of a photo as they are"
    )


def run(options: argparse.Namespace) -> int:
    """Cover, check and release, and say what was counted; 1 where a photo was withheld."""
    import tempfile
    from pathlib import Path

    from deidframe.engine.tools.scenes import cover_folder, scene_tools

    source, out = Path(options.source), Path(options.out)
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        tools = scene_tools(options.cover, detectors_of(options), Path(scratch), reporter_of(), offline=options.offline)
        return say(cover_folder(tools, source, out, allow_faceless=options.allow_faceless, exempt=options.exempt))
