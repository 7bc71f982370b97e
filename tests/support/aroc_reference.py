"""Rank-order clustering as the paper writes it, in plain Python with sets: slow, and easy to believe."""

from __future__ import annotations

import numpy as np


def reference(lists: np.ndarray, threshold: float) -> np.ndarray:
    """Return labels by first appearance; `lists` is `(N, k)` neighbours without the row itself."""
    n, k = lists.shape
    near = [[a, *lists[a].tolist()] for a in range(n)]
    members = [set(row) for row in near]
    parent = list(range(n))

    def find(x: int) -> int:
        while parent[x] != x:
            x = parent[x]
        return x

    def directed(a: int, b: int) -> tuple[int, int]:
        order = near[a].index(b) if b in members[a] else k + 1
        return sum(near[a][i] not in members[b] for i in range(1, min(order, k) + 1)), order

    for a in range(n):
        for b in lists[a].tolist():
            (d_ab, o_ab), (d_ba, o_ba) = directed(a, b), directed(b, a)
            if (d_ab + d_ba) / min(o_ab, o_ba) < threshold:
                parent[find(a)] = find(b)
    roots = [find(a) for a in range(n)]
    names: dict[int, int] = {}
    return np.array([names.setdefault(r, len(names)) for r in roots])
