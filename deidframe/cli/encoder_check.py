"""`deidframe encoder-check`: how well an encoder tells the people of a folder apart."""

from __future__ import annotations

import argparse

from deidframe.cli.options import add_timeout

HELP = "measure how well an encoder tells people apart"
EXAMPLE = "deidframe encoder-check --use sface --data portraits"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--use", required=True, metavar="NAME", help="an installed encoder")
    parser.add_argument("--data", required=True, metavar="DIR", help="pictures, one folder for each person")
    parser.add_argument("--pairs", default="all", metavar="FILE|all", help="CSV with the columns a,b,same (1 or 0), or all pairs")
    parser.add_argument(
        "--param", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the encoder, may be given again"
    )
    parser.add_argument("--detector", metavar="NAME", help="an installed detector (default: that of the recipe `folder`)")
    parser.add_argument("--offline", action="store_true", help="fetch no weights")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Print accuracy, TAR at fixed FAR and rank-1."""
    import sys
    import tempfile
    from pathlib import Path

    from rich.console import Console

    from deidframe.cli.show import Bars, Lines
    from deidframe.contract.errors import UsageError
    from deidframe.engine.tools.encode import encode_folder, read_pairs
    from deidframe.measure.verification import all_pairs, cosine, fold_accuracy, rank_one, tar_at_far
    from deidframe.words import counted

    console = Console(stderr=True)
    reporter = Bars(console) if console.is_terminal else Lines()
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        found, withheld = encode_folder(
            Path(options.data),
            options.use,
            options.detector,
            Path(scratch),
            reporter,
            params=options.param,
            offline=options.offline,
        )
    if found.subjects is None:
        raise UsageError(f"{options.data!r} names nobody; lay the pictures out as one folder for each person")
    people = list(found.subjects)
    pairs = all_pairs(people) if options.pairs == "all" else read_pairs(Path(options.pairs), found.ids, people)
    scores = cosine(found.vectors, pairs)
    same = int(pairs.same.sum())
    size = f"{counted(len(found), 'picture')} of {counted(len(set(people)), 'person')}"
    print(f"{options.use}: {size}, {counted(same, 'pair')} of one person")
    folds = fold_accuracy(scores, pairs)
    if folds:
        print(
            f"accuracy       {100 * folds[0]:.2f} % (sd {100 * folds[1]:.2f}) over ten folds of people, at cosine {folds[2]:.3f}"
        )
    for far, (figure, threshold) in tar_at_far(scores, pairs).items():
        interval = f"[{100 * figure.low:.2f}, {100 * figure.high:.2f}]"
        print(f"TAR@FAR {far:<6g} {100 * figure.value:.2f} % {interval}, threshold {threshold:.3f}")
    first = rank_one(found.vectors, people)
    if first:
        print(f"rank-1         {100 * first.value:.2f} % [{100 * first.low:.2f}, {100 * first.high:.2f}], nearest other picture")
    for reason in sorted(set(withheld.values())):
        print(f"left out: {list(withheld.values()).count(reason)} ({reason})", file=sys.stderr)
    return 0
