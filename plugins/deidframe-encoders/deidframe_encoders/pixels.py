"""Small grey pictures of aligned faces, evened out in light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, FaceSet, align
from deidframe_encoders.plugin import PixelsParams

TIGHT = 0.62
"""The part of the face picture that is looked at, about the middle of the landmarks: eyes to chin without the background."""


def grey_faces(faces: FaceSet, size: int) -> NDArray[np.float32]:
    """Return `(N, size * size)` float32 grey values of the inner face, each with mean 0 and standard deviation 1."""
    assert faces.landmarks is not None, "the core hands encoders faces with landmarks"
    middle = align.TEMPLATE.mean(axis=0)
    target = ((align.TEMPLATE - middle) / TIGHT + 0.5) * size
    out = np.empty((len(faces), size * size), np.float32)
    for row, (picture, marks) in enumerate(zip(faces.images[:], faces.landmarks, strict=True)):
        inner = align.warp(picture, align.similarity(marks, target), size)
        grey = cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY).astype(np.float32).reshape(-1)
        grey -= grey.mean()
        out[row] = grey / max(float(grey.std()), 1e-3)
    return out


class GreyPixels:
    """Encoder `pixels`."""

    def __init__(self, params: PixelsParams, context: Context) -> None:
        self._size = params.size

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, size * size)` float32."""
        return Embeddings(faces.ids, grey_faces(faces, self._size), "pixels")
