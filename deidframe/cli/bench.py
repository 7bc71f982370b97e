"""`deidframe bench`: where the time goes."""

from __future__ import annotations

import argparse

HELP = "say where time and memory go on pictures of your own; nothing is kept"
EXAMPLE = "deidframe bench portraits --pictures 300"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="FOLDER", help="pictures, as for `deidframe encode`")
    parser.add_argument("--pictures", metavar="N", type=int, default=300, help="take the first N (default: 300)")
    parser.add_argument("--offline", action="store_true", help="fetch no weights")


def run(options: argparse.Namespace) -> int:
    """Run an averaging method, a blur and one attack in a temporary folder, and print what each stage took."""
    import tempfile
    import time
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from deidframe.cli.show import Bars, Lines
    from deidframe.contract.errors import UsageError
    from deidframe.engine.run import run as run_plan
    from deidframe.engine.runtime.stopwatch import Stopwatch
    from deidframe.engine.tools.bench import bench_plan, product_seconds
    from deidframe.models.network import SPENT

    if options.pictures < 1:
        raise UsageError(f"--pictures {options.pictures}: expected a number from 1")
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="deidframe-") as room:
        plan = bench_plan(Path(options.folder), options.pictures, Path(room))
        began, cpu = time.perf_counter(), time.process_time()
        before = SPENT.cpu
        with Stopwatch(Bars(console) if console.is_terminal else Lines()) as watch:
            done = run_plan(plan, Path(room) / "run", watch, offline=options.offline)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    count = len(plan.photos)
    table = Table("stage", "items", "seconds", "CPU seconds", "CPU ms a picture", "memory MB")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, stage in sorted(watch.stages.items(), key=lambda one: -one[1].cpu):
        each = f"{1000 * stage.cpu / count:.2f}"
        table.add_row(name, f"{stage.items:,}", f"{stage.seconds:.1f}", f"{stage.cpu:.1f}", each, f"{stage.peak / 2**20:,.0f}")
    each = f"{1000 * cpu / count:.1f}"
    table.add_row("together", f"{count:,}", f"{seconds:.1f}", f"{cpu:.1f}", each, f"{watch.peak / 2**20:,.0f}")
    Console().print(table)
    spent = SPENT.cpu - before
    print(f"Networks took {1000 * spent / count:.1f} ms of CPU a picture: {spent / cpu:.2f} of the whole.")
    product = product_seconds()
    times = f"{cpu / count / product:.2f} times a product of two 1024 x 1024 matrices here ({1000 * product:.1f} ms)"
    print(f"A picture takes {each} ms of CPU, {times}, by which machines are compared.")
    print("Making the components is in it, and weighs less the more pictures there are.")
    for cell in done.cells:
        if cell.status != "ok":
            print(f"{cell.method}{f' / {cell.attack}' if cell.attack else ''}: {cell.status}: {cell.reason}")
    return 0
