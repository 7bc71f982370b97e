"""What was seen of the database, kept in shards: a kill loses a minute, and a second run looks at no picture again."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.photos import Photos
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.stage_cache import StageCache

FORMAT = 3
"""Raised when the core keeps something else under the same facts, or comes to another result from them."""
MOST = 128
"""Pictures in one shard, at most."""
ABOUT = 64
"""Pictures in one shard, on average."""


@dataclass(frozen=True)
class Shard:
    """Some neighbouring faces of the database.

    Args:
        key: of all that these faces depend on; "" where the source cannot say when a picture changes.
        start, stop: their rows.
    """

    key: str
    start: int
    stop: int


def fingerprints_of(photos: Photos) -> list[str]:
    """Return a text for each picture that changes when its content does, "" where that is not known."""
    if photos.fingerprint is None:
        return [""] * len(photos)
    with ThreadPoolExecutor(2, thread_name_prefix="deidframe-fingerprint") as pool:
        return list(pool.map(photos.fingerprint, photos.ids))


def shards_of(fingerprints: Sequence[str]) -> list[range]:
    """Cut a database into neighbouring pictures.

    Where a shard ends follows from the fingerprint of its last picture, so that a picture more or less changes the shard
    that it is in and no other.
    """
    out, start = [], 0
    for row, fingerprint in enumerate(fingerprints):
        if row + 1 - start >= MOST or (fingerprint and hash_of(fingerprint) % ABOUT == 0):
            out.append(range(start, row + 1))
            start = row + 1
    if start < len(fingerprints):
        out.append(range(start, len(fingerprints)))
    return out


def hash_of(fingerprint: str) -> int:
    """Return a number that is the same in every process."""
    return int(DiskCache.key({"stamp": fingerprint})[:8], 16)


class CachedEncodings:
    """Encodings of the database's faces in one encoder.

    Args:
        cache: of the stages, with the identity of the encoder.
        shards: of the database.
        landmarks: `(N, 5, 2)` of its faces.
    """

    def __init__(self, keep: StageCache, shards: Sequence[Shard], landmarks: NDArray[np.float32]) -> None:
        self._keep, self._shards, self.landmarks = keep, [shard for shard in shards if shard.key], landmarks
        self._held = np.zeros(len(landmarks), bool)
        self._of_row = np.full(len(landmarks), -1, np.int64)
        for number, shard in enumerate(self._shards):
            self._of_row[shard.start : shard.stop] = number

    def recall(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the rows that are known and their encodings."""
        rows, vectors = [np.zeros(0, np.int64)], []
        for shard in self._shards:
            held = self._keep.get(self._keep.key(shard=shard.key))
            if held is not None:
                rows.append(held["rows"] + shard.start)
                vectors.append(held["vectors"])
        known = np.concatenate(rows)
        self._held[known] = True
        return known, np.concatenate(vectors) if vectors else np.zeros((0, 1), np.float32)

    def save(self, rows: NDArray[np.int64], known: NDArray[np.bool_], vectors: NDArray[np.float32], *, whole: bool) -> None:
        """Keep the shards of these rows, those that are whole or, at the end of a task, all of them.

        Args:
            rows: that were just encoded.
            known: `(N,)` which of all rows are.
            vectors: `(N, D)` of all rows.
        """
        for number in np.unique(self._of_row[rows]).tolist():
            if number < 0:
                continue
            shard = self._shards[number]
            here = np.flatnonzero(known[shard.start : shard.stop])
            at = here + shard.start
            if self._held[at].all() or (whole and len(here) < shard.stop - shard.start):
                continue
            self._keep.put(self._keep.key(shard=shard.key), rows=here, vectors=vectors[at])
            self._held[at] = True
