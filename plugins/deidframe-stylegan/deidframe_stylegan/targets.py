"""What each group's face should look like, in every encoder that is aimed by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import FaceSet, PluginError, Recognizer, Surrogates

Array = NDArray[np.float32]
CLOSE = 1e-3
"""Distance within which a target is the weighted mean of its members, rounding aside."""


@dataclass(frozen=True)
class Target:
    """Of G groups in one encoder.

    Args:
        mean: `(G, D)`.
        spread: `(G,)` weighted mean squared distance of the members' encodings to it.
    """

    mean: Array
    spread: Array

    def rows(self, rows: list[int]) -> Target:
        """Return these groups alone."""
        return Target(self.mean[rows], self.spread[rows])


def group_targets(
    faces: FaceSet, surrogates: Surrogates, grouping: Recognizer, others: Mapping[str, Recognizer], inverse: NDArray[np.int64]
) -> tuple[dict[str, Target], bool]:
    """Return the target of each group for each of the encoders in `others`, by their names, and whether they are plain means.

    In the encoder that made the groups the target is the anonymizer's, and wherever else it gave one. In the others it is the
    same mean of the members, but only where the anonymizer's target is just that: a target that was moved on purpose (noise,
    interpolation) must not be undone by what another encoder sees of the members, so an encoder without a target is left out.

    Args:
        inverse: `(N,)` group of each face, 0 to G - 1.

    Raises:
        PluginError: the targets were moved, and no encoder that is aimed by made them.
    """
    groups = int(inverse.max(initial=-1)) + 1
    first = np.unique(inverse, return_index=True)[1]
    asked = surrogates.targets[first]
    seen = grouping.encode(faces).vectors
    mean, spread = _weighted(seen, surrogates.weights, inverse, groups)
    plain = bool((np.linalg.norm(mean - asked, axis=1) <= CLOSE).all())
    out: dict[str, Target] = {}
    for name, recognizer in others.items():
        if recognizer.space == surrogates.space:
            out[name] = Target(asked, spread)
        elif recognizer.space in surrogates.elsewhere:
            spread = _weighted(recognizer.encode(faces).vectors, surrogates.weights, inverse, groups)[1]
            out[name] = Target(surrogates.elsewhere[recognizer.space][first], spread)
        elif plain:
            out[name] = Target(*_weighted(recognizer.encode(faces).vectors, surrogates.weights, inverse, groups))
    if not out:
        raise PluginError(
            f"stylegan: the targets were moved away from their members in {surrogates.space!r}, and none of the encoders aimed by"
            f" ({', '.join(others)}) is that one; add it to params.encoders"
        )
    return out, plain


def member_targets(faces: FaceSet, others: Mapping[str, Recognizer], person: NDArray[np.int64]) -> dict[str, Target]:
    """Return each person's mean encoding in every encoder, spreads all 1: what a person alone is aimed at.

    Args:
        person: `(N,)` person of each face, 0 to P - 1.
    """
    count = np.bincount(person)
    out = {}
    for name, recognizer in others.items():
        mean, _ = _weighted(recognizer.encode(faces).vectors, 1 / count[person], person, len(count))
        out[name] = Target(mean, np.ones(len(count), np.float32))
    return out


def _weighted(vectors: Array, weights: NDArray[np.float64], inverse: NDArray[np.int64], groups: int) -> tuple[Array, Array]:
    """Return the weighted mean of each group and the weighted mean squared distance to it."""
    mean = np.zeros((groups, vectors.shape[1]))
    np.add.at(mean, inverse, weights[:, None] * vectors)
    far = ((vectors - mean[inverse]) ** 2).sum(axis=1)
    spread = np.bincount(inverse, weights * far, groups)
    return mean.astype(np.float32), np.maximum(spread, 1e-6).astype(np.float32)
