"""`deidframe means`: the means of groups of at least k people, as a release."""

from __future__ import annotations

import argparse

HELP = "release the mean encodings of groups of at least k people, with a certificate"
EXAMPLE = "deidframe means faces.parquet -k 10 --out means"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", help="encodings: .npz, .npy, .pickle or .parquet")
    parser.add_argument("-k", type=int, required=True, metavar="K", help="fewest people of a mean")
    parser.add_argument("--use", default="fixed-size", metavar="CLUSTERER", help="who makes the groups (default: fixed-size)")
    parser.add_argument("--outliers", metavar="HANDLER", help="an installed outlier handler")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new folder")


def run(options: argparse.Namespace) -> int:
    """Group, certify, write, and say what was counted."""
    import tempfile
    from pathlib import Path

    from deidframe.contract.errors import UsageError
    from deidframe.engine.runtime.progress import Quiet
    from deidframe.engine.tools.encode import cluster_file, read_any
    from deidframe.engine.tools.means import release_means

    if options.k < 2:
        raise UsageError(f"-k {options.k}: expected 2 or more: a mean of one person is that person's encoding")
    path, target = Path(options.file), Path(options.out)
    encodings = read_any(path)
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        done = cluster_file(
            path, options.use, [], Path(scratch), Quiet(), k=options.k, outliers=options.outliers, normalise=False
        )
    certificate = release_means(encodings, done, options.k, options.use, target)
    print(f"{target}: {certificate.groups} means of {certificate.people} people, at least {certificate.k_counted} each")
    for sentence in certificate.holds_not:
        print(f"not promised: {sentence}")
    return 0
