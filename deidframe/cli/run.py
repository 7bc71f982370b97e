"""`deidframe run`: everything a recipe says, into a run folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deidframe.cli import check
from deidframe.cli.options import add_device, add_timeout

if TYPE_CHECKING:
    from deidframe.cli.streams import Streams
    from deidframe.engine.cache.disk_cache import DiskCache
    from deidframe.engine.planning.plan import Plan
    from deidframe.engine.run_folder import Outcome
    from deidframe.engine.runtime.progress import Reporter
    from deidframe.engine.tools.parts import Part
    from deidframe.engine.tools.ray_surrogates import OnNodes
    from deidframe.recipe.parse import Parsed

HELP = "run a recipe: release, certificate and report"
SAMPLE = 500
"""Pictures of the larger sample where none is asked for."""
PRINTED = "printed.txt"
"""Under `private/records`: what plugins wrote to standard output and error."""
EXAMPLE = "deidframe run quickstart --out runs/first"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", metavar="RECIPE", help=check.RECIPE)
    check.recipe_options(parser)
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="run the sample and a third of it (--sample, else 500 pictures), say what the whole will take, and keep nothing",
    )
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
    add_device(parser)
    parser.add_argument("--offline", action="store_true", help="fetch no weights")
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help="only find and encode the faces of part I of N of the database, and keep that for `deidframe merge`",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="let a Ray cluster find, encode and draw faces (extra `ray`): HOST:PORT, `auto` for one on this machine, `local`",
    )
    parser.add_argument(
        "--update",
        metavar="RUN",
        action="append",
        default=[],
        help="keep the groups and faces of the earlier run in this folder and add new people, as [release] before = [RUN]",
    )
    parser.add_argument("--lock", metavar="FILE", help="refuse where code, versions or weights are not those of this lock")
    parser.add_argument(
        "--with-originals", action="store_true", help="also write a report that shows real people, under private/"
    )


def run(options: argparse.Namespace, caches: list[str] | None = None) -> int:
    """Run a recipe and print the comparison and the paths.

    Args:
        options: of the command line.
        caches: of other machines that looked at parts of the database, None where the run looks at all of it.
    """
    if options.jobs is not None:
        _use(options.jobs)  # before anything is imported that starts threads
    if options.dry_run:
        options.schema = False
        return check.run(options)
    import sys
    import time

    from rich.console import Console

    from deidframe.cli.show import Bars, Events, Lines
    from deidframe.cli.streams import set_apart
    from deidframe.report.terminal import summary

    started = time.monotonic()
    with set_apart() as streams:
        console = Console(file=streams.err)
        events = Events(streams.out) if options.json else None
        reporter = events or (Bars(console) if console.is_terminal else Lines(streams.err))
        try:
            done = _work(options, caches, reporter, streams)
        except BaseException as error:
            if events:
                code = getattr(error, "exit_code", 130 if isinstance(error, KeyboardInterrupt) else 70)
                events.emit("end", exit_code=code, error=str(error) or type(error).__name__)
            raise
        if events:
            events.emit("end", exit_code=done.exit_code, seconds=round(time.monotonic() - started, 1), **done.paths)
            return done.exit_code
    if done.folder is not None:
        summary(done.folder, Console(file=sys.stdout))
    print("\n".join(done.lines))
    if options.debug:
        for path in sorted(done.folder.glob("private/records/*.traceback.txt")) if done.folder is not None else ():
            print(path.read_text("utf-8"), file=sys.stderr)
    print(f"{time.monotonic() - started:.1f} s")
    return done.exit_code


@dataclass(frozen=True)
class Done:
    """What came of the command: lines to print at the end, and paths for a program that reads."""

    exit_code: int
    lines: tuple[str, ...] = ()
    folder: Path | None = None
    paths: Mapping[str, Any] = field(default_factory=dict)


def _work(options: argparse.Namespace, caches: list[str] | None, reporter: Reporter, streams: Streams) -> Done:
    """Plan and run while plugins' output goes into a log."""
    import tempfile

    from deidframe.contract.errors import UsageError
    from deidframe.engine.cache.disk_cache import DiskCache
    from deidframe.engine.planning.planner import plan
    from deidframe.engine.run import run as run_plan
    from deidframe.engine.run import stages_folder
    from deidframe.engine.tools.lock import check_lock
    from deidframe.engine.tools.parts import Part
    from deidframe.host.catalogue import Catalogue
    from deidframe.recipe.packaged import find_recipe
    from deidframe.recipe.parse import load_recipe
    from deidframe.record.write import write_bytes
    from deidframe.report.page import write_report
    from deidframe.words import came_in, counted

    part = Part.parse(options.shard) if options.shard else None
    if options.ray and (part is not None or caches is not None):
        raise UsageError("--ray cuts the database itself: leave out --shard and merge")
    parsed = load_recipe(find_recipe(options.recipe), check.overrides_of(options))
    folder = Path(options.out) if options.out else Path("runs") / parsed.recipe.name
    if parsed.recipe.scene is not None and not parsed.recipe.method:
        if options.sample is not None or getattr(options, "estimate", False):
            raise UsageError(
                "--sample draws people, and photos that are only covered name nobody: take the first ones with --limit"
            )
        from deidframe.cli.scenes import code_of, said_of
        from deidframe.engine.planning.scene_plan import plan_scene
        from deidframe.engine.tools.scenes import run_scene

        scene = plan_scene(parsed, Catalogue())
        with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
            covered = run_scene(scene, folder, Path(scratch), reporter, offline=options.offline)
        return Done(code_of(covered), said_of(covered))
    estimated = getattr(options, "estimate", False)
    if options.sample is not None or estimated:
        other = "--shard" if options.shard else "--ray" if options.ray else "merge" if caches is not None else ""
        if other:
            raise UsageError(f"{'--estimate' if estimated else '--sample'} is of one machine: leave out {other}")
    if estimated:
        return _estimated(options, parsed, folder, reporter)
    if options.sample is not None and not options.out:
        folder = folder.with_name(f"{folder.name}-sample")  # the whole run has another folder
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        planned = plan(parsed, Catalogue(), Path(scratch), options.limit, options.sample)
    if getattr(options, "lock", None):
        check_lock(Path(options.lock), planned)
    reporter.say(
        f"{parsed.recipe.name}: {came_in(len(planned.people), planned.person_count, len(planned.photos.skipped))};"
        f" {counted(len(planned.methods), 'method')}"
    )
    for note in planned.notes:
        reporter.say(f"  note: {note}")
    cache = None if options.no_cache else DiskCache(stages_folder())
    if part is not None:
        return Done(0, _look_at(part, planned, cache, reporter, offline=options.offline))
    if caches is not None:
        _bring_together(planned, cache, caches, reporter)
    try:
        with ExitStack() as held:
            nodes = _nodes(held, planned, cache, options.ray, reporter, offline=options.offline) if options.ray else None
            outcome = run_plan(
                planned,
                folder,
                reporter,
                offline=options.offline,
                with_originals=options.with_originals,
                cache=cache,
                timeout=options.timeout,
                draws=nodes.draw if nodes is not None else None,
            )
    finally:
        printed = streams.printed()
        if printed and (folder / "private").is_dir():
            write_bytes(folder / "private" / "records" / PRINTED, printed, private=True)
    written = folder / "report.html"
    if not (outcome.found and written.is_file()):  # the page of the same records and the same code is there
        written = write_report(folder)
    return _said(outcome, folder, written)


