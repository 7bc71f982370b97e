"""The real detector and a real encoder, without the core, for tests of components that need a recogniser."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, Embeddings, FaceSet, Photos, Recognition, TorchEncoder
from deidframe.host.catalogue import Catalogue


class RealRecognizer:
    """Implements `Recognizer`."""

    def __init__(self, space: str, context: Context) -> None:
        self.space, catalogue = space, Catalogue()
        detector, encoder = catalogue.load("detector", "yunet"), catalogue.load("encoder", space)
        self._detector = detector.make(detector.component.params(), context)
        self._encoder = encoder.make(encoder.component.params(), context)

    def encode(self, faces: FaceSet) -> Embeddings:
        return self._encoder.encode(faces).unit()

    def recognize(self, faces: FaceSet, *, known_landmarks: bool = False) -> Recognition:
        found = self._detector.detect(Photos.from_arrays(faces.ids, list(faces.images[:])))
        kept = [n for n, i in enumerate(faces.ids) if i in found.photo_ids]
        rows = [found.photo_ids.index(faces.ids[n]) for n in kept]
        scores = np.zeros(len(faces), np.float32)
        scores[kept] = found.scores[rows]
        part = FaceSet(tuple(faces.ids[n] for n in kept), faces.images[kept], found.landmarks[rows])
        marks = np.zeros((len(faces), 5, 2), np.float32)
        marks[kept] = found.landmarks[rows]
        return Recognition(faces.ids, scores, self.encode(part), marks)

    def as_torch(self) -> TorchEncoder | None:
        return self._encoder.as_torch()
