"""`deidframe convert`: any file of encodings, a legacy pickle among them, to one of ours."""

from __future__ import annotations

import argparse

from deidframe.cli.options import add_precision, add_timeout

HELP = "convert a file of encodings (a legacy pickle, npy, Parquet) to npz or Parquet"
EXAMPLE = "deidframe convert encodings.pickle faces.npz --normalise"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("source", metavar="IN", help=".pickle, .npy, .npz or .parquet")
    parser.add_argument("out", metavar="OUT", help="a new .npz or .parquet file")
    add_precision(parser)
    parser.add_argument("--space", metavar="NAME", help="name of the embedding space, where the file does not say it")
    parser.add_argument("--normalise", action="store_true", help="scale each vector to length 1")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Convert one file."""
    from pathlib import Path

    from deidframe.cli.files import new_file
    from deidframe.engine.tools.condense import checked_target, condense
    from deidframe.engine.tools.encode import read_any

    target = checked_target(new_file(Path(options.out)), options.precision)
    encodings = read_any(Path(options.source), space=options.space, normalise=options.normalise)
    made = condense(target, encodings, options.precision, Path(options.key) if options.key else None)
    print(f"{target}: {len(encodings)} encodings, {encodings.vectors.shape[1]}-D, {encodings.space} (biometric data)")
    if options.precision != "float32":
        print(made.words)
    return 0
