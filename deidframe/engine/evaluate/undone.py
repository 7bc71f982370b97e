"""A method's way back, taken once for all attacks that know it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.roles import Inverts
from deidframe.contract.stacks import IndexedStack, LazyStack, Stack
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.recognizer import base_of
from deidframe.engine.components.step import Step
from deidframe.engine.planning.plan import MethodPlan

NO_WAY_BACK = "the method says no way back"
HELD_BYTES = 192 * 1024 * 1024
"""Undone pictures are kept up to here; those beyond are made again when they are looked at again."""


class WayBack:
    """Undoes a release.

    Args:
        pool: of the run.
        step: the redactor.
    """

    def __init__(self, pool: ComponentPool, step: Step) -> None:
        self._pool, self._step = pool, step
        self._stacks: dict[int, _UndoneStack] = {}

    @classmethod
    def of(cls, pool: ComponentPool, method: MethodPlan) -> WayBack | None:
        """Return a method's way back, None where it says none."""
        step = method.steps.get("redactor") if not method.then else None  # what came after it stands in the way
        return cls(pool, step) if step is not None and isinstance(pool.make(step), Inverts) else None

    def __call__(self, faces: FaceSet) -> FaceSet:
        """Return faces undone, under the same ids; the pictures are made when they are asked for."""
        base, rows = base_of(faces)
        if id(base) not in self._stacks:
            stack = self._stacks[id(base)] = _UndoneStack(self._pool, self._step, base)
            self._pool.cache_faces(FaceSet(tuple(map(str, range(len(base)))), stack))
        stack = self._stacks[id(base)]
        stack.note(rows, faces.landmarks)
        return FaceSet(faces.ids, IndexedStack(stack, rows), faces.landmarks)

    def drop(self) -> None:
        """Forget what was undone."""
        for stack in self._stacks.values():
            self._pool.drop_faces(FaceSet(tuple(map(str, range(len(stack)))), stack))
        self._stacks.clear()


class _UndoneStack(LazyStack):
    """The pictures of a stack, undone."""

    def __init__(self, pool: ComponentPool, step: Step, base: Stack) -> None:
        super().__init__(tuple(base.shape), self._undone)
        self._pool, self._step, self._base = pool, step, base
        self._marks = np.zeros((len(base), 5, 2), np.float32)
        self._held: dict[int, NDArray[np.uint8]] = {}

    def note(self, rows: NDArray[np.int64], marks: NDArray[np.float32] | None) -> None:
        """Take where the faces of some rows are."""
        assert marks is not None, "faces of a run carry landmarks"
        self._marks[rows] = marks

    def _undone(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        missing = np.array(sorted({row for row in rows.tolist() if row not in self._held}), np.int64)
        made: dict[int, NDArray[np.uint8]] = {}
        if len(missing):
            faces = FaceSet(tuple(map(str, missing.tolist())), np.asarray(self._base[missing]), self._marks[missing])
            undone: FaceSet = self._pool.call(self._step, faces, verb="invert")
            made = dict(zip(missing.tolist(), np.asarray(undone.images[:]), strict=True))
        out = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for place, row in enumerate(rows.tolist()):
            out[place] = self._held[row] if row in self._held else made[row]
        for row, picture in made.items():
            if (len(self._held) + 1) * picture.nbytes <= HELD_BYTES:
                self._held[row] = picture.copy()
        return out
