"""`deidframe montage`: the faces of each group in a frame."""

from __future__ import annotations

import argparse

from deidframe.cli.options import add_timeout

HELP = "show the faces of each group of a groups file"
EXAMPLE = "deidframe montage groups.csv --data portraits"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("groups", metavar="GROUPS.csv", help="id,group lines, as `deidframe cluster` writes them")
    parser.add_argument("--data", required=True, metavar="DIR", help="the folder of pictures whose paths are the ids")
    parser.add_argument(
        "-o", "--out", default="private", metavar="DIR", help="folder for montage.jpg, made 0700 (default: private)"
    )
    parser.add_argument("--detector", metavar="NAME", help="an installed detector (default: that of the recipe `folder`)")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Write one picture; it shows real people unless they do not exist, so it is its owner's alone."""
    import tempfile
    from pathlib import Path

    from deidframe.cli.files import new_file, write_private
    from deidframe.engine.runtime.progress import Quiet
    from deidframe.engine.tools.montage import montage

    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    target = new_file(folder / "montage.jpg")
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        data, groups, faces, missing = montage(Path(options.groups), Path(options.data), options.detector, Path(scratch), Quiet())
    write_private(target, data)
    print(f"{target}: {faces} faces in {groups} groups{f', {missing} ids without a face left out' if missing else ''}")
    return 0
