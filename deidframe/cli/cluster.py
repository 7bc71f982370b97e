"""`deidframe cluster`: group the encodings of a file with one clusterer, and say how good the grouping is."""

from __future__ import annotations

import argparse

from deidframe.cli.options import add_timeout

HELP = "group a file of encodings with one clusterer"
EXAMPLE = "deidframe cluster faces.npz --use aroc -o groups.csv"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", help="encodings: .npz, .npy, .pickle or .parquet")
    parser.add_argument("--use", required=True, metavar="CLUSTERER", help="an installed clusterer")
    parser.add_argument(
        "--param", action="append", default=[], metavar="KEY=VALUE", help="one of its parameters, may be given again"
    )
    parser.add_argument(
        "-k", type=int, metavar="K", help="groups of at least K people; without it people are found among pictures"
    )
    parser.add_argument("--outliers", metavar="HANDLER", help="with -k: an installed outlier handler")
    parser.add_argument("--normalise", action="store_true", help="scale each vector to length 1")
    parser.add_argument("-o", "--out", metavar="GROUPS.csv", help="write id,group lines, noise as -1; must not exist")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Group, print the figures, and write the groups where asked."""
    import tempfile
    from pathlib import Path

    from deidframe.cli.files import new_file, write_private
    from deidframe.contract.errors import UsageError
    from deidframe.engine.protect.grouping import groups_csv
    from deidframe.engine.runtime.progress import Quiet
    from deidframe.engine.tools.encode import cluster_file

    target = new_file(Path(options.out)) if options.out else None
    if options.outliers and options.k is None:
        raise UsageError("--outliers settles groups of at least k people; give -k as well")
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        done = cluster_file(
            Path(options.file),
            options.use,
            options.param,
            Path(scratch),
            Quiet(),
            k=options.k,
            outliers=options.outliers,
            normalise=options.normalise,
        )
    for name, value in done.metrics.items():
        print(f"{name:<20} {_said(value)}")
    for stage, seconds in done.seconds.items():
        print(f"{'seconds ' + stage:<20} {seconds:.2f}")
    if target:
        write_private(target, groups_csv(done.ids, done.labels).encode("utf-8", "surrogateescape"))
        print(target)
    return 0


def _said(value: object) -> str:
    if isinstance(value, dict):
        return f"{value['value']:.4f} [{value['low']:.4f}, {value['high']:.4f}]"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
