"""Another face for everybody, chosen by a secret: for databases of fewer people than any k."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, PluginError
from deidframe_people.plugin import StrangerParams
from deidframe_people.source import FACES, read


class Stranger:
    """Redactor `stranger`.

    A person has the same stranger in every picture of a run and another one in the next; two people may share one. Nothing of a
    face is looked at, so the stranger says neither age nor sex nor colour, but all pictures of a person can be told to be one's.
    """

    def __init__(self, params: StrangerParams, context: Context) -> None:
        self._paths = sorted(FACES.glob("*/1.jpg"))
        if not self._paths:
            raise PluginError(f"deidframe-people: {FACES} holds no pictures; reinstall the package")
        self._secret = context.secret

    def redact(self, faces: FaceSet) -> FaceSet:
        """Return the strangers; without subjects every picture is of somebody else."""
        subjects = faces.subjects or faces.ids
        shown = {name: self._face(name, faces.size) for name in dict.fromkeys(subjects)}
        pictures = np.stack([shown[name] for name in subjects]) if subjects else np.zeros((0, *faces.size, 3), np.uint8)
        return FaceSet(faces.ids, pictures, faces.landmarks, faces.subjects)

    def _face(self, name: str, size: tuple[int, int]) -> NDArray[np.uint8]:
        digest = hmac.digest(self._secret, name.encode("utf-8", "surrogateescape"), hashlib.sha256)
        return read(self._paths[int.from_bytes(digest[:8], "big") % len(self._paths)], size)
