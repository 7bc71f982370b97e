from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deidframe.contract import Context, Embeddings, FaceSet, IndexedStack, Partition, Surrogates
from deidframe.contract.near import near_together, nearest
from deidframe_ksame import cells
from deidframe_ksame import fixed_size as module
from deidframe_ksame.cells import in_cells
from deidframe_ksame.centroid import Centroid
from deidframe_ksame.dense import refine_dense
from deidframe_ksame.fixed_size import FixedSize, fixed_size, seed_groups
from deidframe_ksame.kernel import refine
from deidframe_ksame.matching import pairs
from deidframe_ksame.outliers import NearestGroup, OwnGroups, SplitMerge, Withhold
from deidframe_ksame.pixel_mean import PixelMean
from deidframe_ksame.plugin import FixedSizeParams, NoParams

CONTEXT = Context(seed=1, scratch=Path())


def sse(vectors: np.ndarray, labels: np.ndarray) -> float:
    return float(sum(((vectors[labels == g] - vectors[labels == g].mean(axis=0)) ** 2).sum() for g in np.unique(labels)))


def people(vectors: np.ndarray) -> Embeddings:
    return Embeddings(tuple(f"p{n}" for n in range(len(vectors))), vectors.astype(np.float32), "test")


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 7), st.integers(0, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_every_group_holds_k_to_2k_minus_1(k: int, n: int, seed: int, equal: bool) -> None:
    rng = np.random.default_rng(seed)
    vectors = np.zeros((n, 3)) if equal else rng.standard_normal((n, 3))
    out = FixedSize(FixedSizeParams(), CONTEXT).cluster(people(vectors), k)
    if n < k:
        assert out.groups() == {}
    else:
        assert all(k <= size <= 2 * k - 1 for size in out.sizes().values())
        assert sum(out.sizes().values()) == n


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_moves_and_swaps_never_raise_the_sse_and_end_at_a_local_optimum(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((24, 4))
    before = seed_groups(vectors, nearest(vectors, 23), k)
    after = fixed_size(vectors, k, 20, seed % 1000)
    assert sse(vectors, after) <= sse(vectors, before) + 1e-9
    for a in range(24):  # with all others in the lists, the end is an optimum against every swap
        for b in range(a):
            swapped = after.copy()
            swapped[a], swapped[b] = after[b], after[a]
            assert sse(vectors, swapped) >= sse(vectors, after) - 1e-9


def test_the_best_pairs_are_found() -> None:
    """Against every way to pair eight rows."""
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((8, 3))

    def ways(rows: list[int]) -> list[list[tuple[int, int]]]:
        if not rows:
            return [[]]
        first, *rest = rows
        return [[(first, one), *way] for one in rest for way in ways([r for r in rest if r != one])]

    def labelled(way: list[tuple[int, int]]) -> np.ndarray:
        labels = np.zeros(8, np.int64)
        for label, pair in enumerate(way):
            labels[list(pair)] = label
        return labels

    best = min(sse(vectors, labelled(way)) for way in ways(list(range(8))))
    assert sse(vectors, pairs(vectors, nearest(vectors, 7))) == pytest.approx(best)
    odd = fixed_size(rng.standard_normal((9, 3)), 2)
    assert sorted(np.bincount(odd).tolist()) == [2, 2, 2, 3]


def test_pairs_without_neighbours_to_match_are_still_pairs() -> None:
    vectors = np.zeros((40, 2))  # doubles: the lists hold the same few rows
    lists = np.tile(np.arange(3), (40, 1))
    labels = pairs(vectors, lists)
    assert np.bincount(labels).min() >= 2 and np.bincount(labels).max() <= 3


def test_the_dense_search_counts_as_the_plain_one() -> None:
    """Both descend from one start to an optimum of their own, and what each says it gained is so."""
    rng = np.random.default_rng(8)
    vectors = rng.standard_normal((300, 12))
    lists = nearest(vectors, 20)
    start = seed_groups(vectors, lists, 5)
    centred = vectors - vectors.mean(axis=0)
    products = (centred @ centred.T).astype(np.float32)
    dense = refine_dense(products, start, lists, 5, 400, 50, 2.0, 1)
    plain = refine(vectors, start, lists, 5, 400, 50, 2.0, 1, 300)
    for labels in (dense, plain):
        assert np.bincount(labels).min() >= 5 and np.bincount(labels).max() <= 9
        assert sse(vectors, labels) < 0.97 * sse(vectors, start)
    assert sse(vectors, dense) == pytest.approx(sse(vectors, plain), rel=0.03)


def test_lists_are_the_nearest_and_hold_nobody_twice() -> None:
    rng = np.random.default_rng(2)
    small = rng.standard_normal((700, 6))
    far = ((small[:, None] - small[None]) ** 2).sum(axis=2)
    np.fill_diagonal(far, np.inf)
    assert np.array_equal(nearest(small, 9), np.argsort(far, axis=1)[:, :9])
    clumps = np.repeat(rng.standard_normal((2_000, 8)), 7, axis=0) + 0.01 * rng.standard_normal((14_000, 8))
    lists = nearest(clumps, 12)  # by cuts: more rows than are compared with all
    assert (lists >= 0).all() and (lists != np.arange(14_000)[:, None]).all()
    assert all(len(set(row)) == 12 for row in lists[::500].tolist())
    assert (lists[:, :6] // 7 == np.arange(14_000)[:, None] // 7).mean() > 0.99


def test_an_order_puts_near_rows_together() -> None:
    rng = np.random.default_rng(2)
    line = rng.permutation(np.arange(6_000.0))[:, None] * np.ones((1, 3))
    order = near_together(line)
    assert sorted(order.tolist()) == list(range(6_000))
    assert np.abs(np.diff(line[order][:, 0])).mean() < 1_000  # 2,000 in a drawn order


def test_groups_are_whole_whatever_the_time() -> None:
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((400, 16))
    labels = fixed_size(vectors, 4, seconds=0.2)
    assert np.bincount(labels).min() >= 4 and np.bincount(labels).max() <= 7
    with pytest.raises(ValidationError, match="give one of them"):
        FixedSizeParams(passes=3, seconds=1)


@pytest.mark.parametrize("n", [3, 60, 2_000])
def test_cells_make_whole_groups(n: int) -> None:
    rng = np.random.default_rng(n)
    vectors = rng.standard_normal((n, 10)).astype(np.float32)
    labels = FixedSize(FixedSizeParams(cells=4, passes=200), CONTEXT).cluster(people(vectors), 5).labels
    if n < 5:
        assert (labels == -1).all()
        return
    assert np.bincount(labels).min() >= 5 and np.bincount(labels).max() <= 9
    assert sse(vectors, labels) < 1.15 * sse(vectors, fixed_size(vectors, 5, 200))


def test_borders_of_cells_are_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(1).standard_normal((2_000, 10)).astype(np.float32)
    group = partial(fixed_size, passes=100)
    repaired = in_cells(vectors, 5, 8, 1, group)
    monkeypatch.setattr(cells, "PASSES", 0)
    assert sse(vectors, repaired) < 0.999 * sse(vectors, in_cells(vectors, 5, 8, 1, group))


def test_cells_search_as_they_are_asked() -> None:
    asked: list[dict[str, Any]] = []

    def group(rows: np.ndarray, k: int, **given: Any) -> np.ndarray:
        asked.append(given)
        return np.arange(len(rows)) // k % (len(rows) // k)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fixed_size", group)
        vectors = np.random.default_rng(1).standard_normal((400, 6))
        FixedSize(FixedSizeParams(cells=4, seconds=8, starts=1), CONTEXT).cluster(people(vectors), 5)
    assert len(asked) == 4 and all((one["seconds"], one["starts"]) == (2.0, 1) for one in asked)


def test_more_than_are_held_whole_are_grouped_by_lists() -> None:
    rng = np.random.default_rng(6)
    vectors = (np.repeat(rng.standard_normal((1_300, 16)), 5, axis=0) + 0.05 * rng.standard_normal((6_500, 16))).astype(
        np.float32
    )
    shuffle = rng.permutation(6_500)
    labels = fixed_size(vectors[shuffle], 5)
    assert np.bincount(labels).min() >= 5
    assert sse(vectors[shuffle], labels) < 1.05 * sse(vectors, np.repeat(np.arange(1_300), 5))


def test_clear_groups_are_found_again() -> None:
    rng = np.random.default_rng(3)
    truth = np.repeat(np.arange(8), 5)
    vectors = rng.standard_normal((8, 16))[truth] * 10 + rng.standard_normal((40, 16)) * 0.1
    shuffle = rng.permutation(40)
    labels = FixedSize(FixedSizeParams(), CONTEXT).cluster(people(vectors[shuffle]), 5).labels
    for group in range(8):
        assert len(set(labels[truth[shuffle] == group].tolist())) == 1


def partition(labels: list[int]) -> Partition:
    return Partition(tuple(f"p{n}" for n in range(len(labels))), np.array(labels, np.int64))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-1, 5), max_size=30), st.integers(2, 5))
