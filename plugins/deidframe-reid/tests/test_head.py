"""The head's gradient is that of its loss, and what it learns holds for others."""

from __future__ import annotations

import numpy as np
import pytest

from deidframe_reid.head import Head, loss_and_slopes, trained
from deidframe_reid.views import unit


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    x, y = (unit(rng.normal(size=(9, 6))) for _ in range(2))
    person = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7])
    weights = [rng.normal(0, 0.5, shape).astype(np.float64) for shape in ((6, 5), (5,), (5, 6), (6,))]
    masks = (np.ones((9, 6)), (rng.random((9, 5)) > 0.3).astype(np.float64))
    _, slopes = loss_and_slopes(weights, x, y, person, masks)  # type: ignore[arg-type]
    for one, slope in zip(weights, slopes, strict=True):
        place = np.unravel_index(int(np.abs(slope).argmax()), slope.shape)
        kept, step = one[place], 1e-4
        one[place] = kept + step
        above, _ = loss_and_slopes(weights, x, y, person, masks)  # type: ignore[arg-type]
        one[place] = kept - step
        below, _ = loss_and_slopes(weights, x, y, person, masks)  # type: ignore[arg-type]
        one[place] = kept
        assert (above - below) / (2 * step) == pytest.approx(float(slope[place]), rel=0.02)


def test_what_it_learns_holds_for_others() -> None:
    rng = np.random.default_rng(2)
    clear = unit(rng.normal(size=(400, 32)))
    turn = np.linalg.qr(rng.normal(size=(32, 32)))[0]
    released = unit(clear @ turn + 0.1 * rng.normal(size=clear.shape))
    person = np.repeat(np.arange(200), 2)
    made = trained(released[:300], clear[:300], person[:300])
    right = np.arange(100)
    plain = ((released[300:] @ clear[300:].T).argmax(axis=1) == right).mean()
    better = ((unit(made(released[300:])) @ clear[300:].T).argmax(axis=1) == right).mean()
    assert plain < 0.1 < 0.3 < better
    again = trained(released[:300], clear[:300], person[:300])
    assert all(np.array_equal(a, b) for a, b in zip(made.weights, again.weights, strict=True))
    assert Head(made.weights)(released[:0]).shape == (0, 32)
