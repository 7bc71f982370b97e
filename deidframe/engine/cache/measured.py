"""What a run has measured so far: where it was cut short, the same command measures none of it again."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.engine.cache.disk_cache import DiskCache

FOLDER = "measured"
"""Within a run folder's `private`; a run that came to its end leaves none."""


@dataclass(frozen=True)
class Kept:
    """One thing that was measured.

    Args:
        data: figures, plain.
        beside: bytes that belong to them, empty for none.
    """

    data: dict[str, Any]
    beside: bytes = b""


@dataclass(frozen=True)
class Measured:
    """Rows of a run by all that they follow from.

    Only figures are kept, never that a gate was passed: what is released is made and checked anew in every process.

    Args:
        disk: within the run folder.
        facts: of the run: what its pictures hold, all code, the device.
    """

    disk: DiskCache
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, folder: Path, signed: str, **facts: Any) -> Measured | None:
        """Return what is kept of a run; None where its source cannot say what its pictures hold (an empty signature).

        Args:
            folder: the run folder.
            signed: its signature.
            facts: what else figures follow from.
        """
        return cls(DiskCache(folder / "private" / FOLDER), {"run": signed, **facts}) if signed else None

    def get(self, what: Mapping[str, Any]) -> Kept | None:
        """Return what was measured of this, None where nothing was or where it was damaged."""
        body = self.disk.get(self._key(what), "figures")
        if body is None:
            return None
        with np.load(io.BytesIO(body), allow_pickle=False) as held:
            return Kept(json.loads(held["data"].tobytes()), held["beside"].tobytes())

    def put(self, what: Mapping[str, Any], data: Mapping[str, Any], beside: bytes = b"") -> None:
        """Keep figures.

        Args:
            what: all that they follow from besides the run.
            data, beside: see `Kept`.

        Raises:
            StoreError: the disk is full. ValueError: a figure is not finite.
        """
        text = json.dumps(data, allow_nan=False, separators=(",", ":")).encode()
        body = io.BytesIO()
        np.savez(body, allow_pickle=False, data=_bytes(text), beside=_bytes(beside))
        self.disk.put(self._key(what), body.getvalue())

    def _key(self, what: Mapping[str, Any]) -> str:
        return DiskCache.key({**self.facts, **what})


def _bytes(held: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(held, np.uint8)
