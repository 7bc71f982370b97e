"""Match each probe with every gallery face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Briefing, Context, FaceSet, LinkScores, PersonScores, PluginError, Recognizer
from deidframe_reid.plugin import NearestFaceParams
from deidframe_reid.views import NO_SCORE, Vectors, View, alike, anywhere, joined, unit, views

BATCH = 64
"""Pictures that are made at once where a probe is changed before it is encoded."""
BLOCK = 1024
"""Released pictures that are held against the gallery at once."""


PAIRED = ("replay", "linkage")
"""Threats whose gallery is protected as the probes are."""
NO_SHARE = -1e4
"""Logarithm of the share of a picture without a face: less than that of any other."""


@dataclass(frozen=True)
class Other:
    """Another release of the same people.

    Args:
        row_of: probe -> row.
        seen: its pictures' encodings.
        share: `(G,)` how much each candidate resembles it as a whole.
    """

    row_of: Mapping[str, int]
    seen: tuple[View, ...]
    share: Vectors

    @classmethod
    def of(cls, faces: FaceSet, seen: tuple[View, ...], share: Vectors) -> Other:
        """Return it."""
        return cls({face: n for n, face in enumerate(faces.ids)}, seen, share)


class NearestFace:
    """Attacker `nearest-face`.

    Args:
        params: where a probe's landmarks are taken from, and whether known members are subtracted.
        context: its recogniser sees with the attack's encoder.
    """

    def __init__(self, params: NearestFaceParams, context: Context) -> None:
        self._recognizer, self._params = recognizer_of(context, "nearest-face"), params

    def prepare(self, briefing: Briefing) -> None:
        """Encode the gallery: clear faces at their landmarks; released or replayed ones as probes are."""
        self._briefing, gallery = briefing, briefing.gallery
        if briefing.mimic is not None and briefing.threat == "replay":
            gallery = briefing.mimic(briefing.gallery)
        if briefing.threat in PAIRED:
            self._known = self._seen(gallery)
            there = anywhere(self._known, len(gallery))
        else:
            self._known = (View(self._recognizer.encode(gallery).vectors, np.ones(len(gallery), bool)),)
            there = np.ones(len(gallery), bool)
        rows = np.flatnonzero(there)
        self._known = tuple(view.take(rows) for view in self._known)
        self._ids: tuple[str, ...] = tuple(gallery.ids[row] for row in rows.tolist())
        scored = set(self._ids)
        self._missed: tuple[str, ...] = tuple(face for face in briefing.gallery.ids if face not in scored)
        shared = briefing.threat in ("shared", "intersection") and briefing.release is not None
        self._share = self._shares(briefing.release) if shared and briefing.release is not None else None
        self._shown: tuple[View, ...] = ()
        if briefing.companions is not None and self._params.difference == "exchange" and briefing.release is not None:
            parts = list(self._different(briefing.release))
            self._shown = tuple(joined([part[n] for part in parts]) for n in range(min(map(len, parts), default=0)))
        self._others = [Other.of(faces, self._seen(faces), self._shares(faces)) for faces in briefing.others]

    def attack(self, probes: FaceSet) -> LinkScores:
        """Return the cosine of every probe with every gallery face; the attacker aligned its own gallery well.

        Who knows the tool undoes it first, and takes the better of both pictures. Who knows other members of a probe's group
        rules them out, and with `difference` subtracts them: k times the group's mean less the known members is the last one. Who
        has several releases multiplies the shares of a candidate: whoever is in all the groups of one person stands out.
        """
        briefing = self._briefing
        scores, scored = self._scores(probes)
        if briefing.invert is not None:
            undone, also = self._scores(briefing.invert(probes))
            scores, scored = np.maximum(scores, undone), scored | also
        if briefing.companions is not None and self._params.difference == "pixels":
            for start in range(0, len(probes), BATCH):  # pictures are made a batch at a time, whatever the number of probes
                rows = np.arange(start, min(start + BATCH, len(probes)))
                left, also = self._scores(remainders(probes.take(rows), briefing.gallery, briefing.companions))
                scores[rows] = np.maximum(scores[rows], left)
                scored[rows] |= also
        for other in self._others:
            here = [n for n, probe in enumerate(probes.ids) if probe in other.row_of]
            there = np.array([other.row_of[probes.ids[n]] for n in here], np.int64)
            if here:
                more = alike([view.take(there) for view in other.seen], self._known, (len(here), len(self._ids)))
                scores[here] += self._shared_out(more, other.share)
        return link_scores(probes, self._ids, scores, scored, self._missed)

    def judge(self, people: FaceSet) -> PersonScores:
        """Return how far each person's best released picture stands out from what it scores with all the different ones.

        A person of a group lies nearer to that group's picture than a stranger does to any (Yeom et al., Privacy risk in machine
        learning, 2018, with the loss taken as a distance in encodings); how like all others a face is is taken off.
        """
        subjects = np.array(people.subjects)
        release = self._briefing.release
        if release is None or not len(release):
            return PersonScores((), np.zeros(0, np.float32), tuple(np.unique(subjects).tolist()))
        vectors = self._recognizer.encode(people).vectors
        names, person = np.unique(subjects, return_inverse=True)
        best, sums, count = np.full(len(names), NO_SCORE, np.float64), np.zeros(len(names)), 0
        for seen in self._different(release):
            scores = alike(seen, (View(vectors, np.ones(len(vectors), bool)),), (len(seen[0].there), len(vectors)))
            whole = np.zeros((len(scores), len(names)))
            np.add.at(whole.T, person, scores.T)
            whole /= np.bincount(person)
            best = np.maximum(best, whole.max(axis=0))
            sums, count = sums + whole.sum(axis=0), count + len(whole)
        return PersonScores(tuple(names.tolist()), (best - sums / max(count, 1)).astype(np.float32))

    def _scores(self, probes: FaceSet) -> tuple[Vectors, NDArray[np.bool_]]:
        """Return `(P, G)` scores and which probes have some."""
        shape = (len(probes), len(self._ids))
        seen = self._seen(probes)
        if self._briefing.companions is None:
            scores = alike(seen, self._known, shape)
        else:
            scores = self._informed(probes, seen, self._briefing.companions)
        if self._share is not None:
            scores = self._shared_out(scores, self._share)
        return scores, anywhere(seen, len(probes))

    def _seen(self, faces: FaceSet) -> tuple[View, ...]:
        where = self._params.landmarks
        if where == "best" and self._briefing.threat in PAIRED:
            where = "frame"  # both pictures lie at the template; what a detector finds in either only adds noise
        return views(self._recognizer, faces, where, self._briefing.frame)

    def _shared_out(self, scores: Vectors, share: Vectors) -> Vectors:
        """Return the logarithm of each candidate's share in each picture."""
        return np.where(scores > NO_SCORE, scores / self._params.temperature - share, NO_SHARE).astype(np.float32)

    def _informed(
        self, probes: FaceSet, seen: tuple[View, ...], companions: Mapping[str, tuple[tuple[str, ...], ...]]
    ) -> Vectors:
        """Return scores in which known members are struck out, and with `difference = "encodings"` subtracted before."""
        column = {candidate: n for n, candidate in enumerate(self._ids)}
        known = self._known[0].vectors
        places = [[[column[one] for one in member] for member in companions[probe]] for probe in probes.ids]
        if self._params.difference == "encodings":
            others = [unit(np.array([known[p].mean(axis=0) for p in m]).reshape(len(m), known.shape[1])) for m in places]
            seen = tuple(
                View(np.array([last_member(v, o) for v, o in zip(view.vectors, others, strict=True)]), view.there)
                for view in seen
            )
        if self._shown:
            seen = self._exchanged(known, places)
        if self._params.difference in ("weighed", "others"):
            scores = self._weighed(seen, places)
        else:
            scores = alike(seen, self._known, (len(probes), len(self._ids)))
        for row, members in enumerate(places):
            scores[row, [place for member in members for place in member]] = NO_SCORE
        return scores

    def _weighed(self, seen: tuple[View, ...], places: Sequence[Sequence[Sequence[int]]]) -> Vectors:
        """Return how well each candidate completes the known members of a probe's group, with or without the probe.

        A candidate counts by the mean of all pictures of him, and so does a known member. Of K, the sum of the known members'
        means, a candidate's c and the surrogate s: 4 cos(s, K + c) + cos(s, c) + cos(K, c). The weights were chosen on surrogates
        of 100 people of LFW among some that all gave nearly the same, in favour of the attacker.
        """
        known = self._known[0].vectors
        own = known
        if self._briefing.gallery.subjects is not None:
            of = dict(zip(self._briefing.gallery.ids, self._briefing.gallery.subjects, strict=True))
            _, person = np.unique([of[face] for face in self._ids], return_inverse=True)
            sums = np.zeros((int(person.max(initial=-1)) + 1, known.shape[1]), np.float32)
            np.add.at(sums, person, known)
            own = (sums / np.bincount(person)[:, None])[person].astype(np.float32)
        others = np.array([sum((known[m].mean(axis=0) for m in one), np.zeros(known.shape[1])) for one in places], np.float32)
        lengths = np.maximum(np.linalg.norm(own, axis=1), 1e-6)
        far = np.linalg.norm(others, axis=1, keepdims=True)
        near = others @ own.T
        like = near / (lengths * np.maximum(far, 1e-6))
        if self._params.difference == "others":
            return np.asarray(like, np.float32)
        together = np.sqrt(np.maximum(far**2 + 2 * near + lengths**2, 1e-12))
        best = np.full(near.shape, NO_SCORE, np.float32)
        for view in seen:
            own_share = view.vectors @ own.T
            explained = ((others * view.vectors).sum(axis=1, keepdims=True) + own_share) / together
            scores = 4 * explained + own_share / lengths + like
            best[view.there] = np.maximum(best[view.there], scores[view.there])
        return best

    def _exchanged(self, known: Vectors, places: Sequence[Sequence[Sequence[int]]]) -> tuple[View, ...]:
        """Return, for each probe, the released picture that is most like the known members of its group.

        Where groups show each other's mean, that picture is the group's own; elsewhere it is mostly the probe itself.
        """
        means = unit(np.array([np.mean([known[p].mean(axis=0) for p in member], axis=0) for member in places]))
        shape = (len(places), len(self._shown[0].there))
        best = alike((View(means, np.ones(len(means), bool)),), self._shown, shape).argmax(axis=1)
        return tuple(view.take(best) for view in self._shown)

    def _shares(self, release: FaceSet) -> Vectors:
        """Return `(G,)` how much a candidate resembles the release as a whole: the log of the sum over its different pictures.

        A candidate belongs to one picture, so what it shares with all of them says nothing; with this taken off, a score is the
        logarithm of the share of the candidate that a picture gets.
        """
        total = np.full(len(self._ids), -np.inf, np.float32)
        for seen in self._different(release):
            scores = alike(seen, self._known, (len(seen[0].there), len(self._ids)))
            total = np.logaddexp(total, np.logaddexp.reduce(scores / self._params.temperature, axis=0))
        return total

    def _different(self, release: FaceSet) -> Iterator[tuple[View, ...]]:
        """Yield the encodings of the different pictures of a release, a block at a time."""
        told: set[bytes] = set()
        for start in range(0, len(release), BLOCK):
            part = release.take(range(start, min(start + BLOCK, len(release))))
            seen = self._seen(part)
            marks = [b"".join(view.vectors[n].tobytes() for view in seen) for n in range(len(part))]
            first = [n for n, mark in enumerate(marks) if mark not in told and not told.add(mark)]  # type: ignore[func-returns-value]
            rows = np.array(first, np.int64)
            if len(rows):
                yield tuple(view.take(rows) for view in seen)


def recognizer_of(context: Context, who: str) -> Recognizer:
    """Return the recogniser.

    Raises:
        PluginError: there is none.
    """
    if context.recognizer is None:
        raise PluginError(f"{who} needs a recognizer: a detector and an encoder")
    return context.recognizer


def link_scores(
    probes: FaceSet, gallery: tuple[str, ...], scores: Vectors, scored: NDArray[np.bool_], missed: tuple[str, ...] = ()
) -> LinkScores:
    """Return the scores of the probes that have some."""
    ids = [probe for probe, is_scored in zip(probes.ids, scored.tolist(), strict=True) if is_scored]
    unscored = [probe for probe, is_scored in zip(probes.ids, scored.tolist(), strict=True) if not is_scored]
    return LinkScores(tuple(ids), gallery, scores[scored].astype(np.float32), tuple(unscored), missed)


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
    resembling = float((others @ others.T)[np.triu_indices(m, 1)].mean()) if m > 1 else 0.1
    length = np.sqrt((1 + m * max(resembling, 0.0)) / (m + 1))
    return unit((m + 1) * length * surrogate - others.sum(axis=0))


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
