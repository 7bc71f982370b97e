"""Who is near whom: exact for some thousands, by random cuts of the space for more.

Loops are compiled by `numba`, which the plugin that imports this module declares; nothing of the core does.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

EXACT = 12_000
"""Rows up to which every pair is looked at."""
LEAF = 1500
TREES = 8
BLOCK = 512
"""Rows whose products with a leaf's are held at once."""
THREADS = 2
_BLAS = ThreadpoolController()


def nearest(vectors: NDArray[Any], count: int, seed: int = 0) -> NDArray[np.int32]:
    """Return each row's nearest other rows by Euclidean distance, nearest first, equally near ones by row.

    Beyond `EXACT` rows only those that share a leaf of one of `TREES` trees of random median cuts are compared. What is held
    besides the rows are 8 bytes for each neighbour. The same on any number of threads.

    Args:
        vectors: `(N, D)`, finite.
        count: of neighbours; of fewer rows all others. Beyond `EXACT` rows it has to be smaller than half a leaf.
        seed: of the cuts.

    Returns:
        `(N, min(count, N - 1))`.
    """
    table = np.ascontiguousarray(vectors, np.float32)
    n = len(table)
    count = min(count, n - 1)
    lists = np.full((n, count), -1, np.int32)
    far = np.full((n, count), np.inf, np.float32)
    squares = np.einsum("nd,nd->n", table, table)
    rng = np.random.default_rng(seed)

    def look(rows: NDArray[np.int32], leaf: NDArray[np.int32]) -> None:
        _keep(table[rows] @ table[leaf].T, rows, leaf, squares, lists, far)

    # a row is in one leaf of a tree, so threads write into different rows, and what a row is compared with comes tree after tree
    with _BLAS.limit(limits=1, user_api="blas"), ThreadPoolExecutor(THREADS) as threads:
        for _ in range(1 if n <= EXACT else TREES):
            leaves = [np.arange(n, dtype=np.int32)] if n <= EXACT else _leaves(table, rng)
            work = [threads.submit(look, leaf[at : at + BLOCK], leaf) for leaf in leaves for at in range(0, len(leaf), BLOCK)]
            for one in work:
                one.result()
    return lists


def near_together(vectors: NDArray[Any], seed: int = 0) -> NDArray[np.int32]:
    """Return an order of the rows in which near ones mostly lie near each other: leaf after leaf of one tree of cuts."""
    return np.concatenate(list(_leaves(np.asarray(vectors, np.float32), np.random.default_rng(seed))))


def _leaves(table: NDArray[np.float32], rng: np.random.Generator) -> Iterator[NDArray[np.int32]]:
    """Cut the rows in halves at the median along random differences of two rows, until a part has at most `LEAF`."""
    parts = [np.arange(len(table), dtype=np.int32)]
    while parts:
        rows = parts.pop()
        if len(rows) <= LEAF:
            yield rows
            continue
        a, b = rng.choice(rows, 2, replace=False)
        axis = table[a] - table[b]
        along = np.concatenate([table[rows[at : at + 2**16]] @ axis for at in range(0, len(rows), 2**16)])
        half = len(rows) // 2
        order = np.argpartition(along, half)
        parts += [np.sort(rows[order[:half]]), np.sort(rows[order[half:]])]


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _keep(products: Any, rows: Any, others: Any, squares: Any, lists: Any, far: Any) -> None:
    """Put those of `others` that are nearer than what a row has into its list, nearest first; nobody twice, and not itself.

    Args:
        products: `(R, O)` inner products of `rows` and `others`.
        squares: `(N,)` of all rows.
        lists, far: `(N, L)`, changed.
    """
    count = lists.shape[1]
    for i in range(len(rows)):
        x = rows[i]
        base = squares[x]
        worst = far[x, count - 1]
        for j in range(len(others)):
            distance = base + squares[others[j]] - 2 * products[i, j]
            if distance >= worst:
                continue
            y = others[j]
            known = y == x
            for place in range(count):
                if lists[x, place] == y:
                    known = True
                    break
            if known:
                continue
            place = count - 1
            while place > 0 and far[x, place - 1] > distance:
                far[x, place] = far[x, place - 1]
                lists[x, place] = lists[x, place - 1]
                place -= 1
            far[x, place] = distance
            lists[x, place] = y
            worst = far[x, count - 1]
