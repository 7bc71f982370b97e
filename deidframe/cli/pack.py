"""`deidframe pack`: a release of files as shards that the usual readers open."""

from __future__ import annotations

import argparse

HELP = "write a release anew as tar or Parquet shards with a manifest each and one root hash"
EXAMPLE = "deidframe pack runs/first/release/k-same-stylegan --layout parquet --once --out faces"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("release", metavar="DIR", help="a release of pictures, as files")
    parser.add_argument("--layout", choices=["webdataset", "parquet"], default="webdataset", help="(default: webdataset)")
    parser.add_argument("--once", action="store_true", help="store a picture that a group shares once, under its hash")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new folder")


def run(options: argparse.Namespace) -> int:
    """Pack, and check what was packed; 6 where it is not what was released."""
    from pathlib import Path

    from deidframe.engine.release.packing import pack
    from deidframe.engine.release.verify import verify

    target = Path(options.out)
    pack(Path(options.release), target, options.layout, once=options.once)
    verdict = verify(target)
    size = sum(path.stat().st_size for path in target.iterdir())
    print(f"{target}: {verdict.files} records, {verdict.distinct} different pictures, {size / 1e6:.1f} MB")
    for problem in verdict.problems:
        print(f"  {problem}")
    return 6 if verdict.problems else 0
