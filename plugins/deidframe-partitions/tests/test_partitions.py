from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidframe.contract import Context, Embeddings
from deidframe.host.catalogue import Catalogue
from deidframe.measure.loss import sse

NAMES = ("mdav", "k-same", "k-member", "ward-recut", "constrained-k-means", "random", "farthest-k-means")


def clusterer(name: str) -> object:
    loaded = Catalogue().load("clusterer", name)
    return loaded.make(loaded.component.params(), Context(seed=1, scratch=Path()))


def people(vectors: np.ndarray) -> Embeddings:
    return Embeddings(tuple(f"p{n}" for n in range(len(vectors))), vectors.astype(np.float32), "test")


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=25)
@given(k=st.integers(2, 6), n=st.integers(0, 30), seed=st.integers(0, 2**32 - 1), equal=st.booleans())
def test_every_group_holds_at_least_k(name: str, k: int, n: int, seed: int, equal: bool) -> None:
    vectors = np.ones((n, 3)) if equal else np.random.default_rng(seed).standard_normal((n, 3))
    out = clusterer(name).cluster(people(vectors), k)  # type: ignore[attr-defined]
    assert out.ids == tuple(f"p{i}" for i in range(n))
    if n < k:
        assert out.sizes() == {}
        return
    assert all(size >= k for size in out.sizes().values())
    assert sum(out.sizes().values()) == n
    if name not in ("k-member", "ward-recut", "farthest-k-means"):  # there the rest joins where it is nearest
        assert all(size < 2 * k for size in out.sizes().values())


def test_the_order_in_which_they_lose() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((200, 16)) * (1 + np.arange(16)) ** -0.4
    losses = {name: sse(vectors, clusterer(name).cluster(people(vectors), 5).labels) for name in NAMES}  # type: ignore[attr-defined]
    fixed = Catalogue().load("clusterer", "fixed-size")
    best = sse(vectors, fixed.make(fixed.component.params(), Context(seed=1, scratch=Path())).cluster(people(vectors), 5).labels)
    assert best < min(losses.values())
    assert losses["farthest-k-means"] > 1.15 * losses["constrained-k-means"]
    assert losses["random"] > losses["farthest-k-means"]
    assert max(losses[n] for n in ("mdav", "k-same", "k-member", "ward-recut")) < 0.8 * losses["random"]
