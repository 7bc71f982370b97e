"""Faces cut out of large photos, in a file of the run that has no name, so that such a photo is decoded once."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LARGE = 1_000_000
"""Pixels from which on decoding a photo costs more than to read its face from a file."""
SHARE = 4
"""At most one part in so many of the disk's free room is taken."""


class CropStore:
    """Holds faces by what they were cut from, as long as there is room; what it does not hold is cut again.

    Its file is removed from the folder as soon as it is open, so that nothing of anybody stays behind, even after a kill.

    Args:
        folder: a private folder on the disk that is used.
        side: of a face in pixels.
    """

    def __init__(self, folder: Path, side: int) -> None:
        self._folder, self._shape = folder, (side, side, 3)
        self._bytes = side * side * 3
        self._room = -1  # faces for which there is room, asked for with the first face
        self._place: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._place)

    @staticmethod
    def key(photo: str, matrix: NDArray[np.float64], bystanders: NDArray[np.float32]) -> bytes:
        """Return by what a face is found again: its photo, where it lies in it, and who was covered."""
        made = hashlib.sha256(photo.encode("utf-8", "surrogateescape"))
        made.update(b"\0" + np.ascontiguousarray(matrix, np.float64).tobytes())
        made.update(np.ascontiguousarray(bystanders, np.float32).tobytes())
        return made.digest()[:16]

    def put(self, key: bytes, face: NDArray[np.uint8]) -> None:
        """Hold a face `(side, side, 3)` if there is room; a disk that refuses costs time and nothing else."""
        with self._lock:
            if key in self._place:
                return
            try:
                if self._room < 0:
                    self._room = shutil.disk_usage(self._folder).free // SHARE // self._bytes
                    self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (open as long as the run)
                    weakref.finalize(self, self._file.close)
                if len(self._place) >= self._room:
                    return
                place = len(self._place)
                self._file.seek(place * self._bytes)
                self._file.write(np.ascontiguousarray(face).data)
                self._file.flush()
            except OSError:
                self._room = 0
                return
            self._place[key] = place

    def get(self, key: bytes) -> NDArray[np.uint8] | None:
        """Return a face that is held, None of another one."""
        place = self._place.get(key)
        if place is None:
            return None
        with self._lock:
            self._file.seek(place * self._bytes)
            held = self._file.read(self._bytes)
        return np.frombuffer(held, np.uint8).reshape(self._shape) if len(held) == self._bytes else None
