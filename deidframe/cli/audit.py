"""`deidframe audit`: hold what any tool released against its originals."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

HELP = "look at what any tool released, and attack it: unchanged pictures, metadata, names, and the ladder of attacks"
EXAMPLE = "deidframe audit portraits portraits-deface --out audits/deface"
METHOD = "the release"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from deidframe.cli.options import add_timeout

    parser.add_argument("originals", metavar="ORIGINALS", help="the untouched pictures, one folder for each person or flat")
    parser.add_argument("released", metavar="RELEASED", help="what a tool made of them")
    parser.add_argument(
        "--map",
        metavar="CSV",
        help="columns released and original: which picture shows which (else: names, order, times, looks)",
    )
    parser.add_argument("--own", metavar="DIR", help="clear pictures of other people, on whom an attacker learns")
    parser.add_argument(
        "--subjects",
        choices=("labelled", "one-per-image"),
        help="who is on the originals (default: labelled where the folder says it)",
    )
    parser.add_argument("--out", metavar="DIR", help="run folder for report and rows (default: audits/NAME)")
    parser.add_argument("--offline", action="store_true", help="fetch no weights")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Audit, write the report and print both; 6 where a picture is unchanged."""
    import json
    import sys
    import tempfile

    from rich.console import Console

    from deidframe.cli.show import Bars, Lines
    from deidframe.cli.streams import set_apart
    from deidframe.engine.cache.disk_cache import DiskCache
    from deidframe.engine.run import run as run_plan
    from deidframe.engine.run import stages_folder
    from deidframe.engine.tools.encode import planned_as_labelled
    from deidframe.report.page import write_report
    from deidframe.report.terminal import summary

    originals, released = Path(options.originals), Path(options.released)
    out = Path(options.out) if options.out else Path("audits") / released.resolve().name
    _checked(originals, released, out)
    with set_apart() as streams:
        console = Console(file=streams.err)
        reporter = Bars(console) if console.is_terminal else Lines(streams.err)
        with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
            planned = planned_as_labelled(_recipe(originals, released, options), Path(scratch), subjects=options.subjects)
        for note in planned.notes:
            reporter.say(f"  note: {note}")
        outcome = run_plan(
            planned, out, reporter, offline=options.offline, timeout=options.timeout, cache=DiskCache(stages_folder())
        )
        page = write_report(out)
    summary(out, Console(file=sys.stdout))
    found = out / "private" / "audits" / "the-release.json"
    rows = json.loads(found.read_text("utf-8")) if found.is_file() else []
    width = max((len(row["what"]) for row in rows), default=0)
    for row in rows:
        more = f", such as {row['names'][0]}" if row["names"] else ""
        print(f"{'!' if row['bad'] else ' '} {row['what']:{width}}  {row['said']}{more}")
    print(f"report   {page}")
    unchanged = sum(row["count"] for row in rows if row["what"].startswith("unchanged"))
    if unchanged:
        print(f"{unchanged} released pictures show their original: this is not de-identified")
        return 6
    return outcome.exit_code


def _checked(originals: Path, released: Path, out: Path) -> None:
    """Raise where the folders cannot be what they are given for.

    Raises:
        UsageError: one is missing, inside the other, or they are swapped.
    """
    from deidframe.contract.errors import UsageError

    for what, path in (("ORIGINALS", originals), ("RELEASED", released)):
        if not path.is_dir():
            raise UsageError(f"{what} {str(path)!r} is no folder")
    here, there, into = originals.resolve(), released.resolve(), out.resolve()
    if here == there:
        raise UsageError("ORIGINALS and RELEASED are the same folder")
    for one, other in ((here, there), (there, here)):
        if one in other.parents:
            raise UsageError(
                f"{str(other)!r} lies inside {str(one)!r}: its pictures would be taken for originals and releases both"
            )
    for one in (here, there):
        if into == one or one in into.parents:
            raise UsageError(f"--out {str(out)!r} lies inside {str(one)!r}, where nothing is written; choose another")
    if any((originals / name).is_file() for name in ("RELEASE.json", "MANIFEST.sha256")):
        raise UsageError(f"ORIGINALS {str(originals)!r} is a release; the untouched pictures come first, then RELEASED")


def _recipe(originals: Path, released: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the recipe of the audit: the attacks of the recipe `folder` on one release."""
    import tomli

    from deidframe.recipe.packaged import packaged, usual

    folder = tomli.loads(packaged()["folder"].read_text("utf-8"))
    method: dict[str, Any] = {"name": METHOD, "released": {"use": usual().source, "params": {"path": str(released.absolute())}}}
    if options.map is not None:
        method["map"] = str(Path(options.map).absolute())
    attacks = folder["attack"]
    if options.own is not None:
        own = {"use": usual().source, "params": {"path": str(Path(options.own).absolute())}}
        attacks = [{**one, "own": own} if one["threat"] in ("parrot", "reversal") else one for one in attacks]
    return {
        "schema": 1,
        "name": "audit",
        "seed": folder["seed"],
        "source": {"use": usual().source, "params": {"path": str(originals.absolute())}},
        "detector": folder["detector"],
        "quality": {"encoders": folder["attack"][0]["encoders"]},
        "method": [method],
        "attack": attacks,
    }
