"""`deidframe elbow`: how many groups, or how wide a neighbourhood, the data suggest."""

from __future__ import annotations

import argparse

from deidframe.cli.options import add_timeout

HELP = "draw the elbow of a file of encodings"
EXAMPLE = "deidframe elbow faces.npz --use k-means --groups 10,20,40"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", help="encodings: .npz, .npy, .pickle or .parquet")
    parser.add_argument(
        "--use", required=True, metavar="CLUSTERER", help="an installed clusterer that takes a number of groups, or a radius"
    )
    parser.add_argument("--groups", metavar="K,K,...", help="the numbers of groups to try, where it takes one")
    parser.add_argument(
        "--neighbour", type=int, default=3, metavar="N", help="the number of the neighbour, where it takes a radius (default: 3)"
    )
    parser.add_argument("--normalise", action="store_true", help="scale each vector to length 1")
    parser.add_argument("-o", "--out", metavar="NAME", help="write NAME.png and NAME.csv (default: elbow-CLUSTERER)")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Write a picture and a table, and say where the curve bends."""
    import tempfile
    from pathlib import Path

    from deidframe.cli.files import new_file
    from deidframe.contract.errors import UsageError
    from deidframe.engine.components.pool import ComponentPool
    from deidframe.engine.runtime.progress import Quiet
    from deidframe.engine.tools.elbow import clusterer_named, draw
    from deidframe.engine.tools.encode import read_any
    from deidframe.record.write import write_bytes
    from deidframe.report.elbow_figure import elbow_csv, elbow_png

    clusterer = clusterer_named(options.use)
    stem = options.out or f"elbow-{options.use}"
    picture, table = new_file(Path(f"{stem}.png")), new_file(Path(f"{stem}.csv"))
    try:
        groups = [int(part) for part in options.groups.split(",")] if options.groups else None
    except ValueError:
        raise UsageError(f"--groups {options.groups!r}: expected numbers with commas between, as in 10,20,50") from None
    encodings = read_any(Path(options.file), normalise=options.normalise)
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        pool = ComponentPool(0, None, Path(scratch), Quiet())
        found = draw(pool, clusterer, encodings, groups=groups, neighbour=options.neighbour)
    x, y = found.x.tolist(), found.y.tolist()
    write_bytes(picture, elbow_png(x, y, found.x_label, found.y_label, found.place, found.title))
    write_bytes(table, elbow_csv(x, y, found.x_label, found.y_label, found.place).encode())
    print(f"{found.title}\n{picture}\n{table}")
    return 0
