"""Where a face may be in a picture, and how alike pictures are when the best of each counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import FaceSet, Recognizer

Vectors = NDArray[np.float32]
NO_SCORE = -4.0
"""Less than any score: of a candidate who cannot be it, or of a picture without a face."""


@dataclass(frozen=True)
class View:
    """Encodings of N pictures at one place each.

    Args:
        vectors: `(N, D)` of unit length, anything where there is none.
        there: `(N,)` which pictures have one.
    """

    vectors: Vectors
    there: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> View:
        """Return these rows."""
        return View(self.vectors[rows], self.there[rows])

    def changed(self, change: Callable[[Vectors], Vectors]) -> View:
        """Return it with other vectors, scaled to length 1."""
        return View(unit(change(self.vectors)), self.there)


def views(recognizer: Recognizer, faces: FaceSet, where: str, frame: NDArray[np.float32]) -> tuple[View, ...]:
    """Return the encodings of released pictures.

    Args:
        recognizer: encodes.
        faces: N pictures.
        where: `"found"` by the detector, `"known"` (found, else at the original's landmarks), `"frame"` (at the public template,
            where every released face lies) or `"best"`: found and frame.
        frame: `(5, 2)` the template.
    """
    out = []
    if where in ("frame", "best"):
        marks = np.repeat(frame[None], len(faces), axis=0)
        vectors = recognizer.encode(FaceSet(faces.ids, faces.images, marks)).vectors
        out.append(View(vectors, np.ones(len(faces), bool)))
    if where != "frame":
        seen = recognizer.recognize(faces, known_landmarks=where == "known").embeddings
        row = {face: n for n, face in enumerate(faces.ids)}
        rows = np.array([row[face] for face in seen.ids], np.int64)
        vectors = np.zeros((len(faces), seen.vectors.shape[1]), np.float32)
        vectors[rows] = seen.vectors
        there = np.zeros(len(faces), bool)
        there[rows] = True
        if there.any():
            out.append(View(vectors, there))
    return tuple(out)


def joined(parts: Sequence[View]) -> View:
    """Return the views of several parts of a set of pictures as one."""
    return View(np.concatenate([part.vectors for part in parts]), np.concatenate([part.there for part in parts]))


def anywhere(seen: Sequence[View], count: int) -> NDArray[np.bool_]:
    """Return which of so many pictures have an encoding at all."""
    there = np.zeros(count, bool)
    for view in seen:
        there |= view.there
    return there


def alike(probes: Sequence[View], gallery: Sequence[View], shape: tuple[int, int]) -> Vectors:
    """Return `(P, G)` the best cosine over the places of both, `NO_SCORE` where either has none."""
    out = np.full(shape, NO_SCORE, np.float32)
    for probe in probes:
        rows = np.flatnonzero(probe.there)
        for known in gallery:
            columns = np.flatnonzero(known.there)
            if len(rows) and len(columns):
                found = probe.vectors[rows] @ known.vectors[columns].T
                at = np.ix_(rows, columns) if len(rows) < shape[0] or len(columns) < shape[1] else np.s_[:, :]
                out[at] = np.maximum(out[at], found)
    return out


def unit(vectors: NDArray[Any]) -> Vectors:
    """Return vectors of length 1, one or a table of them."""
    table = np.asarray(vectors, np.float32)
    out: Vectors = table / np.maximum(np.linalg.norm(table, axis=-1, keepdims=True), 1e-12)
    return out
