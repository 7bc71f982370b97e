"""The compiled inner loops of fixed-size grouping: greedy groups, then moves and swaps by closed formulas of the group means.

Moving x from A (a people, mean m_A) to B (b, m_B) changes the SSE by b/(b+1) |x - m_B|^2 - a/(a-1) |x - m_A|^2.
A swap of x in A and y in B, d = y - x, changes it by 2 d.(m_B - m_A) - |d|^2 (1/a + 1/b).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True)  # type: ignore[misc, unused-ignore]
def greedy(lists: NDArray[Any], order: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Return labels from 0: in this order, who is free takes its k - 1 nearest free neighbours; -1 where the list has too few.

    Args:
        lists: `(N, L)` neighbours, nearest first.
        order: `(N,)` rows, those who are hard to place first.
        k: group size.
    """
    n, length = lists.shape
    labels = np.full(n, -1, np.int64)
    group = 0
    for at in range(n):
        x = order[at]
        if labels[x] >= 0:
            continue
        free = 0
        for j in range(length):
            if labels[lists[x, j]] < 0:
                free += 1
                if free == k - 1:
                    break
        if free < k - 1:
            continue
        labels[x] = group
        taken = 1
        for j in range(length):
            y = lists[x, j]
            if labels[y] < 0:
                labels[y] = group
                taken += 1
                if taken == k:
                    break
        group += 1
    return labels


