"""Stacks of equal-sized pictures: an array, a memory map, something decoded on demand, or a view of chosen rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.arrays import checked_array
from deidframe.contract.errors import ArtifactError

Pixels = NDArray[np.uint8]
IN_MEMORY_BYTES = 64 * 1024 * 1024


@runtime_checkable
class Stack(Protocol):
    """N pictures `(N, H, W, 3)` uint8 RGB that may be made only when asked for; a numpy array is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, H, W, 3)`."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> Pixels:
        """Return the pictures of a slice or of an `(M,)` int64 array of rows."""
        ...


@dataclass(frozen=True)
class IndexedStack:
    """Chosen rows of another stack: a subset, another order, or one surrogate shown by all faces of its group.

    Args:
        pictures: the stack underneath (never itself an `IndexedStack`; one is flattened).
        rows: `(N,)` int64, which picture each of the N rows shows.

    Raises:
        ArtifactError: wrong shape or dtype, or a row that points outside.
    """

    pictures: Stack
    rows: NDArray[np.int64]

    def __post_init__(self) -> None:
        rows = checked_array("stack", "rows", self.rows, (None,), np.int64)
        count = len(self.pictures)
        if rows.size and (rows.min() < 0 or rows.max() >= count):
            raise ArtifactError("stack", "rows", f"0 to {count - 1}", f"{rows.min()} to {rows.max()}")
        pictures = self.pictures
        if isinstance(pictures, IndexedStack):
            rows = pictures.rows[rows]
            pictures = pictures.pictures
        elif isinstance(pictures, np.ndarray):
            pictures = checked_array("stack", "pictures", pictures, (None, None, None, 3), np.uint8)
        object.__setattr__(self, "pictures", pictures)
        object.__setattr__(self, "rows", rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, H, W, 3)`, as of the array it stands for."""
        return (len(self.rows), *self.pictures.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> Pixels:
        return self.pictures[self.rows[key]]


class LazyStack:
    """Pictures that a function makes when they are asked for, and not before.

    Args:
        shape: `(N, H, W, 3)`.
        make: `(M,)` int64 rows -> their pictures `(M, H, W, 3)` uint8.
    """

    def __init__(self, shape: tuple[int, ...], make: Callable[[NDArray[np.int64]], Pixels]) -> None:
        self._shape, self._make = tuple(shape), make

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, H, W, 3)`."""
        return self._shape

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, key: Any) -> Pixels:
        return self._make(np.arange(len(self))[key].reshape(-1))


def new_pictures(count: int, height: int, width: int, scratch: Path) -> Pixels:
    """Return writable room for `count` pictures: in memory when small, else a memory map in `scratch`.

    Args:
        count: how many pictures, at least 0.
        height: pixels.
        width: pixels.
        scratch: an existing folder that belongs to the caller.
    """
    shape = (count, height, width, 3)
    if count * height * width * 3 <= IN_MEMORY_BYTES:
        return np.zeros(shape, np.uint8)
    return np.lib.format.open_memmap(scratch / f"pictures-{uuid.uuid4().hex}.npy", "w+", np.uint8, shape)
