"""Copies of one picture change nothing of who is found: distinct pictures are clustered, labels spread."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, Embeddings, Partition
from deidframe.engine.components.copies import without_copies
from deidframe.host.catalogue import Catalogue


def crowd(copies: int) -> tuple[Embeddings, np.ndarray]:
    rng = np.random.default_rng(5)
    truth = np.repeat(np.arange(12), 6)
    rows = rng.standard_normal((12, 64))[truth] + 0.45 * rng.standard_normal((72, 64))
    rows = np.concatenate([rows, np.repeat(rows[:2], copies, axis=0)])
    truth = np.concatenate([truth, np.repeat(truth[:2], copies)])
    order = rng.permutation(len(rows))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)[order]
    return Embeddings(tuple(f"f{n}" for n in range(len(rows))), rows, "x"), truth[order]


def test_copies_get_the_label_of_what_they_equal(tmp_path) -> None:
    for name in ("aroc", "dbscan"):
        loaded = Catalogue().load("clusterer", name)
        clusterer = loaded.make(loaded.component.params(), Context(seed=1, scratch=tmp_path))
        plain, _ = crowd(0)
        among, truth = crowd(50)
        found = without_copies(among, lambda distinct, clusterer=clusterer: clusterer.cluster(distinct, 1))
        before = without_copies(plain, lambda distinct, clusterer=clusterer: clusterer.cluster(distinct, 1)).labels
        assert len(set(found.labels.tolist()) - {-1}) == len(set(before.tolist()) - {-1}) >= 9
        distinct = np.unique(among.vectors, axis=0, return_index=True)[1]
        assert (found.labels[distinct] < 0).sum() == (before < 0).sum()
        for label in set(found.labels.tolist()) - {-1}:
            assert len(set(truth[found.labels == label].tolist())) == 1


def test_ids_and_order_stay() -> None:
    among, _ = crowd(3)
    seen: list[int] = []

    def cluster(distinct: Embeddings) -> Partition:
        seen.append(len(distinct))
        assert list(distinct.ids) == sorted(distinct.ids, key=among.ids.index)
        return Partition(distinct.ids, np.arange(len(distinct), dtype=np.int64))

    found = without_copies(among, cluster)
    assert found.ids == among.ids
    assert seen == [72]
    for row, label in enumerate(found.labels.tolist()):
        same = np.flatnonzero((among.vectors == among.vectors[row]).all(axis=1))
        assert (found.labels[same] == label).all()
