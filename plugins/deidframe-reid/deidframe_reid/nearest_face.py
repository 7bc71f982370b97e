"""Match each probe with every gallery face."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, FaceSet, Knowledge, LinkScores, PluginError
from deidframe_reid.plugin import NearestFaceParams


class NearestFace:
    """Attacker `nearest-face`.

    Args:
        params: landmarks known or found.
        context: its recogniser sees with the attack's encoder.
    """

    def __init__(self, params: NearestFaceParams, context: Context) -> None:
        if context.recognizer is None:
            raise PluginError("nearest-face needs a recognizer: a detector and an encoder")
        self._recognizer, self._known = context.recognizer, params.landmarks == "known"

    def attack(self, probes: FaceSet, gallery: FaceSet, knowledge: Knowledge) -> LinkScores:
        """Return the cosine of every probe with every gallery face; the attacker aligned its own gallery well."""
        known = self._recognizer.encode(gallery)
        seen = self._recognizer.recognize(probes, known_landmarks=self._known).embeddings
        scored = set(seen.ids)
        missed = tuple(i for i in probes.ids if i not in scored)
        scores = seen.vectors @ known.vectors.T if len(seen) else np.zeros((0, len(known)), np.float32)
        return LinkScores(seen.ids, known.ids, scores.astype(np.float32), missed)
