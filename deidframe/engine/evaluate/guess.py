"""Guess which operator an unknown tool used, and how strong: whoever attacks it tries those that are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.roles import Inverts
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.intake.findings import inner_face

SAMPLE = 24
LEFT, FAR = 0.35, 12.0
"""A guess is taken where it leaves at most this share of the change unexplained, and at most so many grey levels."""


@dataclass(frozen=True)
class Guess:
    """What the tool seems to have done.

    Args:
        step: a redactor with its parameters.
        left: mean grey levels, inside the face, between what it makes and what was released.
        changed: the same between original and released.
    """

    step: Step
    left: float
    changed: float

    @property
    def words(self) -> str:
        """For people."""
        params = ", ".join(f"{name} = {value}" for name, value in self.step.params.model_dump(exclude_defaults=True).items())
        said = f"{self.step.name} ({params})" if params else self.step.name
        return f"{said}: {self.left:.1f} of {self.changed:.1f} grey levels inside the face are not explained by it"


def guess(pool: ComponentPool, made: FaceSet, clear: FaceSet, candidates: tuple[Step, ...]) -> Guess | None:
    """Return the candidate that makes of the originals what was released, None where none does.

    Args:
        made, clear: released faces and their originals, in one order.
        candidates: redactors with parameters.
    """
    rows = np.unique(np.linspace(0, len(made) - 1, min(SAMPLE, len(made))).astype(int))
    inside = inner_face()
    shown = np.asarray(made.images[rows]).astype(np.int16)[:, inside]
    sample = FaceSet(
        tuple(str(row) for row in rows.tolist()),
        np.asarray(clear.images[rows]),
        None if clear.landmarks is None else clear.landmarks[rows],
    )
    changed = _typical(np.asarray(sample.images[:]).astype(np.int16)[:, inside] - shown)
    best: Guess | None = None
    for step in candidates:
        redacted: FaceSet = pool.call(step, sample)
        left = _typical(np.asarray(redacted.images[:]).astype(np.int16)[:, inside] - shown)
        if best is None or left < best.left:
            best = Guess(step, left, changed)
    if best is None or best.left > min(FAR, LEFT * changed):
        return None
    return best if isinstance(pool.make(best.step), Inverts) else None


def _typical(differences: NDArray[np.int16]) -> float:
    """Return the median over pictures of the mean difference: a tool that missed some faces is guessed by the others."""
    return float(np.median(np.abs(differences).mean(axis=(1, 2))))
