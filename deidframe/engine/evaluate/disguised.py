"""Hold every released picture that promises something against the originals of everybody, in every guise that is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ReleaseRefused
from deidframe.engine.components.pool import ComponentPool
from deidframe.environment import processors
from deidframe.guard.certificate import Disguised
from deidframe.guard.guises import Each, Originals
from deidframe.guard.release import Release
from deidframe.guard.residual import FAULT

SHOWS = "its protected picture shows an original in another guise"
MOST = 50_000
"""Originals that are held in memory, at most: 4.4 KB each."""
PAIRS = 20_000_000
"""Pictures times originals that are compared, at most, unless there are more than 20,000 pictures: some five minutes."""
FEWEST = 1_000
"""Originals that each picture is compared with, at least."""
BATCH = 64


def disguised(pool: ComponentPool, clear: FaceSet, release: Release) -> tuple[dict[str, str], Disguised]:
    """Return the faces to withhold, with the reason, and what the certificate says of those that are left.

    Each picture is compared with the originals of all who share it; and with those of everybody else, or where that would be more
    than `PAIRS`, with as many of them, evenly taken. A picture that is held back is held back for everybody who shares it.

    Args:
        clear: all faces of the run.

    Where the method may show real people by design nothing is withheld, and it is counted how many pictures do.

    Raises:
        ReleaseRefused: so large a share shows originals that the method is at fault.
    """
    rows = np.fromiter(release.first_rows.values(), np.int64)
    count = min(len(clear), MOST, max(FEWEST, PAIRS // max(1, len(rows))))
    shows = np.zeros(len(rows), bool)
    behind = _behind(release.picture_of, len(rows)) if count < len(clear) else []
    with _side_by_side() as each:
        everybody = pool.once(f"guises|{count}", lambda: _of(clear, count, each))

        def shown(n: int, picture: NDArray[np.uint8]) -> bool:
            guises = everybody.look(picture)
            if everybody.shown_by(guises):
                return True
            return bool(behind) and everybody.others(_pictures(release.originals.take(behind[n].tolist()))).shown_by(guises)

        with pool.reporter.task("look for originals", len(rows)) as advance:
            for start in range(0, len(rows), BATCH):
                pictures = np.asarray(release.faces.images[rows[start : start + BATCH]])
                shows[start : start + len(pictures)] = list(each(shown, range(start, start + len(pictures)), pictures))
                advance(len(pictures))
    where = release.picture_of
    if release.promise.shows:
        showing = frozenset(face for face, n in zip(release.faces.ids, where.tolist(), strict=True) if shows[n])
        return {}, Disguised(frozenset(release.faces.ids), count, len(clear), showing)
    share = shows[where].mean() if len(where) else 0.0
    if share > FAULT:
        raise ReleaseRefused(
            f"{release.method}: {int(shows[where].sum())} of {len(where)} released pictures show an original, if turned,"
            " mirrored, inverted, in one channel, in some of its bits or in pieces"
            f" (a method is at fault from {100 * FAULT:.0f} % on);"
            " nothing is released"
        )
    withheld = {face: SHOWS for face, n in zip(release.faces.ids, where.tolist(), strict=True) if shows[n]}
    return withheld, Disguised(frozenset(release.faces.ids) - withheld.keys(), count, len(clear))


@contextmanager
def _side_by_side() -> Iterator[Callable[..., Iterator[Any]]]:
    """Give what works as `map` does, on all processors, with some pictures in memory at a time.

    Linear algebra has one thread meanwhile: its products are small here, and two threads of each mostly wait for one another.
    """
    with ThreadpoolController().limit(limits=1, user_api="blas"), ThreadPoolExecutor(processors()) as threads:

        def each(work: Callable[..., Any], *given: Iterable[Any]) -> Iterator[Any]:
            rows = zip(*given, strict=True)
            while part := list(islice(rows, BATCH)):
                yield from threads.map(work, *zip(*part, strict=True))

        yield each


def _of(clear: FaceSet, count: int, each: Each) -> Originals:
    some = np.unique(np.linspace(0, len(clear) - 1, count).astype(np.int64)).tolist()
    chosen = clear.take(some)
    return Originals(_pictures(chosen), chosen.subjects or chosen.ids, each)


def _pictures(faces: FaceSet) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(faces), BATCH):
        yield from np.asarray(faces.images[start : start + BATCH])


def _behind(picture_of: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Return the rows of the faces that share each picture."""
    order = np.argsort(picture_of, kind="stable")
    return np.split(order, np.searchsorted(picture_of[order], np.arange(1, count)))
