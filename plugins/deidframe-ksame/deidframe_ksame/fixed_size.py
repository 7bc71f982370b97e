"""Groups of k to 2k - 1 people with a small sum of squared errors.

Greedy groups over nearest-neighbour lists, outliers first (the order of MDAV), then threshold accepting by moves and swaps,
then descent. Groups of two begin with the best pairs that there are (minimum-weight matching).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, Partition
from deidframe.contract.near import near_together, nearest
from deidframe_ksame.cells import in_cells
from deidframe_ksame.dense import refine_dense
from deidframe_ksame.joining import join
from deidframe_ksame.kernel import greedy, refine
from deidframe_ksame.matching import MOST, pairs
from deidframe_ksame.plugin import FixedSizeParams

Labels = NDArray[np.int64]
Lists = NDArray[Any]
Search = Callable[..., Labels]
NEIGHBOURS = 20
"""Length of the neighbour lists over which groups are made and changed."""
FEW = 10
"""The same for the changes beyond 20,000 rows, where a pass must be short."""
DENSE = 6_000
"""Rows up to which the products of all of them are held: 144 MB, and half of that again."""
HEAT = 0.2
"""First threshold, as a share of half the mean squared distance to the mean of all."""
STEPS = 30_000_000
"""Passes times people times k when nothing is said: some fifteen seconds."""
LEAST = 8
"""Passes at least."""
DENSE_STEPS = 10_000_000
"""Passes times people for `DENSE` rows: some two seconds for each of `STARTS`."""
BLOCK = 1_024
"""Rows that a pass visits together beyond `DENSE`: half a megabyte of them."""
STARTS = 2
"""Searches from which the best is taken, each in a thread of its own, where all products are held."""
DESCENTS = 300_000
"""Passes of pure descent at the end, times people, at most."""
TRIAL, SPARED = 0.03, 0.8
"""Share of the time for which it is tried how long passes take, and of what is left then that the search is given: searches
beside each other are slower than one alone."""
MANY = 1_000_000
"""Passes at most."""


class FixedSize:
    """Clusterer `fixed-size`.

    Args:
        params: how long it searches.
        context: gives the seed.
    """

    def __init__(self, params: FixedSizeParams, context: Context) -> None:
        self._params, self._context = params, context

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return groups of k to 2k - 1 people each; with fewer than k people everyone is noise."""
        p = self._params
        each = None if p.seconds is None else p.seconds / p.cells
        group = partial(fixed_size, passes=p.passes, starts=p.starts, seconds=each)
        return Partition(people.ids, in_cells(people.vectors, k, p.cells, self._context.seed % 2**31, group))


