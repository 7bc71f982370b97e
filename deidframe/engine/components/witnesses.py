"""Known faces among those that an encoder is asked for: whoever answers by the batch, or by the hour, gives itself away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ArtifactError

FIRST, LAST = 4, 4
"""Faces that are kept: the first that were ever encoded, and some of the latest."""
LEAST = 8
"""Smaller batches, as the candidates of a synthesizer come in, have a known face among them only every so many calls."""
FAR = 1e-3
"""Distance of unit encodings from which two are not of one face: a thousand times what rounding makes of another batch."""


@dataclass(frozen=True)
class Witness:
    """A face whose encoding is known."""

    picture: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    vector: NDArray[np.float32]


class Witnesses:
    """The known faces of one encoder. `calls` counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0
        self._first: list[Witness] = []
        self._last: list[Witness] = []

    def chosen(self, count: int) -> list[Witness]:
        """Return those that go with the next `count` faces: one of the first and one of the latest, where there are any."""
        self.calls += 1
        if count < LEAST and self.calls % LEAST:
            return []
        of = [group[self.calls % len(group)] for group in (self._first, self._last) if group]
        return of

    def heard(
        self, who: str, known: list[Witness], again: NDArray[np.float32], faces: FaceSet, vectors: NDArray[np.float32]
    ) -> None:
        """Compare what was said of known faces, and keep one of the new ones.

        Args:
            who: the encoder, for errors.
            known: what `chosen` gave, and `again` what was said of them now.
            faces: the others, and `vectors` what was said of those.

        Raises:
            ArtifactError: a known face got another encoding.
        """
        for witness, vector in zip(known, again, strict=True):
            apart = float(np.linalg.norm(witness.vector.astype(np.float64) - vector))
            if not apart <= FAR:
                raise ArtifactError(
                    who, "vectors", "the same encoding of a face whatever is encoded with it", f"one that lies {apart:.3f} away"
                )
        if not len(faces):
            return
        assert faces.landmarks is not None, "faces of a run carry landmarks"
        row = self.calls % len(faces)
        one = Witness(np.array(faces.images[row : row + 1])[0], faces.landmarks[row].copy(), vectors[row].copy())
        if len(self._first) < FIRST:
            self._first.append(one)
        else:
            self._last = [*self._last[-LAST + 1 :], one]
