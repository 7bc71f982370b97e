"""Attackers that learn on own people: what they learn holds for others, and what helps nobody is not used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deidframe.contract import Briefing, Context, Embeddings, FaceSet, PluginError, Recognition, align
from deidframe_reid.own_people import OwnPeople, reciprocal_rank
from deidframe_reid.parrot import Parrot
from deidframe_reid.plugin import ParrotParams, ReversalParams
from deidframe_reid.reversal import Reversal, kernel, undone

SIDE = 64


class FineEyes:
    """A recogniser that sees fine detail alone: differences of neighbouring pixels in the middle of a picture."""

    space = "fine"

    def encode(self, faces: FaceSet) -> Embeddings:
        grey = np.asarray(faces.images[:], np.float32).mean(axis=-1)[:, 24:40, 24:40]
        vectors = np.diff(grey, axis=2).reshape(len(faces), -1) + 1e-3
        return Embeddings(faces.ids, vectors.astype(np.float32), self.space).unit()

    def recognize(self, faces: FaceSet, *, known_landmarks: bool = False) -> Recognition:
        marks = np.zeros((len(faces), 5, 2), np.float32)
        return Recognition(faces.ids, np.ones(len(faces), np.float32), self.encode(faces), marks)

    def as_torch(self) -> None:
        return None


class TurnedEyes(FineEyes):
    """A recogniser whose encodings are written in the pictures' first row."""

    space = "written"

    def encode(self, faces: FaceSet) -> Embeddings:
        vectors = np.asarray(faces.images[:], np.float32)[:, 0, :16, 0] - 127.5
        return Embeddings(faces.ids, vectors, self.space).unit()


def people(count: int, pictures: int, seed: int, name: str) -> FaceSet:
    """Noise for each person, a little of it different in each picture."""
    rng = np.random.default_rng(seed)
    own = np.repeat(rng.normal(127, 40, (count, SIDE, SIDE, 3)), pictures, axis=0)
    shown = np.clip(own + rng.normal(0, 8, own.shape), 0, 255).astype(np.uint8)
    ids = tuple(f"{name}{n}" for n in range(len(shown)))
    return FaceSet(ids, shown, None, tuple(f"{name}-person-{n // pictures}" for n in range(len(shown))))


def changed(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[FaceSet], FaceSet]:
    return lambda faces: FaceSet(
        faces.ids, np.clip(change(np.asarray(faces.images[:], np.float32)), 0, 255).astype(np.uint8), None, faces.subjects
    )


def smoothed(pictures: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        pictures = (np.roll(pictures, 1, axis) + 2 * pictures + np.roll(pictures, -1, axis)) / 4
    return pictures


def first_places(attacker: Parrot | Reversal, method: Callable[[FaceSet], FaceSet], *, learns: bool = True) -> float:
    gallery, own = people(30, 1, 1, "c"), people(40, 2, 2, "o")
    probes = method(gallery)
    granted = {"own": own, "mimic": method} if learns else {}
    attacker.prepare(Briefing("parrot", True, align.template(SIDE), gallery, **granted))
    out = attacker.attack(FaceSet(probes.ids, probes.images))
    named = [out.gallery_ids[column] for column in out.scores.argmax(axis=1).tolist()]
    return float(np.mean([name == probe for name, probe in zip(named, out.probe_ids, strict=True)]))


def reversal(eyes: object) -> Reversal:
    return Reversal(ReversalParams(landmarks="frame"), Context(seed=1, scratch=Path(), recognizer=eyes))  # type: ignore[arg-type]


def parrot(eyes: object) -> Parrot:
    return Parrot(ParrotParams(landmarks="frame"), Context(seed=1, scratch=Path(), recognizer=eyes))  # type: ignore[arg-type]


def test_a_filter_that_is_learnt_takes_a_smoothing_back() -> None:
    own = people(40, 2, 2, "o")
    method = changed(smoothed)
    pairs = OwnPeople.of(own, method(own))
    learnt = kernel(pairs, np.arange(40), align.template(SIDE))
    others = people(5, 1, 3, "x")
    back = np.asarray(undone(method(others), learnt).images[:], np.float32)
    clear, smooth = (np.asarray(one.images[:], np.float32) for one in (others, method(others)))
    middle = np.s_[:, 20:44, 20:44]
    assert np.abs(back - clear)[middle].mean() < 0.6 * np.abs(smooth - clear)[middle].mean()


def test_what_was_changed_back_finds_more_people() -> None:
    def dim(pictures: np.ndarray) -> np.ndarray:  # the neighbour shines through: fine detail is of another place
        return 0.04 * pictures + 0.96 * np.roll(pictures, 2, axis=2)

    plain, learnt = (first_places(reversal(FineEyes()), changed(dim), learns=learns) for learns in (False, True))
    assert plain < 0.5 < 0.9 < learnt


def test_a_parrot_learns_how_encodings_are_changed() -> None:
    turn = np.random.default_rng(5).permutation(16)

    def mixed(pictures: np.ndarray) -> np.ndarray:
        out = pictures.copy()
        out[:, 0, :16] = pictures[:, 0, :16][:, turn]
        return out

    plain, learnt = (first_places(parrot(TurnedEyes()), changed(mixed), learns=learns) for learns in (False, True))
    assert plain < 0.3 < 0.9 < learnt


@pytest.mark.parametrize("make", [parrot, reversal])
def test_nothing_is_learnt_where_all_become_one_picture(make: Callable[[object], Parrot | Reversal]) -> None:
    grey = changed(lambda pictures: np.full_like(pictures, 99))
    assert first_places(make(TurnedEyes()), grey) <= 0.1


@pytest.mark.parametrize("make", [parrot, reversal])
def test_withheld_pictures_are_not_learnt_from(make: Callable[[object], Parrot | Reversal]) -> None:
    def half(faces: FaceSet) -> FaceSet:
        return faces.take(list(range(0, len(faces), 2)))

    assert first_places(make(TurnedEyes()), half) > 0


def test_ties_share_their_ranks() -> None:
    scores = np.array([[1, 1, 0], [0, 0, 0]], np.float32)
    assert reciprocal_rank(scores, np.array([0, 2]), np.array([0, 1, 2])) == pytest.approx((1 / 1.5 + 1 / 2) / 2)
    several = reciprocal_rank(np.array([[0.1, 0.9, 0.5]], np.float32), np.array([4]), np.array([4, 2, 4]))
    assert several == pytest.approx(1 / 2)


def test_learners_need_eyes() -> None:
    for make in (Parrot, Reversal):
        with pytest.raises(PluginError, match="needs a recognizer"):
            make((ParrotParams if make is Parrot else ReversalParams)(), Context(seed=1, scratch=Path()))  # type: ignore[arg-type]
