"""A stopwatch books each stage's time once, whatever lies inside it."""

from __future__ import annotations

import time

from deidframe.engine.runtime.stopwatch import REST, Stopwatch, memory


def test_a_stage_inside_another_is_not_counted_twice() -> None:
    with Stopwatch() as watch:
        with watch.task("outer", 2) as advance:
            advance(1)
            with watch.task("inner", 3) as counted:
                time.sleep(0.2)
                counted(3)
            advance(1)
        began = time.perf_counter()
    outer, inner = watch.stages["outer"], watch.stages["inner"]
    assert inner.seconds >= 0.2 > outer.seconds
    assert (outer.items, inner.items) == (2, 3)
    assert watch.stages[REST].seconds <= time.perf_counter() - began + 0.2


def test_a_stage_that_fails_is_left() -> None:
    with Stopwatch() as watch:
        try:
            with watch.task("broken", 1):
                raise ValueError
        except ValueError:
            pass
        with watch.task("next", 1):
            time.sleep(0.12)
    assert watch.stages["next"].seconds >= 0.12 > watch.stages["broken"].seconds


def test_memory_that_is_taken_is_seen() -> None:
    before = memory()
    taken = bytearray(64 * 2**20)
    taken[::4096] = b"x" * len(taken[::4096])
    assert memory() - before > 32 * 2**20