def fixed_size(
    vectors: NDArray[Any],
    k: int,
    passes: int | None = None,
    seed: int = 0,
    *,
    starts: int = STARTS,
    seconds: float | None = None,
) -> Labels:
    """Return labels from 0 of groups of k to 2k - 1 rows; all -1 when there are fewer than k rows.

    Args:
        vectors: `(N, D)`, finite.
        k: at least 1.
        passes: over all rows while worse steps are taken too; None: by N.
        seed: of the search.
        starts: searches, of which the best is kept; beyond `DENSE` rows there is one.
        seconds: how long it may take, in the place of `passes`: how many passes that is depends on the machine.
    """
    began = time.perf_counter()
    n = len(vectors)
    if n < k:
        return np.full(n, -1, np.int64)
    if k == 1:
        return np.arange(n, dtype=np.int64)
    if n < 2 * k:
        return np.zeros(n, np.int64)
    dense = n <= DENSE
    order = np.arange(n) if dense else near_together(vectors, seed)
    table = np.ascontiguousarray(vectors[order], np.float64 if n <= 20_000 else np.float32)
    lists = nearest(table, max(NEIGHBOURS if k < 10 or not dense else 2 * NEIGHBOURS, 2 * k), seed)
    start = seed_groups(table, lists, k)
    found = [start]
    if k == 2 and n <= MOST:
        found.append(pairs(table, lists))
    near = lists if dense else lists[:, : NEIGHBOURS if n <= 20_000 else FEW]
    spread = _spread(table)
    if spread > 0:
        search = _dense(table, start, near, k, spread) if dense else partial(_sparse, table, start, near, k, spread)
        if seconds is not None:
            passes = _affordable(search, seconds, began, seed)
        elif passes is None:
            passes = int(np.clip(DENSE_STEPS // n, 5, 20_000) if dense else np.clip(STEPS // (n * k), LEAST, 1500))
        seeds = range(seed, seed + (starts if dense else 1))
        with ThreadPoolExecutor(STARTS) as threads:
            found += threads.map(lambda one: search(passes=passes, seed=one), seeds)
    best = found[-1]  # a search ends at the best that it met, its start among them
    if dense:
        best = min(found, key=lambda labels: _errors(table, labels))
        best = refine(table, best, near, k, 0, _descents(n), 0.0, seed, n)
    labels = np.empty(n, np.int64)
    labels[order] = best
    return labels


def _dense(table: NDArray[Any], start: Labels, lists: Lists, k: int, spread: float) -> Search:
    """Return the search over the products of all rows, which are made once for all of its runs."""
    centred = (table - table.mean(axis=0)) / np.sqrt(spread)
    products = (centred @ centred.T).astype(np.float32)

    def search(*, passes: int, seed: int) -> Labels:
        return np.asarray(refine_dense(products, start, lists, k, passes, 3, HEAT / 2, seed))

    return search


def _sparse(table: NDArray[Any], start: Labels, lists: Lists, k: int, spread: float, *, passes: int, seed: int) -> Labels:
    return np.asarray(refine(table, start, lists, k, passes, _descents(len(table)), HEAT * spread / 2, seed, BLOCK))


def _descents(n: int) -> int:
    return int(np.clip(DESCENTS // n, 4, 60))


def _affordable(search: Search, seconds: float, began: float, seed: int) -> int:
    """Return how many passes the time that is left allows, from how long some take."""
    search(passes=1, seed=seed)  # what is compiled, or read from the cache of compiled code, is so before time is taken
    trial, took = 4, 0.0
    while took < TRIAL * seconds and trial < MANY:
        trial *= 2
        before = time.perf_counter()
        search(passes=trial, seed=seed)
        took = time.perf_counter() - before
    left = SPARED * (seconds - (time.perf_counter() - began))
    return int(np.clip(left / took * trial, 1, MANY))


def _spread(table: NDArray[Any]) -> float:
    """Return the mean squared distance to the mean of all."""
    mean = table.mean(axis=0, dtype=np.float64)
    step = 2**16
    total = sum(float(((table[at : at + step] - mean) ** 2).sum()) for at in range(0, len(table), step))
    return total / len(table)


def _errors(table: NDArray[Any], labels: Labels) -> float:
    """Return the sum of squared errors, less what does not depend on the groups."""
    sums = np.zeros((int(labels.max()) + 1, table.shape[1]))
    np.add.at(sums, labels, table)
    return -float(((sums**2).sum(axis=1) / np.bincount(labels)).sum())


def seed_groups(table: NDArray[Any], lists: Lists, k: int) -> Labels:
    """Return groups of k to 2k - 1: greedily, those far from the mean first; whoever is left over is grouped anew, or joins."""
    far = _squares(table)
    labels = np.asarray(greedy(lists, np.argsort(-far, kind="stable"), k))
    left = np.flatnonzero(labels < 0)
    while len(left) >= k:
        part = table[left]
        if len(left) < 2 * k:
            labels[left] = labels.max() + 1
            return labels
        again = np.asarray(greedy(nearest(part, max(4 * k, 64)), np.argsort(-_squares(part), kind="stable"), k))
        labels[left] = np.where(again >= 0, again + labels.max() + 1, -1)
        left = np.flatnonzero(labels < 0)
    join(table, labels, left, 2 * k - 1)
    return labels


def _squares(table: NDArray[Any]) -> NDArray[np.float64]:
    """Return each row's squared distance to the mean of all, some rows at a time."""
    mean, step = table.mean(axis=0), 2**16
    parts = [((table[at : at + step] - mean) ** 2).sum(axis=1) for at in range(0, len(table), step)]
    return np.concatenate(parts)
