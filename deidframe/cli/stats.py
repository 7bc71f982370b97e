"""`deidframe stats`: what a file of encodings says before anything is synthesised."""

from __future__ import annotations

import argparse

HELP = "statistics on a file of encodings: its spread, its people, and what groups of k would cost"
EXAMPLE = "deidframe stats faces.parquet --use fixed-size -k 5 -k 10"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", help="encodings: .npz, .npy, .pickle or .parquet")
    parser.add_argument("--use", default="fixed-size", metavar="CLUSTERER", help="groups for -k (default: fixed-size)")
    parser.add_argument("-k", type=int, action="append", default=[], metavar="K", help="also group people; may be given again")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Print the figures."""
    import json
    import tempfile
    from pathlib import Path

    from deidframe.engine.runtime.progress import Quiet
    from deidframe.engine.tools.encode import cluster_file, read_any
    from deidframe.engine.tools.stats import statistics

    path = Path(options.file)
    found = statistics(read_any(path))
    grouped = {}
    for k in options.k:
        with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
            done = cluster_file(path, options.use, [], Path(scratch), Quiet(), k=k, outliers=None, normalise=False)
        grouped[str(k)] = {name: value["value"] if isinstance(value, dict) else value for name, value in done.metrics.items()}
    if options.json:
        print(json.dumps({**found, **({"groups_of": grouped} if grouped else {})}, indent=1))
        return 0
    for name, value in found.items():
        if isinstance(value, dict):
            for key, one in value.items():
                print(f"{f'people: {key}':<28} {_said(one)}")
        else:
            print(f"{name:<28} {_said(value)}")
    for k, figures in grouped.items():
        for key in ("groups", "smallest", "sse", "silhouette"):
            if key in figures:
                print(f"{f'k = {k}: {key}':<28} {_said(figures[key])}")
    return 0


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_said(one) for one in value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)