def test_outlier_handlers_leave_no_small_group(labels: list[int], k: int) -> None:
    rng = np.random.default_rng(len(labels))
    crowd = people(rng.standard_normal((len(labels), 3)))
    for make in (NearestGroup, Withhold, OwnGroups, SplitMerge):
        handler = make(NoParams(), CONTEXT)
        settled = handler.settle(crowd, partition(labels), k)
        assert settled.ids == crowd.ids
        assert all(size >= k for size in settled.sizes().values())
        if make is not Withhold:
            assert len(settled.withheld()) in (0, len(labels))
        if make is SplitMerge:
            assert all(size < 2 * k for size in settled.sizes().values())


def test_nearest_group_joins_the_nearest_and_withhold_withholds() -> None:
    crowd = people(np.array([[0, 0], [0, 1], [9, 9], [9, 8], [8.0, 8], [0.5, 0.5]]))
    start = partition([3, 3, 5, 5, -1, 7])
    assert NearestGroup(NoParams(), CONTEXT).settle(crowd, start, 2).labels.tolist() == [0, 0, 1, 1, 1, 0]
    assert Withhold(NoParams(), CONTEXT).settle(crowd, start, 2).labels.tolist() == [0, 0, 1, 1, -1, -1]
    assert NearestGroup(NoParams(), CONTEXT).settle(crowd, start, 5).labels.tolist() == [0] * 6


