"""Learn on own people how a method changes encodings, and take that back before matching."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Briefing, Context, FaceSet, LinkScores
from deidframe_reid.head import trained
from deidframe_reid.nearest_face import link_scores, recognizer_of
from deidframe_reid.own_people import OwnPeople, reciprocal_rank
from deidframe_reid.plugin import ParrotParams
from deidframe_reid.views import Vectors, View, alike, anywhere, views

SPLITS = 5
RIDGE = (0.01, 0.1, 1.0)
SHRINK = (0.1, 0.5, 1.0)
SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of a learnt score in the sum with the plain cosine."""

Change = Callable[[Vectors], Vectors]


@dataclass(frozen=True)
class Lesson:
    """A learnt way to compare a released picture with a clear one: both are changed before the cosine.

    Args:
        name: what it is.
        probe, clear: the changes.
    """

    name: str
    probe: Change
    clear: Change


class Parrot:
    """Attacker `parrot`.

    Args:
        params: where a probe's face is.
        context: its recogniser sees with the attack's encoder.
    """

    def __init__(self, params: ParrotParams, context: Context) -> None:
        self._recognizer, self._where, self._log = recognizer_of(context, "parrot"), params.landmarks, context.log
        self._lesson: Lesson | None = None
        self._share = 0.0

    def prepare(self, briefing: Briefing) -> None:
        """Learn from own people and choose on others of them; without own people the plain cosine is what there is."""
        self._frame, self._ids = briefing.frame, briefing.gallery.ids
        self._known = everywhere(self._recognizer.encode(briefing.gallery).vectors)
        if briefing.own is not None and briefing.mimic is not None:
            own = OwnPeople.of(briefing.own, briefing.mimic(briefing.own))
            clear = self._recognizer.encode(own.clear).vectors
            seen = views(self._recognizer, own.mimicked, self._where, self._frame)
            self._lesson, self._share = chosen(own, clear, seen, exact=briefing.exact)
            self._log(f"parrot: {self._lesson.name if self._lesson else 'plain'}, share {self._share:g}")

    def attack(self, probes: FaceSet) -> LinkScores:
        """Return scores as they did best on own people."""
        seen = views(self._recognizer, probes, self._where, self._frame)
        scores = fused(seen, self._known, self._lesson, self._share, (len(probes), len(self._ids)))
        return link_scores(probes, self._ids, scores, anywhere(seen, len(probes)))


def everywhere(vectors: Vectors) -> View:
    """Return encodings of pictures that all have one."""
    return View(vectors, np.ones(len(vectors), bool))


def fused(seen: Sequence[View], known: View, lesson: Lesson | None, share: float, shape: tuple[int, int]) -> Vectors:
    """Return `(P, G)` the plain cosine and the learnt one, added in these shares."""
    scores = alike(seen, (known,), shape)
    if lesson is None or not share:
        return scores
    learnt = alike([view.changed(lesson.probe) for view in seen], (known.changed(lesson.clear),), shape)
    return (1 - share) * scores + share * learnt


def chosen(own: OwnPeople, clear: Vectors, seen: Sequence[View], *, exact: bool) -> tuple[Lesson | None, float]:
    """Return the lesson and its share that find own people best who were not learnt from; the plain cosine where none is better.

    A method with groups gives all their people one picture: nothing that is learnt tells them apart, and chance alone may then
    choose a lesson, which does no harm.
    """
    gallery = own.gallery(exact=exact)
    known = everywhere(clear[gallery])
    reached: dict[tuple[str, float], list[float]] = {}
    for learns, rows in own.splits(SPLITS, exact=exact):
        shown, shape = [view.take(rows) for view in seen], (len(rows), len(gallery))
        bare = alike(shown, (known,), shape)
        reached.setdefault(("", 0.0), []).append(reciprocal_rank(bare, own.shown[rows], own.person[gallery]))
        for lesson in lessons(own, clear, seen, learns):
            learnt = fused(shown, known, lesson, 1.0, shape)
            for share in SHARES:
                scores = (1 - share) * bare + share * learnt
                found = reciprocal_rank(scores, own.shown[rows], own.person[gallery])
                reached.setdefault((lesson.name, share), []).append(found)
    if not reached:
        return None, 0.0
    name, share = max(reached, key=lambda key: (float(np.mean(reached[key])), -key[1]))
    every = np.ones(int(own.person.max()) + 1, bool)
    return next((one for one in lessons(own, clear, seen, every) if one.name == name), None), share


def lessons(own: OwnPeople, clear: Vectors, seen: Sequence[View], learns: NDArray[np.bool_]) -> Iterator[Lesson]:
    """Yield what can be learnt from some people.

    Ridge regression of a person's mean clear encoding on a released one (Hoerl, Kennard, Technometrics 12(1), 1970), and
    within-class covariance normalisation, of which LDA's scatter is the whole (Hatch, Kajarekar, Stolcke, Within-class covariance
    normalization for SVM-based speaker recognition, Interspeech 2006), each domain about its own mean; and a small network (see
    `head`).

    Args:
        clear: `(N, D)` encodings of own clear pictures.
        seen: of the M protected ones.
        learns: which people are learnt from.
    """
    faces = np.flatnonzero(learns[own.person])
    released = np.concatenate([view.vectors[view.there & learns[own.shown]] for view in seen])
    shown = np.concatenate([own.shown[view.there & learns[own.shown]] for view in seen])
    if len(released) < 2 or len(faces) < 2:
        return
    means = _means(clear[faces], own.person[faces], len(learns))
    before, after = clear[faces].mean(axis=0), released.mean(axis=0)
    x, y = (released - after).astype(np.float64), (means[shown] - before).astype(np.float64)
    scatter, size = x.T @ x, x.shape[1]
    for weight in RIDGE:
        solved = np.linalg.solve(scatter + weight * max(np.trace(scatter) / size, 1e-9) * np.eye(size), x.T @ y).astype(
            np.float32
        )
        yield Lesson(f"ridge {weight:g}", lambda v, w=solved: (v - after) @ w, lambda v: v - before)  # type: ignore[misc]
    pairs = np.concatenate([own.pair[view.there & learns[own.shown]] for view in seen])
    yield Lesson("head", trained(released, clear[pairs], shown), _as_it_is)
    own_means = _means(released - after, shown, len(learns))
    spread = np.concatenate([clear[faces] - means[own.person[faces]], released - after - own_means[shown]]).astype(np.float64)
    within = spread.T @ spread / len(spread)
    for shrink in SHRINK:
        values, axes = np.linalg.eigh((1 - shrink) * within + shrink * np.trace(within) / size * np.eye(size))
        whiten = (axes / np.sqrt(np.maximum(values, 1e-9))).astype(np.float32)
        yield Lesson(f"within-class {shrink:g}", lambda v, a=whiten: (v - after) @ a, lambda v, a=whiten: (v - before) @ a)  # type: ignore[misc]


def _as_it_is(vectors: Vectors) -> Vectors:
    return vectors


def _means(vectors: Vectors, person: NDArray[np.int64], people: int) -> Vectors:
    sums = np.zeros((people, vectors.shape[1]))
    np.add.at(sums, person, vectors)
    out: Vectors = (sums / np.maximum(np.bincount(person, minlength=people), 1)[:, None]).astype(np.float32)
    return out
