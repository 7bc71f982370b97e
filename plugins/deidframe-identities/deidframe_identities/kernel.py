"""The two loops of rank-order clustering, compiled."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


def rank_order_distances(lists: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return D(a, b) for each a and each b in a's list.

    Args:
        lists: `(N, k)` int32, nearest first, without the picture itself.

    Returns:
        `(N, k)` float32. Time grows with N k^2, memory with N k and one table of N ranks for each thread.
    """
    return np.asarray(_distances(lists, numba.get_num_threads()))


@numba.njit(parallel=True, cache=True)  # type: ignore[misc, unused-ignore]
def _distances(lists: NDArray[Any], threads: int) -> NDArray[np.float32]:
    n, k = lists.shape
    out = np.empty((n, k), np.float32)
    for thread in numba.prange(threads):
        # rank[x] - base is x's rank in the list of the a at hand; ranks of earlier a lie below base
        rank = np.zeros(n, np.int64)
        base = 0
        for a in range(thread, n, threads):
            base += k + 2
            rank[a] = base
            for i in range(k):
                rank[lists[a, i]] = base + i + 1
            for place in range(k):
                b = lists[a, place]
                o_ab = place + 1
                o_ba = k + 1
                for j in range(k):
                    if lists[b, j] == a:
                        o_ba = j + 1
                        break
                # neighbours of a up to b that b has as well (b itself is one), and those of b up to a that a has
                shared_ab = 1
                shared_ba = 0
                upto = min(o_ba, k)
                for j in range(k):
                    r = rank[lists[b, j]] - base
                    if r >= 0:
                        if 1 <= r <= o_ab:
                            shared_ab += 1
                        if j < upto:
                            shared_ba += 1
                d = (o_ab - shared_ab) + (upto - shared_ba)
                out[a, place] = d / min(o_ab, o_ba)
    return out


@numba.njit(cache=True)  # type: ignore[misc, unused-ignore]
def components(lists: NDArray[Any], distances: NDArray[Any], threshold: float) -> NDArray[np.int64]:
    """Return the connected components of the links below the threshold, numbered by first appearance."""
    n, k = lists.shape
    limit = np.float32(threshold)  # as the distances are: 7 / 10 in float32 lies below 0.7 in float64, and is not less than it
    parent = np.arange(n)
    for a in range(n):
        for place in range(k):
            if distances[a, place] < limit:
                x, y = a, np.int64(lists[a, place])
                while parent[x] != x:
                    parent[x] = parent[parent[x]]
                    x = parent[x]
                while parent[y] != y:
                    parent[y] = parent[parent[y]]
                    y = parent[y]
                if x < y:
                    parent[y] = x
                else:
                    parent[x] = y
    labels = np.full(n, -1, np.int64)
    count = 0
    for a in range(n):
        x = a
        while parent[x] != x:
            x = parent[x]
        if labels[x] < 0:
            labels[x] = count
            count += 1
        labels[a] = labels[x]
    return labels