def test_the_centroid_weighs_people_the_same() -> None:
    crowd = people(np.array([[0.0, 0], [2, 0], [5, 5], [7, 7], [9, 9]]))
    out = Centroid(NoParams(), CONTEXT).anonymize(crowd, partition([0, 0, 1, 1, -1]))
    assert out.ids == ("p0", "p1", "p2", "p3")
    assert out.targets.tolist() == [[1, 0], [1, 0], [6, 6], [6, 6]]
    assert out.weights.tolist() == [0.5] * 4


def test_the_pixel_mean_is_the_weighted_mean_of_each_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    pictures = rng.integers(0, 256, (7, 16, 16, 3)).astype(np.uint8)
    groups = np.array([1, 0, 1, 0, 1, 0, 1], np.int64)
    weights = rng.random(7)
    for g in (0, 1):
        weights[groups == g] /= weights[groups == g].sum()
    ids = tuple(f"f{n}" for n in range(7))
    faces = FaceSet(ids, pictures)
    surrogates = Surrogates(ids, np.zeros((7, 2), np.float32), groups, weights, "test")
    out = PixelMean(NoParams(), Context(seed=1, scratch=tmp_path)).synthesize(faces, surrogates)
    assert out.ids == ids
    assert isinstance(out.images, IndexedStack)
    assert len(out.images.pictures) == 2
    for row in range(7):
        members = groups == groups[row]
        mean = np.tensordot(weights[members], pictures[members].astype(float), axes=1)
        assert np.abs(out.images[row : row + 1][0] - mean).max() <= 0.51


AUTHORS = Path(__file__).parents[4] / "shared" / "data" / "anonfaces" / "dlib_celeba_979.pickle"


@pytest.mark.skipif(not AUTHORS.is_file(), reason="needs the original authors' encodings beside the project")
def test_the_authors_encodings_are_grouped_tighter_than_by_their_best() -> None:
    import hashlib
    import pickle

    data = AUTHORS.read_bytes()
    assert hashlib.sha256(data).hexdigest() == "430c36b9d64feb8a5f16afd5400a6149eaa6253446db988d78b06a1720d26e9f"
    rows = pickle.loads(data)  # only ever this very file
    vectors = np.array([row["encoding"] for row in rows], float).reshape(len(rows), -1)
    # the authors' best are 89.05, 172.4, 214.1 and 245.6
    for k, reached in ((2, 88.3), (5, 164.5), (10, 201.5), (20, 230.0)):
        labels = fixed_size(vectors, k)
        assert np.bincount(labels).min() >= k
        assert sse(vectors, labels) < reached


def test_many_rows_are_grouped_as_tightly_as_few(tmp_path: Path) -> None:
    """Beyond some thousand rows neighbours are searched in random leaves; the loss for each row must not grow."""
    rng = np.random.default_rng(6)
    basis = rng.standard_normal((16, 16)) * (1 + np.arange(16)) ** -0.7
    losses = []
    for n in (6_000, 24_000):
        vectors = rng.standard_normal((n, 16)) @ basis
        labels = fixed_size(vectors, 5, 5)
        assert np.bincount(labels).min() >= 5
        assert np.bincount(labels).max() <= 9
        losses.append(sse(vectors, labels) / n)
    assert losses[1] < losses[0]
