"""k-Same-Furthest: groups far apart show each other's mean picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, IndexedStack, Surrogates, means, new_pictures
from deidframe_classical.means import as_picture
from deidframe_classical.plugin import NoParams


class Furthest:
    """Synthesizer `furthest`."""

    def __init__(self, params: NoParams, context: Context) -> None:
        self._context = context

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return for each group the mean picture of a group far from it; each mean is shown by one group."""
        height, width = faces.size
        groups, first, inverse = np.unique(surrogates.groups, return_index=True, return_inverse=True)
        pictures = new_pictures(len(groups), height, width, self._context.scratch)

        def put(group: int, mean: NDArray[np.float32]) -> None:
            pictures[group] = as_picture(mean)

        means.group_means(faces, surrogates.weights, inverse, lambda picture, row: picture.astype(np.float32), put, self._context)
        shown = partners(surrogates.targets[first])
        return FaceSet(faces.ids, IndexedStack(pictures, shown[inverse].astype(np.int64)), faces.landmarks)


def partners(targets: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return for each group the one whose picture it shows: pairs furthest apart first; three in a ring where one is left over.

    Args:
        targets: `(G, D)`. One group alone shows its own.
    """
    count = len(targets)
    table = targets.astype(np.float64)
    squares = (table**2).sum(axis=1)
    far = squares[:, None] + squares - 2 * table @ table.T
    out = np.arange(count)
    left = set(range(count))
    pairs: list[tuple[int, int]] = []
    for flat in np.argsort(-far, axis=None, kind="stable").tolist():
        a, b = divmod(flat, count)
        if a != b and a in left and b in left:
            left -= {a, b}
            pairs.append((a, b))
            out[a], out[b] = b, a
        if len(left) < 2:
            break
    if left and pairs:
        alone, (a, b) = left.pop(), pairs[-1]
        out[a], out[b], out[alone] = b, alone, a
    return np.asarray(out, np.int64)
