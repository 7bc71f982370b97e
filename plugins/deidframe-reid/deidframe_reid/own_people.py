"""Own people of an attacker, taken apart so that what is learnt on some is judged on others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import FaceSet
from deidframe_reid.views import Vectors

MOST = 1500
"""Own pictures on which ways of matching are compared; of more so many are taken evenly."""


@dataclass(frozen=True)
class OwnPeople:
    """Clear pictures of own people and what the method made of them.

    Args:
        clear: N pictures with subjects.
        mimicked: M protected pictures of them.
        person: `(N,)` number of the person on each clear picture.
        pair: `(M,)` row of the clear picture behind each protected one.
    """

    clear: FaceSet
    mimicked: FaceSet
    person: NDArray[np.int64]
    pair: NDArray[np.int64]

    @classmethod
    def of(cls, clear: FaceSet, mimicked: FaceSet) -> OwnPeople:
        """Return them, each protected picture with its original."""
        row = {face: n for n, face in enumerate(clear.ids)}
        _, person = np.unique(np.array(clear.subjects), return_inverse=True)
        return cls(clear, mimicked, person.astype(np.int64), np.array([row[face] for face in mimicked.ids], np.int64))

    @property
    def shown(self) -> NDArray[np.int64]:
        """`(M,)` number of the person on each protected picture."""
        return self.person[self.pair]

    def gallery(self, *, exact: bool) -> NDArray[np.int64]:
        """Return the clear rows that stand for candidates: all, or each person's first."""
        return np.arange(len(self.person)) if exact else np.unique(self.person, return_index=True)[1]

    def splits(self, parts: int, *, exact: bool) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.int64]]]:
        """Yield which people are learnt from, and the protected rows, of other people, that are then looked for."""
        part = np.arange(int(self.person.max()) + 1) % parts
        enrolled = np.isin(self.pair, self.gallery(exact=exact)) & (not exact)
        for one in range(parts):
            rows = np.flatnonzero((part[self.shown] == one) & ~enrolled)
            if len(rows):
                yield part != one, rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST // parts)).astype(np.int64))]


def reciprocal_rank(scores: Vectors, shown: NDArray[np.int64], gallery: NDArray[np.int64]) -> float:
    """Return the mean of 1 over the rank of each probe's person, ties shared; less coarse than counting first places.

    Args:
        scores: `(P, G)`.
        shown: `(P,)` person of each probe.
        gallery: `(G,)` person of each gallery face.
    """
    order = np.argsort(gallery, kind="stable")
    names, starts = np.unique(gallery[order], return_index=True)
    best = np.maximum.reduceat(scores[:, order], starts, axis=1)
    place = np.searchsorted(names, shown)
    right = best[np.arange(len(best)), np.minimum(place, len(names) - 1)][:, None]
    rank = (best > right).sum(axis=1) + ((best == right).sum(axis=1) + 1) / 2
    return float((1 / rank).mean())
