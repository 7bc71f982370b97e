"""An attack's raw scores, kept with the run so that a metric can be computed afterwards without one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import LinkScores

BEST = 1000
"""Scores of each probe that are kept, the best ones; those of its own person are kept in any case."""
MOST = 2**24
"""Scores of all probes that are kept, at most, 128 MiB with their places: of many probes fewer each, but `FEWEST`."""
FEWEST = 10
ROWS = 64
"""Probes that are sorted at once."""


class KeptScores:
    """Collects the scores of an attack slice by slice.

    What is kept of N probes against G gallery faces takes N x min(G, 1000) scores: for small galleries that is all of them.

    Args:
        probes: how many will come.
    """

    def __init__(self, probes: int = 1) -> None:
        self._best = int(np.clip(MOST // max(1, probes), FEWEST, BEST))
        self._columns_of: tuple[tuple[str, ...], dict[str, NDArray[np.int64]]] = ((), {})
        self._gallery: dict[str, int] = {}
        self._probes: list[str] = []
        self._missed: list[str] = []
        self._columns: list[NDArray[np.int32]] = []
        self._scores: list[NDArray[np.float32]] = []
        self._own: list[NDArray[np.int32]] = []
        self._own_scores: list[NDArray[np.float32]] = []

    def add(self, scores: LinkScores, person_of: Mapping[str, str]) -> None:
        """Take a slice of probes.

        Args:
            scores: of them.
            person_of: face id -> person, of probes and gallery.
        """
        if not scores.gallery_ids:
            self._missed += [*scores.probe_ids, *scores.missed_probes]
            return
        numbers = np.array([self._gallery.setdefault(face, len(self._gallery)) for face in scores.gallery_ids], np.int32)
        first = len(self._probes)
        self._probes += scores.probe_ids
        self._missed += scores.missed_probes
        best = _best(scores.scores, self._best)
        self._columns.append(numbers[best])
        self._scores.append(np.take_along_axis(scores.scores, best, axis=1))
        columns = self._faces_of(scores.gallery_ids, person_of)
        nobody = np.zeros(0, np.int64)
        for row, face in enumerate(scores.probe_ids):
            own = columns.get(person_of[face], nobody)
            self._own.append(np.column_stack([np.full(len(own), first + row, np.int32), numbers[own]]))
            self._own_scores.append(scores.scores[row, own])

    def _faces_of(self, gallery: tuple[str, ...], person_of: Mapping[str, str]) -> dict[str, NDArray[np.int64]]:
        """Return person -> the columns of that person's faces; slices mostly have the same gallery."""
        if self._columns_of[0] != gallery:
            found: dict[str, list[int]] = {}
            for column, face in enumerate(gallery):
                found.setdefault(person_of[face], []).append(column)
            self._columns_of = gallery, {person: np.array(own, np.int64) for person, own in found.items()}
        return self._columns_of[1]

    def npz(self) -> bytes:
        """Return the file.

        `probes` and `gallery`: ids. `missed`: probes without a score. `columns` `(N, C)` int32 and `scores` `(N, C)` float32: the
        best C of each probe, falling, with their places in `gallery` (-1 for none). `own` `(M, 2)` int32 and `own_scores`
        `(M,)`: each pair of probe and gallery face of one person.
        """
        out = io.BytesIO()
        np.savez_compressed(
            out,
            probes=np.array(self._probes, np.str_),
            gallery=np.array(list(self._gallery), np.str_),
            missed=np.array(self._missed, np.str_),
            columns=_stacked(self._columns, -1, np.int32),
            scores=_stacked(self._scores, 0, np.float32),
            own=np.concatenate([np.zeros((0, 2), np.int32), *self._own]),
            own_scores=np.concatenate([np.zeros(0, np.float32), *self._own_scores]),
        )
        return out.getvalue()


def _best(scores: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Return the columns of the best scores of each row, falling."""
    count = scores.shape[1]
    out = np.empty((len(scores), min(count, most)), np.int64)
    for start in range(0, len(scores), ROWS):
        block = -scores[start : start + ROWS]
        if count <= most:
            out[start : start + ROWS] = np.argsort(block, axis=1, kind="stable")
            continue
        some = np.argpartition(block, most - 1, axis=1)[:, :most]
        order = np.argsort(np.take_along_axis(block, some, axis=1), axis=1, kind="stable")
        out[start : start + ROWS] = np.take_along_axis(some, order, axis=1)
    return out


def _stacked(parts: list[NDArray[Any]], nothing: int, kind: type[np.generic]) -> NDArray[Any]:
    """Return the slices one below the other; one whose gallery had fewer faces is filled up."""
    width = max((part.shape[1] for part in parts), default=0)
    filled = [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=nothing) for part in parts]
    return np.concatenate([np.zeros((0, width), kind), *filled])
