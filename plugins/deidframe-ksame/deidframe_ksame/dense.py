"""The search of `kernel` for some thousands of people: every product of two rows is known, so a step costs no length of a row.

With P the products of all rows and Q those of each group's sum with every row, |x - m_A|^2 = P[x,x] - 2 Q[A,x] / a + |s_A|^2 /
a^2, and the gains of moves and swaps follow as in `kernel`. A step that is taken adds rows of P to two rows of Q.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from deidframe_ksame.kernel import listed, moved


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[misc, unused-ignore]
def _begin(products: Any, labels: Any, sums: Any, squares: Any, sizes: Any, members: Any, slot: Any) -> None:
    """Fill in what is known of each group."""
    listed(labels, sizes, members, slot)
    sums[:] = 0
    for x in range(len(labels)):
        for y in range(len(labels)):
            sums[labels[x], y] += products[x, y]
    squares[:] = 0
    for x in range(len(labels)):
        squares[labels[x]] += sums[labels[x], x]


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[misc, unused-ignore]
def refine_dense(
    products: NDArray[np.float32],
    start: NDArray[Any],
    lists: NDArray[Any],
    k: int,
    passes: int,
    descents: int,
    heat: float,
    seed: int,
) -> NDArray[np.int64]:
    """Return the best labels met, as `kernel.refine` does.

    Args:
        products: `(N, N)` inner products of all rows, centred.
        start, lists, k, passes, descents, heat, seed: see there.
    """
    n = len(products)
    length = lists.shape[1]
    labels = start.copy()
    groups = labels.max() + 1
    largest = 2 * k - 1
    sums = np.zeros((groups, n), np.float32)
    squares = np.zeros(groups, np.float64)
    sizes = np.zeros(groups, np.int64)
    members = np.full((groups, largest + 2), -1, np.int64)
    slot = np.zeros(n, np.int64)
    own = np.empty(n, np.float32)
    for x in range(n):
        own[x] = products[x, x]
    _begin(products, labels, sums, squares, sizes, members, slot)
    np.random.seed(seed)
    order = np.arange(n)
    current, lowest = 0.0, 0.0
    best = labels.copy()
    for step in range(passes + descents):
        hot = step < passes
        threshold = heat * (1 - (step + 1) / passes) if hot else 0.0
        if step == passes:
            if lowest < current - 1e-9:  # descend from the best that was met
                labels[:] = best
                current = lowest
            _begin(products, labels, sums, squares, sizes, members, slot)
        elif step % 64 == 0:  # sums of float32 drift
            _begin(products, labels, sums, squares, sizes, members, slot)
        if hot:
            np.random.shuffle(order)
        changed = False
        for at in range(n):
            x = order[at]
            tries = 1 if hot else length
            for attempt in range(tries):
                y = lists[x, np.random.randint(length)] if hot else lists[x, attempt]
                here, there = labels[x], labels[y]
                if here == there:
                    continue
                a, b = sizes[here], sizes[there]
                over_a, over_b = 1.0 / a, 1.0 / b
                gain, partner = np.inf, -2
                x_here, x_there = sums[here, x], sums[there, x]
                if a > k and b < largest:
                    near = own[x] - 2 * x_here * over_a + squares[here] * over_a * over_a
                    far = own[x] - 2 * x_there * over_b + squares[there] * over_b * over_b
                    gain, partner = far * b / (b + 1) - near * a / (a - 1), -1
                both = over_a + over_b
                for m in range(b):
                    z = members[there, m]
                    if z == y and hot:
                        continue
                    square = own[x] + own[z] - 2 * products[x, z]
                    dot = (sums[there, z] - x_there) * over_b - (sums[here, z] - x_here) * over_a
                    change = 2 * dot - square * both
                    if change < gain:
                        gain, partner = change, z
                if gain < threshold - 1e-7:
                    if partner < 0:
                        squares[here] += own[x] - 2 * x_here
                        squares[there] += own[x] + 2 * x_there
                        for other in range(n):
                            sums[here, other] -= products[x, other]
                            sums[there, other] += products[x, other]
                    else:
                        z = partner
                        square = own[x] + own[z] - 2 * products[x, z]
                        squares[here] += square + 2 * (sums[here, z] - x_here)
                        squares[there] += square - 2 * (sums[there, z] - x_there)
                        for other in range(n):
                            step_by = products[z, other] - products[x, other]
                            sums[here, other] += step_by
                            sums[there, other] -= step_by
                        moved(labels, sizes, members, slot, z, here)
                    moved(labels, sizes, members, slot, x, there)
                    current += gain
                    changed = True
        if current < lowest - 1e-7:
            lowest = current
            best[:] = labels
        if not hot and not changed:
            break
    return best