# sums of products may be taken in any order (fastmath), so that they are taken some at a time
@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[misc, unused-ignore]
def _move_gain(vectors: Any, sums: Any, sizes: Any, x: int, here: int, there: int) -> float:
    a, b = sizes[here], sizes[there]
    over_a, over_b = sums.dtype.type(1.0 / a), sums.dtype.type(1.0 / b)
    near, far = sums.dtype.type(0), sums.dtype.type(0)
    for d in range(vectors.shape[1]):
        v = vectors[x, d]
        p = v - sums[here, d] * over_a
        q = v - sums[there, d] * over_b
        near += p * p
        far += q * q
    gain: float = float(far) * b / (b + 1) - float(near) * a / (a - 1)
    return gain


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[misc, unused-ignore]
def _swap_gain(vectors: Any, sums: Any, sizes: Any, x: int, y: int, here: int, there: int) -> float:
    a, b = sizes[here], sizes[there]
    over_a, over_b = sums.dtype.type(1.0 / a), sums.dtype.type(1.0 / b)
    dot, square = sums.dtype.type(0), sums.dtype.type(0)
    for d in range(vectors.shape[1]):
        step = vectors[y, d] - vectors[x, d]
        dot += step * (sums[there, d] * over_b - sums[here, d] * over_a)
        square += step * step
    gain: float = 2 * float(dot) - float(square) * (1.0 / a + 1.0 / b)
    return gain


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _summed(vectors: Any, labels: Any, sums: Any) -> None:
    """Sum the rows of each group anew."""
    sums[:] = 0
    for x in range(len(labels)):
        for d in range(vectors.shape[1]):
            sums[labels[x], d] += vectors[x, d]


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _shuffled(order: Any, block: int) -> None:
    """Put the rows into a drawn order: blocks of neighbouring rows, and the rows of each."""
    n = len(order)
    blocks = np.random.permutation((n + block - 1) // block)
    at = 0
    for one in blocks:
        first, last = one * block, min((one + 1) * block, n)
        for x in range(first, last):
            order[at + x - first] = x
        np.random.shuffle(order[at : at + last - first])
        at += last - first


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def listed(labels: Any, sizes: Any, members: Any, slot: Any) -> None:
    """Fill in the members of each group, how many they are, and the place of each row among them."""
    sizes[:] = 0
    for x in range(len(labels)):
        g = labels[x]
        members[g, sizes[g]] = x
        slot[x] = sizes[g]
        sizes[g] += 1


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def moved(labels: Any, sizes: Any, members: Any, slot: Any, x: int, there: int) -> None:
    """Take x out of its group and into another, keeping the lists of members whole."""
    here = labels[x]
    last = members[here, sizes[here] - 1]
    members[here, slot[x]] = last
    slot[last] = slot[x]
    sizes[here] -= 1
    members[there, sizes[there]] = x
    slot[x] = sizes[there]
    sizes[there] += 1
    labels[x] = there


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _put(vectors: Any, labels: Any, sums: Any, sizes: Any, members: Any, slot: Any, x: int, there: int) -> None:
    """Move x, and its row from one sum to the other."""
    here = labels[x]
    moved(labels, sizes, members, slot, x, there)
    for d in range(vectors.shape[1]):
        sums[here, d] -= vectors[x, d]
        sums[there, d] += vectors[x, d]


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def refine(
    vectors: NDArray[Any],
    start: NDArray[Any],
    lists: NDArray[Any],
    k: int,
    passes: int,
    descents: int,
    heat: float,
    seed: int,
    block: int,
) -> NDArray[np.int64]:
    """Return the best labels met by threshold accepting (Dueck and Scheuer, 1990) over the neighbour lists, then by descent.

    Each step takes one x and the group of one of its neighbours, and the best of moving x there or swapping it with a member.
    While the threshold falls from `heat` to 0 over `passes`, a step that raises the SSE by less is taken too; then only steps
    that lower it, over all neighbours, until a whole pass helps nobody.

    Args:
        vectors: `(N, D)`.
        start: `(N,)` labels, every group of k to 2k - 1.
        lists: `(N, L)` neighbours.
        passes, descents: over all rows while the threshold falls, and at most afterwards.
        heat: in units of the SSE.
        seed: of the order of steps.
        block: rows that are visited together, in a drawn order: near ones, where rows lie as `neighbours.near_together` puts
            them, so that what a pass reads stays near the processor.
    """
    n, dim = vectors.shape
    length = lists.shape[1]
    labels = start.copy()
    groups = labels.max() + 1
    largest = 2 * k - 1
    sums = np.zeros((groups, dim), vectors.dtype)
    sizes = np.zeros(groups, np.int32)
    members = np.full((groups, largest + 2), -1, np.int32)
    slot = np.zeros(n, np.int32)
    listed(labels, sizes, members, slot)
    np.random.seed(seed)
    order = np.arange(n)
    current, lowest = 0.0, 0.0
    best = labels.copy()
    for step in range(passes + descents):
        hot = step < passes
        threshold = heat * (1 - (step + 1) / passes) if hot else 0.0
        if step == passes and lowest < current - 1e-9:  # descend from the best that was met
            labels[:] = best
            listed(labels, sizes, members, slot)
            current = lowest
        _summed(vectors, labels, sums)  # what is added and taken away again leaves a rest
        if hot:
            _shuffled(order, block)
        changed = False
        for at in range(n):
            x = order[at]
            tries = 1 if hot else length
            for attempt in range(tries):
                y = lists[x, np.random.randint(length)] if hot else lists[x, attempt]
                here, there = labels[x], labels[y]
                if here == there:
                    continue
                gain, partner = np.inf, -2
                if sizes[here] > k and sizes[there] < largest:
                    gain, partner = _move_gain(vectors, sums, sizes, x, here, there), -1
                for m in range(sizes[there]):
                    z = members[there, m]
                    if z == y and hot:
                        continue
                    change = _swap_gain(vectors, sums, sizes, x, z, here, there)
                    if change < gain:
                        gain, partner = change, z
                if gain < threshold - 1e-12:
                    _put(vectors, labels, sums, sizes, members, slot, x, there)
                    if partner >= 0:
                        _put(vectors, labels, sums, sizes, members, slot, partner, here)
                    current += gain
                    changed = True
        if current < lowest - 1e-12:
            lowest = current
            best[:] = labels
        if not hot and not changed:
            break
    return best
