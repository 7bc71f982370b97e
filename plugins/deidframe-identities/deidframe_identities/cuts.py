"""Who is near whom among many, by random cuts of the space; `deidframe-ksame` has the same loops: no plugin imports another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

LEAF = 1500
TREES = 8
BLOCK = 512
"""Rows whose products with a leaf's are held at once."""
THREADS = 2
_BLAS = ThreadpoolController()


def nearest_by_cuts(table: NDArray[np.float32], count: int, seed: int = 0) -> NDArray[np.int32]:
    """Return each row's nearest other rows, nearest first, `(N, count)`: among those that share a leaf of one of `TREES` trees.

    Args:
        table: `(N, D)`, of length one, more than `LEAF` rows.
        count: below `LEAF` / 2.
        seed: of the cuts.
    """
    n = len(table)
    lists = np.full((n, count), -1, np.int32)
    far = np.full((n, count), np.inf, np.float32)
    squares = np.einsum("nd,nd->n", table, table)
    rng = np.random.default_rng(seed)

    def look(leaf: NDArray[np.int32]) -> None:
        part = table[leaf]
        for start in range(0, len(leaf), BLOCK):
            _keep(part[start : start + BLOCK] @ part.T, leaf[start : start + BLOCK], leaf, squares, lists, far)

    # leaves of a tree share no row, so threads write into different rows, and in each the order of leaves is that of the trees
    with _BLAS.limit(limits=1, user_api="blas"), ThreadPoolExecutor(THREADS) as threads:
        for _ in range(TREES):
            for one in [threads.submit(look, leaf) for leaf in _leaves(table, rng)]:
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
