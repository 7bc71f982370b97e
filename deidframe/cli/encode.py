"""`deidframe encode`: pictures to encodings in one file."""

from __future__ import annotations

import argparse

from deidframe.cli.options import add_precision, add_timeout

HELP = "encode a folder of pictures into one file"
EXAMPLE = "deidframe encode portraits --use sface -o faces.npz"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "folder", metavar="FOLDER", help="pictures: one folder for each person, a flat folder, or a CSV of path and person"
    )
    parser.add_argument("--use", required=True, metavar="ENCODER", help="an installed encoder")
    parser.add_argument(
        "--param", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the encoder, may be given again"
    )
    parser.add_argument("--detector", metavar="NAME", help="an installed detector (default: that of the recipe `folder`)")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="a new .npz or .parquet file for the encodings")
    add_precision(parser)
    parser.add_argument("--offline", action="store_true", help="fetch no weights")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Encode every picture in which a face is found, and say what was left out."""
    import sys
    import tempfile
    from pathlib import Path

    from rich.console import Console

    from deidframe.cli.files import new_file
    from deidframe.cli.show import Bars, Lines
    from deidframe.engine.tools.condense import checked_target, condense
    from deidframe.engine.tools.encode import encode_folder

    target = checked_target(new_file(Path(options.out)), options.precision)
    console = Console(stderr=True)
    reporter = Bars(console) if console.is_terminal else Lines()
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        encodings, withheld = encode_folder(
            Path(options.folder),
            options.use,
            options.detector,
            Path(scratch),
            reporter,
            params=options.param,
            offline=options.offline,
        )
    made = condense(target, encodings, options.precision, Path(options.key) if options.key else None)
    people = f" of {len(set(encodings.subjects))} people" if encodings.subjects else ""
    print(f"{target}: {len(encodings)} encodings{people}, {encodings.vectors.shape[1]}-D, {encodings.space} (biometric data)")
    if options.precision != "float32":
        print(made.words)
    for reason in sorted(set(withheld.values())):
        print(f"left out: {list(withheld.values()).count(reason)} ({reason})", file=sys.stderr)
    return 0
