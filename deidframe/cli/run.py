"""`deidframe run`: everything a recipe says, into a run folder."""

from __future__ import annotations

import argparse

from deidframe.cli import check
from deidframe.cli.options import add_timeout

HELP = "run a recipe: release, certificate and report"
EXAMPLE = "deidframe run quickstart --out runs/first"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", metavar="RECIPE", help=check.RECIPE)
    check.recipe_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="print what would run, as `deidframe check` does, and stop")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="run folder: new, or of this very run that was cut short, which then goes on (default: runs/NAME)",
    )
    parser.add_argument("--json", action="store_true", help="print events, one JSON object a line, instead of progress and table")
    parser.add_argument("--jobs", metavar="N", type=int, help="use at most N cores (default: all)")
    parser.add_argument("--no-cache", "--no-store", action="store_true", help="neither read nor write the cache of earlier runs")
    add_timeout(parser)
    parser.add_argument("--offline", action="store_true", help="fetch no weights")
    parser.add_argument(
        "--with-originals", action="store_true", help="also write a report that shows real people, under private/"
    )


def run(options: argparse.Namespace) -> int:
    """Run a recipe and print the comparison and the paths."""
    if options.jobs is not None:
        _use(options.jobs)  # before anything is imported that starts threads
    if options.dry_run:
        options.schema = False
        return check.run(options)
    import sys
    import tempfile
    import time
    from pathlib import Path

    from rich.console import Console

    from deidframe.cli.show import Bars, Events, Lines
    from deidframe.engine.cache.disk_cache import DiskCache
    from deidframe.engine.planning.planner import plan
    from deidframe.engine.run import run as run_plan
    from deidframe.engine.run import stages_folder
    from deidframe.host.catalogue import Catalogue
    from deidframe.recipe.packaged import find_recipe
    from deidframe.recipe.parse import load_recipe
    from deidframe.report.page import write_report
    from deidframe.report.terminal import summary
    from deidframe.words import came_in, counted

    started = time.monotonic()
    console = Console(stderr=True)
    events = Events() if options.json else None
    reporter = events or (Bars(console) if console.is_terminal else Lines())
    parsed = load_recipe(find_recipe(options.recipe), check.overrides_of(options))
    if parsed.recipe.scene is not None and not parsed.recipe.method:
        from deidframe.cli.scenes import say
        from deidframe.engine.planning.scene_plan import plan_scene
        from deidframe.engine.tools.scenes import run_scene

        scene = plan_scene(parsed, Catalogue())
        with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
            where = Path(options.out) if options.out else Path("runs") / parsed.recipe.name
            done = run_scene(scene, where, Path(scratch), reporter, offline=options.offline)
        return say(done)
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        planned = plan(parsed, Catalogue(), Path(scratch), options.limit)
    folder = Path(options.out) if options.out else Path("runs") / parsed.recipe.name
    reporter.say(
        f"{parsed.recipe.name}: {came_in(len(planned.people), planned.person_count, len(planned.photos.skipped))};"
        f" {counted(len(planned.methods), 'method')}"
    )
    for note in planned.notes:
        reporter.say(f"  note: {note}")
    cache = None if options.no_cache else DiskCache(stages_folder())
    outcome = run_plan(
        planned,
        folder,
        reporter,
        offline=options.offline,
        with_originals=options.with_originals,
        cache=cache,
        timeout=options.timeout,
    )
    written = folder / "report.html"
    if not (outcome.found and written.is_file()):  # the page of the same records and the same code is there
        written = write_report(folder)
    released = sorted(path.parent for path in folder.glob("release/*/RELEASE.json"))
    compared = sorted(path.parent for path in folder.glob("compared/*/RELEASE.json"))
    if events:
        paths = {"folder": str(folder), "report": str(written), "released": [str(one) for one in released]}
        events.emit("end", exit_code=outcome.exit_code, seconds=round(time.monotonic() - started, 1), **paths)
        return outcome.exit_code
    summary(folder, Console(file=sys.stdout))
    print(f"report   {written}")
    for one in released:
        print(f"release  {one}")
    if compared:
        names = ", ".join(one.name for one in compared)
        print(f"compared {folder / 'compared'} ({names}: no promise, not to be shared as de-identified)")
    listed = folder / "private" / "withheld.csv"
    if listed.is_file() and listed.read_bytes().count(b"\n") > 1:
        print(f"withheld {listed} (which pictures, why, and what to do)")
    print(f"private  {folder / 'private'} (mapping and encodings: biometric data, do not share)")
    print(f"{time.monotonic() - started:.1f} s")
    return outcome.exit_code


def _use(jobs: int) -> None:
    """Keep the process to so many cores; everything that starts threads counts the cores that it may use."""
    import os

    if jobs >= 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:jobs])
        return
    from deidframe.contract.errors import UsageError

    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: expected a number of cores of at least 1")
    raise UsageError("--jobs needs an operating system that keeps a process to some cores; this one does not")
