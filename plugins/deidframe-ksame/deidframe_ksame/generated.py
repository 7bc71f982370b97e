"""Faces of people who do not exist, shipped with the package: how people differ, with nobody of the database among them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import FaceSet, LazyStack, PluginError, Recognizer

FACES = Path(__file__).parent / "generated.npz"


def encoded(recognizer: Recognizer) -> NDArray[np.float32]:
    """Return the `(N, D)` unit encodings of the shipped faces."""
    return recognizer.encode(faces()).unit().vectors


def faces() -> FaceSet:
    """Return the shipped faces: drawn by MobileStyleGAN, 112 pixels, at landmarks that a detector found.

    Raises:
        PluginError: the file is not in the package.
    """
    if not FACES.is_file():
        raise PluginError(f"deidframe-ksame: {FACES.name} is not in the installed package; reinstall it")
    with np.load(FACES, allow_pickle=False) as held:
        packed, ends, landmarks = held["jpegs"], held["ends"], held["landmarks"]
    starts = np.concatenate([[0], ends[:-1]])

    def opened(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        made = [np.asarray(cv2.imdecode(packed[starts[row] : ends[row]], cv2.IMREAD_COLOR), np.uint8) for row in rows.tolist()]
        return np.stack(made)[..., ::-1]

    side = opened(np.zeros(1, np.int64)).shape[1]
    ids = tuple(f"generated-{row:04d}" for row in range(len(ends)))
    return FaceSet(ids, LazyStack((len(ends), side, side, 3), opened), landmarks)
