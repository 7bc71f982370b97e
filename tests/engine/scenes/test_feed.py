"""Two sides of a feed: what either raises ends both, and nothing is lost between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deidframe.engine.scenes.feed import AHEAD, Feed


def test_everything_arrives_in_order() -> None:
    got: list[int] = []
    with Feed(got.extend) as feed:
        for n in range(10 * AHEAD):
            feed.put(n)
    assert got == list(range(10 * AHEAD))


def test_an_error_of_the_taker_reaches_who_puts() -> None:
    def broken(items: Iterator[int]) -> None:
        next(items)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Feed(broken) as feed:
        for n in range(10 * AHEAD):
            feed.put(n)

    def late(items: Iterator[int]) -> None:
        list(items)
        raise OSError("at the end")

    with pytest.raises(OSError, match="at the end"), Feed(late) as feed:
        feed.put(1)


def test_an_error_of_who_puts_cuts_the_taker_short() -> None:
    ended: list[bool] = []

    def take(items: Iterator[int]) -> None:
        for _ in items:
            pass
        ended.append(True)

    with pytest.raises(ValueError, match="drawing"), Feed(take) as feed:
        feed.put(1)
        raise ValueError("drawing")
    assert not ended


def test_a_taker_that_ends_too_early_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="ended before"), Feed(lambda items: None) as feed:
        for n in range(10 * AHEAD):
            feed.put(n)
