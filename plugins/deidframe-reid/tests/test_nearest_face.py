from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deidframe.contract import Briefing, Context, Embeddings, FaceSet, LinkScores, PluginError, Recognition, align
from deidframe_reid.nearest_face import NearestFace, last_member, remainders
from deidframe_reid.plugin import NearestFaceParams
from deidframe_reid.views import NO_SCORE, View


class ColourEyes:
    """A recogniser that encodes by mean colour and find no face in a black picture."""

    space = "colour"

    def encode(self, faces: FaceSet) -> Embeddings:
        vectors = np.asarray(faces.images[:], np.float32).mean(axis=(1, 2)) + 1e-3
        return Embeddings(faces.ids, vectors.astype(np.float32), self.space).unit()

    def recognize(self, faces: FaceSet, *, known_landmarks: bool = False) -> Recognition:
        bright = np.asarray(faces.images[:]).max(axis=(1, 2, 3)) > 0
        kept = np.arange(len(faces)) if known_landmarks else np.flatnonzero(bright)
        marks = np.zeros((len(faces), 5, 2), np.float32)
        return Recognition(faces.ids, bright.astype(np.float32), self.encode(faces).take(kept), marks)

    def as_torch(self) -> None:
        return None


def faces(*colours: tuple[int, int, int], name: str) -> FaceSet:
    pictures = np.zeros((len(colours), 8, 8, 3), np.uint8) + np.array(colours, np.uint8)[:, None, None]
    return FaceSet(tuple(f"{name}{n}" for n in range(len(colours))), pictures)


def attacker(**params: Any) -> NearestFace:
    return NearestFace(NearestFaceParams(**params), Context(seed=1, scratch=Path(), recognizer=ColourEyes()))


def linked(
    probes: FaceSet, gallery: FaceSet, threat: str = "naive", granted: dict[str, Any] | None = None, **params: Any
) -> LinkScores:
    made = attacker(**params)
    made.prepare(Briefing(threat, True, align.template(8), gallery, **(granted or {})))
    return made.attack(probes)


def test_like_colours_score_highest() -> None:
    out = linked(faces((200, 9, 9), (9, 9, 99), name="p"), faces((9, 9, 200), (90, 5, 5), name="g"))
    assert out.scores.argmax(axis=1).tolist() == [1, 0]
    assert (out.probe_ids, out.gallery_ids, out.missed_probes) == (("p0", "p1"), ("g0", "g1"), ())


def test_a_probe_without_a_face_is_missed_or_matched_where_it_was() -> None:
    probes, gallery = faces((0, 0, 0), (9, 9, 9), name="p"), faces((9, 9, 9), name="g")
    assert linked(probes, gallery, landmarks="found").missed_probes == ("p0",)
    assert linked(probes, gallery, landmarks="known").probe_ids == ("p0", "p1")
    dark = linked(faces((0, 0, 0), name="p"), gallery, landmarks="found")
    assert (dark.scores.shape, dark.missed_probes) == ((0, 1), ("p0",))


def test_it_needs_eyes() -> None:
    with pytest.raises(PluginError, match="needs a recognizer"):
        NearestFace(NearestFaceParams(), Context(seed=1, scratch=Path()))


def test_the_better_of_what_is_found_and_of_the_frame_counts() -> None:
    probes, gallery = faces((0, 0, 0), (9, 9, 99), name="p"), faces((9, 9, 200), (90, 5, 5), name="g")
    assert linked(probes, gallery, landmarks="frame").missed_probes == ()
    found, frame, best = (linked(probes, gallery, landmarks=where).scores[-1] for where in ("found", "frame", "best"))
    assert np.allclose(best, np.maximum(found, frame))


def test_who_knows_the_tool_undoes_it_and_takes_the_better_picture() -> None:
    gallery = faces((200, 9, 9), (9, 200, 9), name="g")
    grey = faces((70, 70, 70), name="p")

    def way_back(probes: FaceSet) -> FaceSet:
        return FaceSet(probes.ids, faces((9, 200, 9), name="p").images)

    plain = linked(grey, gallery).scores[0]
    undone = linked(grey, gallery, "inversion", {"invert": way_back}).scores[0]
    assert abs(plain[0] - plain[1]) < 1e-4
    assert undone[1] > 0.99 > undone[0]
    assert (undone >= plain).all()


def test_who_knows_the_others_of_a_group_rules_them_out_and_subtracts_them() -> None:
    gallery = faces((200, 20, 20), (20, 200, 20), (20, 20, 200), (90, 90, 90), name="g")
    mean = faces((80, 80, 80), name="p")  # of the first three
    companions = {"p0": (("g0",), ("g1",))}
    informed = {"companions": companions}
    out = linked(mean, gallery, "informed", informed)
    assert out.scores[0].argmax() == 3  # a grey face is nearest to a grey mean
    assert out.scores[0, :2].tolist() == [NO_SCORE] * 2
    for difference in ("encodings", "pixels"):
        scores = linked(mean, gallery, "informed", informed, difference=difference, landmarks="frame").scores[0]
        if difference == "encodings":
            assert scores.argmax() == 2
        else:
            assert scores[2] > 0.99


def test_what_is_left_of_a_mean_is_the_last_member() -> None:
    rng = np.random.default_rng(1)
    members = rng.integers(60, 200, (3, 16, 16, 3)).astype(np.uint8)
    gallery = FaceSet(("a0", "a1", "b0", "c0"), np.stack([members[0], members[0], members[1], members[2]]))
    mean = np.rint(members.mean(axis=0)).astype(np.uint8)
    left = remainders(FaceSet(("p",), mean[None]), gallery, {"p": (("a0", "a1"), ("b0",))})
    assert np.abs(np.asarray(left.images[:])[0].astype(int) - members[2]).max() <= 3
    alone = last_member(np.array([1, 0], np.float32), np.zeros((0, 2), np.float32))
    assert alone.tolist() == [1, 0]


