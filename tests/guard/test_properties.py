"""The gates over random partitions, pictures and orders of failure: what they let pass holds, counted by other means."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from examples import NAMES, docstring_code, listed, planned
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deidframe.contract import FaceSet, ReleaseRefused
from deidframe.contract.roles import VERBS
from deidframe.engine.run import run
from deidframe.guard.accounting import account
from deidframe.guard.certificate import Evidence, certify
from deidframe.guard.groups import check_groups
from deidframe.guard.guises import Originals
from deidframe.guard.hygiene import decode_jpeg, encode_jpeg
from deidframe.guard.release import Promise, Release
from deidframe.record.release import release_folders

FACES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=24)
"""A face's person, group and file."""


@settings(max_examples=300, deadline=None)
@given(FACES, st.integers(2, 4))
def test_a_certificate_says_no_more_than_a_count_by_hand(faces: list[tuple[int, int, int]], k: int) -> None:
    ids = tuple(f"f{n}" for n in range(len(faces)))
    people = {face: f"p{person}" for face, (person, _, _) in zip(ids, faces, strict=True)}
    groups = {face: group for face, (_, group, _) in zip(ids, faces, strict=True)}
    digests = {face: f"d{file}" for face, (_, _, file) in zip(ids, faces, strict=True)}
    stack = FaceSet(ids, np.zeros((len(ids), 2, 2, 3), np.uint8), None, tuple(people.values()))
    release = Release("m", stack, stack, {}, Promise(k), {face: f"{face}.jpg" for face in ids}, digests, groups=groups)
    behind, shown = defaultdict(set), defaultdict(set)
    for face in ids:
        behind[digests[face]].add(people[face])
        shown[groups[face]].add(digests[face])
    fewest = min(map(len, behind.values()))
    good = fewest >= k and all(len(files) == 1 for files in shown.values())
    seen = Evidence(len(ids), len(ids), len(ids))
    try:
        made = certify(release, account(ids, ids, {}, {}, "m"), seen)
    except ReleaseRefused:
        assert not good
        return
    assert good
    assert (made.k_counted, made.people, made.pictures) == (fewest, len(set(people.values())), len(ids))
    assert (made.groups, made.distinct_pictures) == (len(shown), len(behind))


@settings(max_examples=300, deadline=None)
@given(FACES, st.integers(2, 4))
def test_groups_pass_only_with_k_people_each_and_nobody_twice(faces: list[tuple[int, int, int]], k: int) -> None:
    groups = {f"f{n}": group for n, (_, group, _) in enumerate(faces)}
    people = {f"f{n}": f"p{person}" for n, (person, _, _) in enumerate(faces)}
    members, homes = defaultdict(set), defaultdict(set)
    for face, group in groups.items():
        members[group].add(people[face])
        homes[people[face]].add(group)
    good = all(len(one) >= k for one in members.values()) and all(len(one) == 1 for one in homes.values())
    try:
        counts = check_groups(groups, people, k, "m")
    except ReleaseRefused:
        assert not good
        return
    assert good
    assert counts == {group: len(one) for group, one in members.items()}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=0, max_size=12), st.lists(st.integers(0, 7)), st.lists(st.integers(0, 7)))
def test_an_account_closes_only_where_each_is_in_one_place(every: list[int], out: list[int], held: list[int]) -> None:
    ids, released, withheld = [f"{n}" for n in set(every)], [f"{n}" for n in out], {f"{n}": "why" for n in held}
    good = len(set(released)) == len(released) and not set(released) & set(withheld)
    good = good and set(released) | set(withheld) == set(ids)
    try:
        made = account(ids, released, withheld, {}, "m")
    except ReleaseRefused:
        assert not good
        return
    assert good
    assert made.total == made.released + made.withheld + made.failed


def nobody(seed: int) -> np.ndarray:
    """Return a picture with contours and colours of its own."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    return cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_CUBIC)


MANY = [nobody(seed) for seed in range(40)]
HELD = Originals(MANY, [str(n) for n in range(len(MANY))])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 39), st.integers(0, 3), st.booleans(), st.booleans(), st.integers(-20, 20))
def test_an_original_is_seen_however_it_is_turned(which: int, turns: int, mirrored: bool, inverted: bool, lighter: int) -> None:
    shown = np.rot90(MANY[which][:, ::-1] if mirrored else MANY[which], turns)
    shown = np.clip(shown.astype(int) + lighter, 0, 255).astype(np.uint8)
    shown = 255 - shown if inverted else shown
    assert HELD.shown_by(decode_jpeg(encode_jpeg(np.ascontiguousarray(shown))))


@settings(max_examples=60, deadline=None)
@given(st.integers(1000, 100_000))
def test_a_picture_of_nobody_in_the_database_is_not_taken_for_one(seed: int) -> None:
    assert not HELD.shown_by(nobody(seed))


@pytest.mark.parametrize("role", ["encoder", "clusterer", "outlier-handler", "anonymizer", "synthesizer", "redactor", "attacker"])
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    after=st.integers(0, 3),
    how=st.sampled_from(["raise ValueError('x')", "raise MemoryError", "raise SystemExit(0)", "return None"]),
)
def test_whatever_fails_and_when_what_is_released_is_on_record_and_whole(role: str, after: int, how: str) -> None:
    before, found, rest = docstring_code(role).partition(f"    def {VERBS[role][1]}(")
    assert found
    signature, _, body = rest.partition("\n")
    count = f"        self.calls = getattr(self, 'calls', -1) + 1\n        if self.calls == {after}:\n            {how}\n"
    code = f"{before}    def {VERBS[role][1]}({signature}\n{count}{body}"
    with TemporaryDirectory() as name:
        folder = Path(name)
        outcome = run(planned(folder, listed(role, NAMES[role], code)), folder / "run")
        rows = [json.loads(line) for line in (folder / "run" / "cells.jsonl").read_text().splitlines()]
        ok = {row["slug"] for row in rows if not row["attack"] and row["status"] == "ok"}
        assert {path.name for path in release_folders(folder / "run")} == ok
        assert not list(folder.glob("run/private/staged/*"))
        for cell in outcome.cells:
            if not cell.attack:
                assert cell.total == cell.released + cell.withheld + cell.failed
