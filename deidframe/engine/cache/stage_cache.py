"""Where a stage's results are kept, under a key of all that they depend on."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.engine.cache.disk_cache import DiskCache


@dataclass(frozen=True)
class StageCache:
    """Where a stage's results are kept, and all that they depend on besides their input."""

    disk: DiskCache
    facts: Mapping[str, Any]

    def key(self, **more: Any) -> str:
        """Return the key of one result."""
        return DiskCache.key({**self.facts, **more})

    def get(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays kept under a key, None where there are none."""
        body = self.disk.get(key, f"shards of {self.facts['what']}")
        if body is None:
            return None
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
        except (ValueError, OSError, zipfile.BadZipFile):  # an entry of some other version is computed again
            return None

    def put(self, key: str, **arrays: NDArray[Any]) -> None:
        """Keep arrays under a key.

        Raises:
            StoreError: the disk is full or the folder may not be written.
        """
        body = io.BytesIO()
        np.savez(body, allow_pickle=False, **arrays)
        self.disk.put(key, body.getvalue())