def test_a_gallery_that_was_released_or_redacted_is_looked_at_like_a_probe() -> None:
    dark = faces((0, 0, 0), (9, 9, 200), name="g")
    out = linked(faces((9, 9, 190), name="p"), dark, "linkage", landmarks="found")
    assert (out.gallery_ids, out.missed_gallery) == (("g1",), ("g0",))

    def grey(given: FaceSet) -> FaceSet:  # and the second is withheld
        return FaceSet(given.ids[:1], faces((70, 70, 70), name="x").images, None)

    out = linked(faces((90, 90, 90), name="p"), faces((200, 0, 0), (0, 200, 0), name="g"), "replay", {"mimic": grey})
    assert (out.gallery_ids, out.missed_gallery) == (("g0",), ("g1",))
    assert out.scores[0, 0] > 0.99


def test_candidates_are_shared_out_among_the_different_pictures_of_a_release() -> None:
    release = faces((200, 100, 100), (200, 100, 100), (100, 100, 200), name="r")
    gallery = faces((200, 100, 110), (110, 100, 200), (90, 100, 200), name="g")
    shared = linked(release, gallery, "shared", {"release": release}).scores
    assert np.allclose(np.exp(shared[[0, 2]]).sum(axis=0), 1, atol=1e-5)  # a candidate has one picture, equal ones counted once
    assert shared[2].argmax() == 2  # the one that resembles the other picture least
    assert np.allclose(shared[0], shared[1])


def test_two_releases_say_more_than_one() -> None:
    gallery = faces((200, 20, 20), (20, 200, 20), (20, 20, 200), name="g")
    first, second = faces((110, 110, 20), name="p"), faces((110, 20, 110), name="p")  # each the mean of two, one in both
    assert abs(np.diff(linked(first, gallery).scores[0, :2])[0]) < 1e-5
    joined = linked(first, gallery, "intersection", {"others": (second,)}).scores[0]
    assert joined.argmax() == 0
    alone = linked(first, gallery, "intersection", {"others": (FaceSet(("q",), second.images),)}).scores
    assert np.allclose(alone, linked(first, gallery).scores)


def test_members_stand_out_from_one_of_the_released_pictures() -> None:
    release = faces((200, 20, 20), (20, 200, 20), (20, 200, 20), name="r")
    people = FaceSet(
        ("a", "b", "c"), faces((190, 25, 20), (100, 100, 100), (20, 180, 30), name="x").images, None, ("in", "out", "in, too")
    )
    made = attacker()
    made.prepare(Briefing("membership", True, align.template(8), people, release=release))
    scores = dict(zip(*(lambda out: (out.ids, out.scores.tolist()))(made.judge(people)), strict=True))
    assert scores["out"] < 0.1 < min(scores["in"], scores["in, too"])
    made.prepare(Briefing("membership", True, align.template(8), people, release=release.take([])))
    assert set(made.judge(people).missed) == {"in", "out", "in, too"}


def test_who_knows_that_groups_show_each_others_mean_looks_at_the_right_one() -> None:
    gallery = faces((200, 20, 20), (200, 60, 20), (20, 20, 200), (20, 60, 200), name="g")
    means = faces((20, 40, 200), (200, 40, 20), name="p")  # each group shows the other's mean
    informed = {"companions": {"p0": (("g0",),), "p1": (("g2",),)}, "release": means}
    plain = linked(means, gallery, "informed", informed).scores
    assert plain.argmax(axis=1).tolist() != [1, 3]
    back = linked(means, gallery, "informed", informed, difference="exchange").scores
    assert back.argmax(axis=1).tolist() == [1, 3]


def test_weighed_finds_the_last_member_of_a_moved_mean_and_others_looks_at_no_probe() -> None:
    rng = np.random.default_rng(8)
    ids = tuple(f"g{n}" for n in range(24))
    table = rng.standard_normal((24, 32)).astype(np.float32)
    for group in range(6):
        table[4 * group : 4 * group + 4] += 1.2 * rng.standard_normal(32).astype(np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    attacker = NearestFace.__new__(NearestFace)
    there = np.ones(24, bool)
    attacker._known, attacker._ids = (View(table, there),), ids
    moved = np.array([table[4 * g : 4 * g + 4].mean(axis=0) for g in range(6)]) + 0.5 * rng.standard_normal((6, 32)) / np.sqrt(32)
    moved = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    places = [[[4 * g], [4 * g + 1], [4 * g + 2]] for g in range(6)]
    last = [4 * g + 3 for g in range(6)]
    got = {}
    for difference in ("weighed", "others"):
        attacker._params = NearestFaceParams(difference=difference)
        attacker._briefing = Briefing(
            "informed", True, np.zeros((5, 2), np.float32), FaceSet(ids, np.zeros((24, 4, 4, 3), np.uint8))
        )
        scores = attacker._weighed((View(moved, np.ones(6, bool)),), places)
        for row, members in enumerate(places):
            scores[row, [m for member in members for m in member]] = -9
        got[difference] = int((scores.argmax(axis=1) == last).sum())
        blind = attacker._weighed((View(moved[::-1].copy(), np.ones(6, bool)),), places)
        for row, members in enumerate(places):
            blind[row, [m for member in members for m in member]] = -9
        assert (difference == "others") == np.array_equal(scores, blind)
    assert got["weighed"] >= got["others"]
    assert got["weighed"] >= 5
