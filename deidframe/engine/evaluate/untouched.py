"""What is seen of the untouched faces of a run, once for all its methods: landmarks, expressions, labels, and the ceilings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.photos import Photos
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.evaluate.labels import Labels

T = TypeVar("T")
BATCH = 32
MOVED = 300
"""Faces of which a slightly moved copy is looked at, for the ceilings."""
EDGE = cv2.BORDER_REPLICATE
TURN, SHIFT = 3.0, (2.0, -1.5)
"""Degrees and pixels by which it is moved: as much as a detector's landmarks of one face differ."""


@dataclass
class Untouched:
    """Remembers what was seen of a run's clear faces.

    Args:
        pool: of the run.
        faces: all clear faces.
        labels: attributes of people, by name.
    """

    pool: ComponentPool
    faces: FaceSet
    labels: Mapping[str, Labels] = field(default_factory=dict)
    _kept: dict[str, Any] = field(default_factory=dict)

    def once(self, key: str, make: Callable[[], T]) -> T:
        """Return what was made under a key, made on first use."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def marks(self, detector: Step, faces: FaceSet) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the best score and the landmarks of each of some clear faces, 0 where none was found."""
        known: dict[str, tuple[float, NDArray[np.float32]]] = self.once(f"marks {detector.key}", dict)
        rows = [row for row, face in enumerate(faces.ids) if face not in known]
        if rows:
            scores, marks = best_faces(self.pool, detector, faces.take(rows))
            known.update({faces.ids[row]: (scores[n], marks[n]) for n, row in enumerate(rows)})
        return np.array([known[face][0] for face in faces.ids]), np.stack([known[face][1] for face in faces.ids])

    @property
    def moved(self) -> tuple[FaceSet, FaceSet]:
        """Some clear faces, and copies of them that are turned and shifted a little, with landmarks moved alike."""

        def make() -> tuple[FaceSet, FaceSet]:
            rows = np.unique(np.linspace(0, len(self.faces) - 1, min(MOVED, len(self.faces))).astype(np.int64))
            some = self.faces.take(rows).without_subjects()
            height, width = some.size
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), TURN, 1.0)
            matrix[:, 2] += np.array(SHIFT)
            turned = [cv2.warpAffine(np.asarray(one), matrix, (width, height), borderMode=EDGE) for one in some.images[:]]
            images = np.stack(turned).astype(np.uint8)
            marks = None if some.landmarks is None else align.apply(matrix, some.landmarks)
            return some, FaceSet(tuple(f"moved {face}" for face in some.ids), images, marks)

        return self.once("moved", make)


def best_faces(pool: ComponentPool, detector: Step, faces: FaceSet) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the best score in each picture `(N,)`, 0 where nothing was found, and that face's landmarks `(N, 5, 2)`."""
    scores, marks = np.zeros(len(faces)), np.zeros((len(faces), 5, 2), np.float32)
    for start in range(0, len(faces), BATCH):
        part = faces.slice(start, min(start + BATCH, len(faces)))
        ids = tuple(f"row-{row}" for row in range(start, start + len(part)))
        seen = pool.call(detector, Photos.from_arrays(ids, list(np.asarray(part.images[:]))))
        for photo, score, five in zip(seen.photo_ids, seen.scores.tolist(), seen.landmarks, strict=True):
            row = int(photo[4:])
            if score > scores[row]:
                scores[row], marks[row] = score, five
    return scores, marks
