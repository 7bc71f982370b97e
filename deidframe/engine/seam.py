"""The check between two stages: right type, right rows in the right order, right space, or the cell fails."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from deidframe.contract.errors import ArtifactError, DeidframeError, StageError
from deidframe.contract.photos import Detections, Photos
from deidframe.engine.limit import limited

T = TypeVar("T")
LONGEST = 300
"""Characters of an error that are kept."""


def checked(out: Any, kind: type[T], who: str) -> T:
    """Return `out` if it is of this artifact type.

    Raises:
        ArtifactError: it is something else.
    """
    if not isinstance(out, kind):
        raise ArtifactError(who, "result", kind.__name__, type(out).__name__)
    return out


def same_rows(got: Sequence[str], wanted: Sequence[str], who: str) -> None:
    """Check that the rows are the wanted ones in the wanted order.

    Raises:
        ArtifactError: rows were dropped, added, renamed or put in another order.
    """
    if tuple(got) == tuple(wanted):
        return
    if sorted(got) == sorted(wanted):
        raise ArtifactError(who, "ids", "the same rows in the same order", "another order")
    missing, extra = set(wanted) - set(got), set(got) - set(wanted)
    raise ArtifactError(who, "ids", f"the same {len(wanted)} rows", f"{len(got)} ({len(missing)} missing, {len(extra)} unknown)")


def same_space(got: str, wanted: str, who: str) -> None:
    """Check that encodings are of the wanted space.

    Raises:
        ArtifactError: they are of another.
    """
    if got != wanted:
        raise ArtifactError(who, "space", wanted, got)


def detected(detector: Any, who: str, photos: Photos) -> Detections:
    """Ask a detector, within the time limit, and check what it says.

    Raises:
        ArtifactError: it broke its contract. PluginError: it took too long. StageError: it raised something of its own.
    """
    try:
        with limited(who):
            found = checked(detector.detect(photos), Detections, who)
    except DeidframeError:
        raise
    except Exception as error:
        role, _, name = who.partition(" ")
        raise StageError("finding faces", role, name, one_line(error)) from error
    same_rows(found.looked_at, photos.ids, who)
    return found


def one_line(error: Exception) -> str:
    """Return what went wrong in one line: native libraries say it over many, the cause at the end."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said if len(said) <= LONGEST else f'... {said[-LONGEST:]}'}"


@contextmanager
def at_work(who: str, *, exact: bool = True) -> Iterator[None]:
    """Let a component work, with random numbers of its own and within the time limit.

    Args:
        who: its name for errors. exact: what it returns reaches a release, whose bytes must not depend on the number of threads:
            linear algebra rounds in another order with each of them, so it gets one.

    Raises:
        ArtifactError: it drew from the process's random numbers. PluginError: it took too long.
    """
    with limited(who), _own_chance(who):
        if exact:
            with threadpool_limits(limits=1, user_api="blas"):
                yield
        else:
            yield


@contextmanager
def _own_chance(who: str) -> Iterator[None]:
    """Catch a component that draws from the process's own random numbers: equal runs would differ with whatever ran before.

    Raises:
        ArtifactError: it did; the numbers go on as if it had not.
    """
    plain, deep = random.getstate(), np.random.get_state(legacy=False)
    yield
    now = np.random.get_state(legacy=False)
    held, left = deep["state"], now["state"]
    if random.getstate() == plain and held["pos"] == left["pos"] and np.array_equal(held["key"], left["key"]):
        return
    random.setstate(plain)
    np.random.set_state(deep)
    raise ArtifactError(who, "random numbers", "those of context.rng", "those of the whole process")
