"""Match each probe with every gallery face."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, Knowledge, LinkScores, PluginError, align
from deidframe_reid.plugin import NearestFaceParams

Vectors = NDArray[np.float32]
Score = Callable[[NDArray[np.int64], Vectors], Vectors]
BATCH = 64
RULED_OUT = -2.0
"""Score of a candidate who cannot be it; cosines reach from -1 to 1."""


class NearestFace:
    """Attacker `nearest-face`.

    Args:
        params: where a probe's landmarks are taken from, and whether known members are subtracted.
        context: its recogniser sees with the attack's encoder.
    """

    def __init__(self, params: NearestFaceParams, context: Context) -> None:
        if context.recognizer is None:
            raise PluginError("nearest-face needs a recognizer: a detector and an encoder")
        self._recognizer, self._params = context.recognizer, params

    def attack(self, probes: FaceSet, gallery: FaceSet, knowledge: Knowledge) -> LinkScores:
        """Return the cosine of every probe with every gallery face; the attacker aligned its own gallery well.

        Who knows the tool undoes it first, and takes the better of both pictures. Who knows other members of a probe's group
        rules them out, and with `difference` subtracts them: k times the group's mean less the known members is the last one.
        """
        known = self._recognizer.encode(gallery)
        score = self._informed(probes, known.ids, known.vectors, knowledge)
        scores, scored = self._scores(probes, len(known), score)
        if knowledge.invert is not None:
            undone, also = self._scores(knowledge.invert(probes), len(known), score)
            scores, scored = np.where(also[:, None], np.maximum(scores, undone), scores), scored | also
        if knowledge.companions is not None and self._params.difference == "pixels":
            for start in range(0, len(probes), BATCH):  # pictures are made a batch at a time, whatever the number of probes
                rows = np.arange(start, min(start + BATCH, len(probes)))
                left, also = self._scores(remainders(probes.take(rows), gallery, knowledge.companions), len(known), score)
                scores[rows] = np.where(also[:, None], np.maximum(scores[rows], left), scores[rows])
                scored[rows] |= also
        ids = [probe for probe, is_scored in zip(probes.ids, scored.tolist(), strict=True) if is_scored]
        missed = [probe for probe, is_scored in zip(probes.ids, scored.tolist(), strict=True) if not is_scored]
        return LinkScores(tuple(ids), known.ids, scores[scored].astype(np.float32), tuple(missed))

    def _informed(self, probes: FaceSet, ids: tuple[str, ...], known: Vectors, knowledge: Knowledge) -> Score:
        """Return how encodings of some probes are scored, with what is known of their groups."""
        companions = knowledge.companions
        if companions is None:
            return lambda rows, vectors: vectors @ known.T
        column = {candidate: n for n, candidate in enumerate(ids)}

        def score(rows: NDArray[np.int64], vectors: Vectors) -> Vectors:
            out = np.empty((len(rows), len(known)), np.float32)
            for n, row in enumerate(rows.tolist()):
                members = [[column[one] for one in member] for member in companions[probes.ids[row]]]
                others = np.array([unit(known[places].mean(axis=0)) for places in members]).reshape(len(members), known.shape[1])
                subtract = self._params.difference == "encodings"
                wanted = last_member(vectors[n], others) if subtract else vectors[n]
                out[n] = known @ wanted
                out[n, [place for places in members for place in places]] = RULED_OUT
            return out

        return score

    def _scores(self, probes: FaceSet, count: int, score: Score) -> tuple[Vectors, NDArray[np.bool_]]:
        """Return `(P, G)` scores, `RULED_OUT` for a probe without any, and which probes have some."""
        where = self._params.landmarks
        scores = np.full((len(probes), count), RULED_OUT, np.float32)
        scored = np.zeros(len(probes), bool)
        if where in ("frame", "best"):
            marks = np.repeat(align.template(probes.size[0])[None], len(probes), axis=0)
            at_frame = self._recognizer.encode(FaceSet(probes.ids, probes.images, marks))
            scores, scored[:] = score(np.arange(len(probes)), at_frame.vectors), True
        if where != "frame":
            seen = self._recognizer.recognize(probes, known_landmarks=where == "known").embeddings
            row = {probe: n for n, probe in enumerate(probes.ids)}
            rows = np.array([row[probe] for probe in seen.ids], np.int64)
            if len(rows):
                scores[rows] = np.maximum(scores[rows], score(rows, seen.vectors))
                scored[rows] = True
        return scores, scored


def unit(vector: Vectors) -> Vectors:
    """Return a vector of length 1."""
    out: Vectors = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return out


def last_member(surrogate: Vectors, others: Vectors) -> Vectors:
    """Return the unit encoding of the one member of a group who is not known.

    A surrogate is aimed at the mean of its m + 1 people. Its own encoding has length 1; the mean is shorter, by how alike the
    known members are to each other.

    Args:
        surrogate: `(D,)` unit encoding of the released picture.
        others: `(m, D)` unit encodings of the known members.
    """
    m = len(others)
    if not m:
        return surrogate
    alike = float((others @ others.T)[np.triu_indices(m, 1)].mean()) if m > 1 else 0.1
    length = np.sqrt((1 + m * max(alike, 0.0)) / (m + 1))
    return unit(((m + 1) * length * surrogate - others.sum(axis=0)).astype(np.float32))


def remainders(probes: FaceSet, gallery: FaceSet, companions: Mapping[str, tuple[tuple[str, ...], ...]]) -> FaceSet:
    """Return k times each surrogate less the mean picture of each known member: the last member where surrogates are means.

    Args:
        companions: probe -> the candidates that show each known member.
    """
    row = {candidate: n for n, candidate in enumerate(gallery.ids)}
    means: dict[tuple[str, ...], NDArray[np.float32]] = {}
    pictures = np.array(probes.images[:])
    for n, probe in enumerate(probes.ids):
        members = companions[probe]
        rest = (len(members) + 1) * pictures[n].astype(np.float32)
        for member in members:
            if member not in means:
                shown = np.asarray(gallery.images[np.array([row[one] for one in member])])
                means[member] = shown.mean(axis=0, dtype=np.float32)
            rest -= means[member]
        pictures[n] = np.rint(np.clip(rest, 0, 255)).astype(np.uint8)
    return FaceSet(probes.ids, pictures, probes.landmarks)