def _estimated(options: argparse.Namespace, parsed: Parsed, folder: Path, reporter: Reporter) -> Done:
    """Run two samples and say what the whole run will take."""
    import functools
    import tempfile

    from deidframe.cli.forecast import lines_of
    from deidframe.engine.planning.planner import plan
    from deidframe.engine.run import run as run_plan
    from deidframe.engine.tools.estimate import estimate
    from deidframe.host.catalogue import Catalogue

    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        room = Path(scratch)

        def planned(pictures: int) -> Plan:
            return plan(parsed, Catalogue(), room, options.limit, pictures)

        count = options.sample if options.sample is not None else SAMPLE
        done = estimate(planned, count, folder, room, reporter, functools.partial(run_plan, offline=options.offline))
    facts = {"seconds_likely": round(done.likely), "seconds_most": round(done.most), "memory": done.memory, "disk": done.disk}
    return Done(0, lines_of(done), None, facts)


def _said(outcome: Outcome, folder: Path, written: Path) -> Done:
    """Look at every release once more, for what a plugin left running may have changed it, and say where everything lies."""
    from deidframe.engine.release.withdraw import withdraw_changed

    lines = [f"report   {written}"]
    withdrawn = withdraw_changed(folder)
    lines += [f"withdrawn {name}: its files changed after they were written ({why})" for name, why in withdrawn.items()]
    released = sorted(path.parent for path in folder.glob("release/*/RELEASE.json"))
    compared = sorted(path.parent for path in folder.glob("compared/*/RELEASE.json"))
    lines += [f"release  {one}" for one in released]
    if compared:
        names = ", ".join(one.name for one in compared)
        lines.append(f"compared {folder / 'compared'} ({names}: no promise, not to be shared as de-identified)")
    listed = folder / "private" / "withheld.csv"
    if listed.is_file() and listed.read_bytes().count(b"\n") > 1:
        lines.append(f"withheld {listed} (which pictures, why, and what to do)")
    lines.append(f"private  {folder / 'private'} (mapping and encodings: biometric data, do not share)")
    paths = {"folder": str(folder), "report": str(written), "released": [str(one) for one in released]}
    return Done(6 if withdrawn else outcome.exit_code, tuple(lines), folder, paths)


