from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from deidframe.contract import curves
from deidframe.contract.curves import knee, neighbour_distances


def test_the_knee_is_where_the_curve_bends() -> None:
    curve = np.concatenate([1.0 + np.arange(90) * 0.001, np.linspace(1.2, 9, 10)])
    assert 85 <= knee(curve) <= 91
    assert 8 <= knee(1 / np.arange(1, 100)) <= 12
    assert knee(np.ones(5)) == 4
    assert knee(np.ones(1)) == 0


@pytest.mark.parametrize("neighbour", [1, 4, 99])
def test_neighbour_distances_are_those_of_a_peer(neighbour: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).standard_normal((60, 5))
    monkeypatch.setattr(curves, "BLOCK_BYTES", 8 * 60 * 7)
    expected, _ = NearestNeighbors(n_neighbors=min(neighbour, 59) + 1).fit(rows).kneighbors(rows)
    assert np.allclose(neighbour_distances(rows, neighbour), np.sort(expected[:, -1]), atol=1e-6)
