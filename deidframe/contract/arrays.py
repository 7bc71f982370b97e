"""Checks shared by the artifacts: an array is what it says, finite, and read-only afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import ArtifactError

Ids = tuple[str, ...]


def checked_ids(owner: str, ids: Iterable[str], *, unique: bool = True, field: str = "ids") -> Ids:
    """Return `ids` as a tuple of non-empty, distinct strings.

    Raises:
        ArtifactError: an id is not a string, is empty, or occurs twice.
    """
    if isinstance(ids, str):
        raise ArtifactError(owner, field, "a sequence of strings", "one string")
    out = tuple(ids)
    for item in out:
        if not isinstance(item, str) or not item:
            raise ArtifactError(owner, field, "non-empty strings", repr(item))
    if unique and len(set(out)) != len(out):
        seen: set[str] = set()
        twice = next(item for item in out if item in seen or seen.add(item))  # type: ignore[func-returns-value]
        raise ArtifactError(owner, field, "distinct ids", f"{twice!r} more than once")
    return out


def checked_array(
    owner: str, field: str, array: Any, shape: tuple[int | None, ...], dtype: Any, *, finite: bool = True
) -> NDArray[Any]:
    """Return `array` as a read-only view of the exact dtype and shape (None = any length).

    Raises:
        ArtifactError: wrong type, dtype, shape, or a value that is not finite.
    """
    if not isinstance(array, np.ndarray):
        raise ArtifactError(owner, field, "a numpy array", type(array).__name__)
    if array.dtype != np.dtype(dtype):
        raise ArtifactError(owner, field, f"dtype {np.dtype(dtype)}", f"dtype {array.dtype}")
    same = array.ndim == len(shape) and all(w is None or w == g for w, g in zip(shape, array.shape, strict=True))
    if not same:
        wanted = "(" + ", ".join("*" if n is None else str(n) for n in shape) + ")"
        raise ArtifactError(owner, field, f"shape {wanted}", f"shape {array.shape}")
    if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ArtifactError(owner, field, "finite numbers", f"{int((~np.isfinite(array)).sum())} not finite")
    view = array.view()
    view.flags.writeable = False
    return view


def checked_subjects(owner: str, subjects: Iterable[str] | None, count: int) -> Ids | None:
    """Return one subject name for each row, or None.

    Raises:
        ArtifactError: wrong count, or a name that is not a non-empty string.
    """
    if subjects is None:
        return None
    out = checked_ids(owner, subjects, unique=False, field="subjects")
    if len(out) != count:
        raise ArtifactError(owner, "subjects", f"{count} names, one for each row", f"{len(out)}")
    return out
