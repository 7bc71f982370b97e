"""Which of several faces of a picture is the labelled person: the one that agrees with the label's other pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.component import SamePerson

MARGIN = 0.1
"""Cosine by which the chosen face must be ahead of the next."""
UNCLEAR, ALONE = -1, -2
"""No face agrees, or two do; and: the label has no other picture that could say."""


def choose(
    vectors: NDArray[np.float32],
    labels: Sequence[str],
    candidates: Sequence[tuple[int, NDArray[np.float32]]],
    known: SamePerson,
) -> list[int]:
    """Return, for each picture with several faces, which of them is meant, or `UNCLEAR`, or `ALONE`.

    Args:
        vectors: `(N, D)` unit encodings of the faces that were taken at first, one for each picture.
        labels: of the N pictures.
        candidates: row of the picture, and the unit encodings `(F, D)` of its faces.
        known: how alike pictures of one person are.
    """
    names, code = np.unique(np.array(labels), return_inverse=True)
    several = np.zeros(len(labels), bool)
    several[[row for row, _ in candidates]] = True
    plain = np.zeros((len(names), vectors.shape[1]))
    every = np.zeros_like(plain)
    np.add.at(plain, code[~several], vectors[~several])
    np.add.at(every, code, vectors)
    out = []
    for row, faces in candidates:
        # pictures of one face say surest who the label is; where there are none, the others' first choices do
        reference = plain[code[row]] if plain[code[row]].any() else every[code[row]] - vectors[row]
        length = float(np.linalg.norm(reference))
        if length < 1e-6:
            out.append(ALONE)
            continue
        cosines = faces @ (reference / length)
        order = np.argsort(-cosines)
        ahead = cosines[order[0]] - (cosines[order[1]] if len(order) > 1 else -1.0)
        agrees = cosines[order[0]] >= known.stray_few and ahead >= MARGIN
        out.append(int(order[0]) if agrees else UNCLEAR)
    return out
