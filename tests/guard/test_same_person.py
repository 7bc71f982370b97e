"""One person under two labels, somebody else's picture under a label; on made-up encodings and, where they are, real faces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from deidframe.contract import SamePerson
from deidframe.guard import same_person
from deidframe.guard.same_person import ALIKE, ONE_FACE, ONE_FILE, Doubt, look, merged

KNOWN = SamePerson(5.0, (0.45, 0.51, 0.51), 0.75, 0.28, 0.34, ((7, 1.3), (9, 1.3), (9, 0.9)), "made up")


def crowd(people: int, pictures: int, seed: int = 1, alike: float = 0.0) -> tuple[np.ndarray, list[str]]:
    """Unit encodings of people; `alike` is what all of them have in common."""
    rng = np.random.default_rng(seed)
    common = alike * rng.standard_normal(128)
    centres = rng.standard_normal((people, 128)) + common
    rows = np.repeat(centres, pictures, axis=0) + 0.75 * rng.standard_normal((people * pictures, 128))
    labels = [f"p{n:04d}" for n in range(people) for _ in range(pictures)]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def split(labels: list[str], of: set[str]) -> list[str]:
    """Give each second picture of these people another label."""
    seen: dict[str, int] = {}
    out = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        out.append(f"{label}/b" if label in of and seen[label] % 2 == 0 else label)
    return out


@pytest.mark.parametrize(("people", "alike"), [(4, 0.0), (12, 0.0), (12, 1.0), (60, 0.0), (60, 1.0)])
def test_people_under_two_labels_are_found_and_no_others(people: int, alike: float) -> None:
    vectors, labels = crowd(people, 6, alike=alike)
    assert look(vectors, labels, [""] * len(labels), KNOWN).doubts == ()
    of = set(sorted(set(labels))[:3])
    seen = look(vectors, split(labels, of), [""] * len(labels), KNOWN)
    assert {(one.a, one.b) for one in seen.doubts} == {(label, f"{label}/b") for label in of}
    assert seen.labels == people + 3
    assert seen.exact


def test_a_picture_of_somebody_else_is_a_stray_and_no_doubt() -> None:
    vectors, labels = crowd(40, 4)
    vectors[0] = vectors[labels.index("p0007")]
    seen = look(vectors, labels, [""] * len(labels), KNOWN)
    assert seen.strays == (0,)
    assert seen.doubts == ()


def test_of_two_pictures_that_differ_both_are_strays() -> None:
    vectors, labels = crowd(40, 2)
    vectors[1] = vectors[20]
    assert look(vectors, labels, [""] * len(labels), KNOWN).strays == (0, 1)


def test_the_same_file_and_the_same_face_are_doubts_whatever_the_means_say() -> None:
    vectors, labels = crowd(40, 5)
    marks = [str(n) for n in range(len(labels))]
    marks[0] = marks[199]
    (one,) = look(vectors, labels, marks, KNOWN).doubts
    assert (one.a, one.b, one.why) == ("p0000", "p0039", ONE_FILE)
    # a copy beside one other picture that looks like both people: not unlike enough to be a stray
    half = vectors[0] + vectors[199]
    vectors, labels = np.concatenate([vectors, vectors[:1], half[None] / np.linalg.norm(half)]), [*labels, "copy", "copy"]
    seen = look(vectors, labels, [""] * len(labels), KNOWN)
    assert ("copy", "p0000") in {(one.a, one.b) for one in seen.doubts}
    assert ONE_FACE in {one.why for one in seen.doubts}


def test_beyond_so_many_rows_neighbours_are_compared_and_the_pairs_are_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = crowd(500, 4)
    of = set(sorted(set(labels))[:50])
    every = look(vectors, split(labels, of), [""] * len(labels), KNOWN)
    monkeypatch.setattr(same_person, "EXACT", 100)
    near = look(vectors, split(labels, of), [""] * len(labels), KNOWN)
    assert not near.exact
    found = {(one.a, one.b) for one in near.doubts}
    assert found <= {(one.a, one.b) for one in every.doubts}
    assert len(found) >= 48


def test_chains_are_merged_into_their_first() -> None:
    doubts = [Doubt(a, b, 0.8, ALIKE) for a, b in pairwise("dcba")]
    assert merged(["a", "b", "c", "d", "e"], doubts) == ("a", "a", "a", "a", "e")


def test_nothing_and_one_label() -> None:
    vectors, labels = crowd(1, 3)
    assert look(vectors, labels, ["", "", ""], KNOWN).doubts == ()
    empty = look(np.zeros((0, 128), np.float32), [], [], KNOWN)
    assert (empty.doubts, empty.strays, empty.labels) == ((), (), 0)


def test_many_labels_raise_no_alarm_by_chance_and_the_share_that_is_noticed_says_so() -> None:
    few = look(*crowd(40, 1), [""] * 40, KNOWN).found
    vectors, labels = crowd(6000, 1)
    seen = look(vectors, labels, [""] * len(labels), KNOWN)
    assert seen.doubts == ()
    assert 0.8 < seen.found < few < 0.96
