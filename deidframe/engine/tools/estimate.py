"""What a whole run will take, said from two samples before the time is spent."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deidframe.contract.errors import UsageError
from deidframe.engine.planning.plan import Plan
from deidframe.engine.run_folder import Outcome
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.runtime.stopwatch import Stopwatch
from deidframe.record.schema import Cell

SMALLER = 3
"""By how much the first sample is smaller than the second."""
STEEPEST = 1.2
"""Power of the number of pictures with which no stage grew faster from 2,000 to 20,000 pictures, but for two that are bounded."""
GROWTH = 34 * 1024
"""Bytes of memory by which a run grew with each picture from 2,000 to 20,000."""


@dataclass(frozen=True)
class Forecast:
    """What one stage took on a sample, and what it will take.

    Args:
        name: of the stage.
        likely, most: seconds of the whole run: as it grew between the samples, and with the steepest growth that was seen.
    """

    name: str
    likely: float
    most: float


@dataclass(frozen=True)
class Estimate:
    """What the whole run will take.

    Args:
        pictures, whole: of the larger sample, and of the database.
        people: of the sample.
        stages: those that take longest first.
        memory: bytes, if it grows by `GROWTH`; disk: bytes of the run folder; free: bytes on the disk of the run folder.
        cells: the rows that the sample came to.
        spent: seconds that the samples took.
    """

    pictures: int
    whole: int
    people: int
    stages: tuple[Forecast, ...]
    memory: int
    disk: int
    free: int
    cells: tuple[Cell, ...]
    spent: float

    @property
    def likely(self) -> float:
        """Seconds of the whole run."""
        return sum(stage.likely for stage in self.stages)

    @property
    def most(self) -> float:
        """The same if every stage grew as steeply as any did."""
        return sum(stage.most for stage in self.stages)


def estimate(
    planned: Callable[[int], Plan],
    pictures: int,
    home: Path,
    scratch: Path,
    reporter: Reporter,
    run: Callable[[Plan, Path, Reporter], Outcome],
) -> Estimate:
    """Run two samples in a scratch folder, of which nothing is kept, and say what the whole run will take.

    Args:
        planned: gives the plan of a sample of so many pictures.
        pictures: of the larger sample.
        home: where the run folder will lie, whose disk is looked at.
        scratch: an empty folder on a disk with room for a run of the sample.
        reporter: shows progress.
        run: runs a plan into a folder, as `deidframe.engine.run.run` does.

    Raises:
        UsageError: the sample is as large as the database, or too small to be cut in three.
    """
    plans = [planned(max(1, pictures // SMALLER)), planned(pictures)]
    small, large = (len(one.photos) or len(one.people) for one in plans)
    if large >= plans[1].whole:
        raise UsageError(
            f"--sample {pictures}: the database has {plans[1].whole} pictures or encodings; there is nothing to estimate"
        )
    if small >= large:
        raise UsageError(f"--sample {pictures}: {SMALLER} times as many pictures as people have are needed to see how time grows")
    began = time.monotonic()
    watches: list[Stopwatch] = []
    cells: tuple[Cell, ...] = ()
    disk = 0
    for place, one in enumerate(plans):
        folder = scratch / f"sample-{place}"
        with Stopwatch(reporter) as watch:
            cells = run(one, folder, watch).cells
        watches.append(watch)
        disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder, ignore_errors=True)
    first, second = watches
    stages = [
        _forecast(name, first.stages[name].seconds if name in first.stages else 0.0, stage.seconds, small, large, plans[1].whole)
        for name, stage in second.stages.items()
    ]
    memory = max(first.peak, second.peak) + GROWTH * (plans[1].whole - large)
    return Estimate(
        large,
        plans[1].whole,
        plans[1].person_count,
        tuple(sorted(stages, key=lambda one: -one.likely)),
        memory,
        int(disk / large * plans[1].whole),
        shutil.disk_usage(_there(home)).free,
        cells,
        time.monotonic() - began,
    )


def _forecast(name: str, before: float, after: float, small: int, large: int, whole: int) -> Forecast:
    """Go on along a line through both samples, which neither falls nor begins below nothing; what is made once is made once."""
    each = min(max((after - before) / (large - small), 0.0), after / large)
    likely = after + each * (whole - large)
    # what does not grow, such as the making of components, is no reason for a steeper growth
    most = after - each * large + each * large * (whole / large) ** STEEPEST
    return Forecast(name, likely, max(likely, most))


def _there(home: Path) -> Path:
    """Return the nearest folder on the way to `home` that is there."""
    for one in (home, *home.absolute().parents):
        if one.is_dir():
            return one
    return Path("/")
