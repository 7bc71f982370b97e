"""Read apparent sex and age off released pictures, and match people by these alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Briefing, Context, FaceSet, LinkScores, PersonScores, PluginError
from deidframe_attributes.plugin import ApparentParams

YEARS = 20.0
"""Years that weigh as much as being sure of the other sex."""


class Apparent:
    """Attacker `apparent`.

    Args:
        params: none.
        context: its recogniser sees with the encoder `age-sex`.
    """

    def __init__(self, params: ApparentParams, context: Context) -> None:
        if context.recognizer is None:
            raise PluginError("apparent needs a recognizer: a detector and the encoder age-sex")
        self._recognizer = context.recognizer

    def prepare(self, briefing: Briefing) -> None:
        """Look at the gallery where its faces are."""
        self._frame, self._attribute, self._ids = briefing.frame, briefing.attribute, briefing.gallery.ids
        self._known = told(self._recognizer.encode(briefing.gallery).vectors)

    def attack(self, probes: FaceSet) -> LinkScores:
        """Return how alike sex and age are, as minus a distance."""
        seen = self._seen(probes)
        far = np.abs(seen[:, None, 0] - self._known[None, :, 0]) + np.abs(seen[:, None, 1] - self._known[None, :, 1]) / YEARS
        return LinkScores(probes.ids, self._ids, (-far).astype(np.float32))

    def judge(self, people: FaceSet) -> PersonScores:
        """Return the probability of male, or the years, of each person: the mean over its pictures."""
        names, person = np.unique(np.array(people.subjects), return_inverse=True)
        values = self._seen(people)[:, 1 if self._attribute == "age" else 0]
        means = np.bincount(person, values) / np.bincount(person)
        return PersonScores(tuple(names.tolist()), means.astype(np.float32))

    def _seen(self, faces: FaceSet) -> NDArray[np.float64]:
        marks = np.repeat(self._frame[None], len(faces), axis=0)
        return told(self._recognizer.encode(FaceSet(faces.ids, faces.images, marks)).vectors)


def told(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return `(N, 2)` probability of male and years, read off rows of `age-sex` of any length."""
    sums = np.maximum(rows[:, [0, 2]] + rows[:, [1, 3]], 1e-9).astype(np.float64)
    return np.stack([rows[:, 1] / sums[:, 0], 100 * rows[:, 2] / sums[:, 1]], axis=1)
