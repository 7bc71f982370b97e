"""The boundary between the core and a component: what a call may touch, and the checks on what crosses it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from deidframe.contract.errors import ArtifactError, DeidframeError, StageError
from deidframe.contract.renamed import renamed_hint
from deidframe.engine.components.process import RANDOM, Process
from deidframe.engine.components.step import Step
from deidframe.engine.runtime.hardware import torch_held
from deidframe.engine.runtime.network import no_network
from deidframe.engine.runtime.timeout import limited

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


def one_line(error: BaseException) -> str:
    """Return what went wrong in one line: native libraries say it over many, the cause at the end."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said if len(said) <= LONGEST else f'... {said[-LONGEST:]}'}{renamed_hint(said)}"


def blame(cell: str, step: Step, error: BaseException) -> DeidframeError:
    """Return the error to record: our own as they are, anything else as a failure of this component."""
    if isinstance(error, DeidframeError):
        return error
    return StageError(cell, step.role, step.loaded.qualified, one_line(error))


@contextmanager
def guarded(who: str, *, exact: bool = True, nested: bool = False, importing: bool = False, network: str = "") -> Iterator[None]:
    """Let a component work within the time limit, and hold it to leaving the process as it was.

    Watched are the random numbers of the process, the working directory, the environment, the umask, signal handlers and standard
    streams. All are put back, whatever the component did; new environment variables, as libraries set them when they are
    imported, are taken out again in silence.

    Args:
        who: its name for errors.
        exact: what it returns reaches a release, whose bytes must not depend on the number of threads: linear algebra rounds in
            another order with each of them, so it gets one, and so does torch.
        nested: inside another guarded call, which has set the threads.
        importing: it is being made, which imports its libraries, and some draw random numbers then.
        network: why it may open no connection, "" where it may.

    Raises:
        ArtifactError: it drew from the process's random numbers, or changed something else of what is watched.
        PluginError: it took too long.
    """
    with limited(who), ExitStack() as held:
        if exact and not nested:
            held.enter_context(_controller(len(sys.modules)).limit(limits=1, user_api="blas"))
            held.enter_context(torch_held())
        if network:
            held.enter_context(no_network(network))
        before = Process.now()
        try:
            yield
        finally:
            changed = before.put_back()
        if changed and not (importing and changed[0] == RANDOM):
            raise ArtifactError(who, *changed)


@functools.lru_cache(maxsize=1)
def _controller(modules: int) -> ThreadpoolController:
    """Return what sets the threads of the linear-algebra libraries; they are looked for again when modules were imported."""
    return ThreadpoolController()