def _look_at(part: Part, planned: Plan, cache: DiskCache | None, reporter: Reporter, *, offline: bool) -> tuple[str, ...]:
    """Look at one part of the database."""
    import tempfile

    from deidframe.contract.errors import UsageError
    from deidframe.engine.tools.parts import look_at_part
    from deidframe.words import counted

    if cache is None:
        raise UsageError("--shard keeps what it sees in the cache: leave out --no-cache")
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        done = look_at_part(planned, part, cache, Path(scratch), reporter, offline=offline)
    kept = (
        f"{counted(done.faces, 'face')} in {counted(done.pictures, 'picture')}, encoded with {', '.join(done.encoders) or 'none'}"
    )
    left = f"; {', '.join(done.left)} learns from everybody and waits for the run" if done.left else ""
    return f"part {part}: {kept}{left}; {done.seconds:.1f} s", f"kept in  {cache.root} (biometric data, do not share)"


def _bring_together(planned: Plan, cache: DiskCache | None, caches: list[str], reporter: Reporter) -> None:
    """Take over what other machines have seen, and make sure that all of the database was looked at."""
    from deidframe.contract.errors import UsageError
    from deidframe.engine.tools.parts import merge
    from deidframe.words import counted

    if cache is None:
        raise UsageError("merge reads the cache: leave out --no-cache")
    merged = merge(planned, cache, [Path(one) for one in caches])
    gone = f", {merged.gone} damaged or gone and seen again" if merged.gone else ""
    reporter.say(f"  all {counted(merged.of, 'part')} are there; {counted(merged.copied, 'result')} copied{gone}")


def _nodes(
    held: ExitStack, planned: Plan, cache: DiskCache | None, address: str, reporter: Reporter, *, offline: bool
) -> OnNodes:
    """Have a cluster look at what the cache does not know, and return it for the surrogates."""
    from deidframe.contract.errors import UsageError
    from deidframe.engine.tools.ray_cluster import cluster
    from deidframe.engine.tools.ray_parts import job_of, look_with_ray
    from deidframe.engine.tools.ray_surrogates import OnNodes
    from deidframe.words import counted

    if cache is None:
        raise UsageError("--ray keeps what the nodes see in the cache: leave out --no-cache")
    job = job_of(planned, offline=offline)
    nodes = held.enter_context(cluster(address))
    looked = look_with_ray(cache, reporter, nodes, job)
    before = f"; {counted(looked.before, 'part')} known before" if looked.before else ""
    reporter.say(f"  {counted(looked.parts, 'part')} looked at by {', '.join(looked.nodes) or 'nobody'}{before}")
    return OnNodes(nodes, job)


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
