"""Match each probe with every gallery face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, Knowledge, LinkScores, PluginError, align
from deidframe_reid.plugin import NearestFaceParams


class NearestFace:
    """Attacker `nearest-face`.

    Args:
        params: where a probe's landmarks are taken from.
        context: its recogniser sees with the attack's encoder.
    """

    def __init__(self, params: NearestFaceParams, context: Context) -> None:
        if context.recognizer is None:
            raise PluginError("nearest-face needs a recognizer: a detector and an encoder")
        self._recognizer, self._landmarks = context.recognizer, params.landmarks

    def attack(self, probes: FaceSet, gallery: FaceSet, knowledge: Knowledge) -> LinkScores:
        """Return the cosine of every probe with every gallery face; the attacker aligned its own gallery well.

        Who knows the tool undoes it first, and takes the better of both pictures.
        """
        known = self._recognizer.encode(gallery)
        scores, scored = self._scores(probes, known.vectors)
        if knowledge.invert is not None:
            undone, also = self._scores(knowledge.invert(probes), known.vectors)
            scores, scored = np.where(also[:, None], np.maximum(scores, undone), scores), scored | also
        ids = [probe for probe, is_scored in zip(probes.ids, scored.tolist(), strict=True) if is_scored]
        missed = [probe for probe, is_scored in zip(probes.ids, scored.tolist(), strict=True) if not is_scored]
        return LinkScores(tuple(ids), known.ids, scores[scored].astype(np.float32), tuple(missed))

    def _scores(self, probes: FaceSet, known: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return `(P, G)` cosines, -2 for a probe without any, and which probes have some."""
        scores = np.full((len(probes), len(known)), -2, np.float32)
        if self._landmarks in ("frame", "best"):
            marks = np.repeat(align.template(probes.size[0])[None], len(probes), axis=0)
            at_frame = self._recognizer.encode(FaceSet(probes.ids, probes.images, marks))
            scores = at_frame.vectors @ known.T
        if self._landmarks != "frame":
            seen = self._recognizer.recognize(probes, known_landmarks=self._landmarks == "known").embeddings
            row = {probe: n for n, probe in enumerate(probes.ids)}
            rows = np.array([row[probe] for probe in seen.ids], np.int64)
            if len(rows):
                scores[rows] = np.maximum(scores[rows], seen.vectors @ known.T)
        return scores, scores.max(axis=1, initial=-2) > -2
