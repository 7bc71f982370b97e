"""Pictures that are made when they are asked for, and only those."""

from __future__ import annotations

import numpy as np
import pytest

from deidframe.contract import FaceSet, IndexedStack, LazyStack


def test_only_what_is_asked_for_is_made() -> None:
    asked: list[list[int]] = []

    def make(rows: np.ndarray) -> np.ndarray:
        asked.append(rows.tolist())
        return np.repeat(rows.astype(np.uint8), 4 * 4 * 3).reshape(len(rows), 4, 4, 3)

    stack = LazyStack((9, 4, 4, 3), make)
    assert (stack.shape, len(stack), asked) == ((9, 4, 4, 3), 9, [])
    assert stack[2:4][:, 0, 0, 0].tolist() == [2, 3]
    assert stack[np.array([8, 0])][:, 0, 0, 0].tolist() == [8, 0]
    faces = FaceSet(("a", "b"), IndexedStack(stack, np.array([5, 5])))
    assert np.asarray(faces.images[:])[:, 0, 0, 0].tolist() == [5, 5]
    assert asked == [[2, 3], [8, 0], [5, 5]]
    with pytest.raises(IndexError):
        stack[np.array([9])]
