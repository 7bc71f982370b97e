"""Batches side by side give what they give one after the other, in their order, also where the stream is stopped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from deidframe.models import Network
from deidframe.models.network import SPENT


def graph() -> ov.Model:
    x = op.parameter([-1, 8], np.float32, name="x")
    weights = np.random.default_rng(0).standard_normal((8, 300)).astype(np.float32)
    deep = op.matmul(x, op.constant(weights), False, False)
    return ov.Model([op.result(op.tanh(op.matmul(deep, op.constant(weights.T), False, False)))], [x])


def batches(count: int, of: int = 5) -> list[np.ndarray]:
    return list(np.random.default_rng(1).standard_normal((count, of, 8)).astype(np.float32))


@pytest.mark.parametrize("count", [0, 1, 2, 7])
@pytest.mark.parametrize("stream", [False, True])
def test_as_one_after_the_other(count: int, stream: bool) -> None:
    single, network = Network(graph()), Network(graph(), stream=stream)
    given = batches(count)
    made = network.stacked(given)
    wanted = np.concatenate([single(one)[0] for one in given]) if count else np.zeros(0, np.float32)
    assert np.allclose(made, wanted, atol=1e-5)
    assert np.array_equal(made, network.stacked(given)), "and the same again"


def test_batches_of_other_sizes_keep_their_order() -> None:
    network = Network(graph(), stream=True)
    rows = np.random.default_rng(2).standard_normal((23, 8)).astype(np.float32)
    made = network.stacked(rows[start : start + n] for start, n in ((0, 4), (4, 1), (5, 16), (21, 2)))
    assert np.allclose(made, network.stacked([rows]), atol=1e-5)


def test_one_that_breaks_leaves_the_network_usable() -> None:
    network, given = Network(graph(), stream=True), batches(4)

    def broken() -> Iterator[np.ndarray]:
        yield from given[:3]
        raise KeyError("no more")

    for _ in range(5):
        with pytest.raises(KeyError):
            network.stacked(broken())
    assert len(network.stacked(given)) == 20


def test_what_it_took_is_counted() -> None:
    network, before = Network(graph(), stream=True), SPENT.cpu
    network.stacked(np.zeros((5000, 8), np.float32) for _ in range(20))
    assert SPENT.cpu > before
