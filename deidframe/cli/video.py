"""`deidframe video`: cover every face of a video in every frame."""

from __future__ import annotations

import argparse

from deidframe.cli.scenes import add_scene_options, detectors_of, reporter_of, say

HELP = "cover every face of videos in every frame, with times and sound as they were"
EXAMPLE = "deidframe video clip.mp4 covered --sound drop"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_scene_options(parser, "a video, or a folder of videos", "videos")
    parser.add_argument(
        "--sound", choices=["keep", "drop"], default="keep", help="voices are kept as they are, or left out (default: keep)"
    )
    parser.add_argument(
        "--exempt", action="append", default=[], metavar="VIDEO=REASON", help="leave the people of a video as they are"
    )
    parser.add_argument(
        "--roi",
        action="append",
        default=[],
        metavar="X0,Y0,X1,Y1",
        help="look for faces only in this part of frames, in pixels; may be given again",
    )
    parser.add_argument("--roi-reason", default="", metavar="TEXT", help="why faces elsewhere are left as they are")
    parser.add_argument(
        "--preview",
        type=int,
        metavar="N",
        help="only draw every N-th frame into OUT.preview.jpg, before anything long runs",
    )


def run(options: argparse.Namespace) -> int:
    """Cover, check and release, and say what was counted; 1 where a file was withheld."""
    import tempfile
    from pathlib import Path

    from deidframe.cli.files import new_file, write_private
    from deidframe.engine.tools.scenes import cover_films, preview_film, scene_tools

    source, out = Path(options.source), Path(options.out)
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        tools = scene_tools(options.cover, detectors_of(options), Path(scratch), reporter_of(), offline=options.offline)
        if options.preview is None:
            sound = options.sound == "keep"
            left = {"exempt": options.exempt, "roi": options.roi, "roi_reason": options.roi_reason}
            return say(cover_films(tools, source, out, sound=sound, allow_faceless=options.allow_faceless, **left))
        target = new_file(Path(f"{out}.preview.jpg"))
        write_private(target, preview_film(tools, source, options.preview))
    print(f"{target}: each frame on its own, without what the tracker fills in")
    return 0
