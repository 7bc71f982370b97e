"""Faces through time: gaps are filled, ends drawn out, cuts not crossed; and on made clips next to nothing leaks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from clips import CLIPS, HEIGHT, WIDTH, Clip, draw, faces, inner

from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.runtime.progress import Quiet
from deidframe.engine.scenes.covers import union_of
from deidframe.engine.scenes.look import Looker
from deidframe.engine.scenes.regions import Region
from deidframe.engine.scenes.tracks import EXTENDED, FILLED, SEEN, Sightings, shots_of, small, track
from deidframe.engine.scenes.video import look_at
from deidframe.engine.tools.scenes import step_of

LEAST = 0.5
"""A face of whose inner part less is covered has leaked."""


def sightings(rows: list[tuple[int, float, float]], count: int) -> Sightings:
    """Frame, left side and score of boxes of 40 pixels."""
    boxes = np.array([(x, 50, x + 40, 100) for _, x, _ in rows], np.float32).reshape(-1, 4)
    marks = boxes[:, None, :2] + np.array([(12, 18), (28, 18), (20, 28), (13, 38), (27, 38)], np.float32)
    frame = np.array([n for n, _, _ in rows], np.int64)
    return Sightings(frame, boxes, marks, np.array([score for _, _, score in rows], np.float32), count)


START = np.zeros(1, np.int64)


def test_a_gap_is_filled_from_both_ends_and_the_ends_drawn_out() -> None:
    made = track(sightings([(n, 4.0 * n, 0.9) for n in (10, 11, 12, 20, 21)], 60), START)
    assert len(np.unique(made.track)) == 1
    assert made.frame.tolist() == list(range(5, 27))
    kinds = dict(zip(made.frame.tolist(), made.kind.tolist(), strict=True))
    assert (kinds[12], kinds[15], kinds[5], kinds[26]) == (SEEN, FILLED, EXTENDED, EXTENDED)
    row = made.frame.tolist().index(16)
    assert made.boxes[row][0] < 64 < made.boxes[row][2] - 40 + 1  # around where it is on the straight line, and wider
    assert abs(float(made.boxes[made.frame.tolist().index(24)][[0, 2]].mean()) - (4 * 24 + 20)) < 4


def test_unsure_sightings_continue_a_track_and_begin_none_of_their_own() -> None:
    rows = [(n, 4.0 * n, 0.9 if n > 6 else 0.35) for n in range(3, 15)]
    made = track(sightings(rows, 40), START)
    assert len(np.unique(made.track)) == 1 and made.frame.min() == 0
    alone = track(sightings([(20, 100.0, 0.35)], 40), START)
    assert alone.frame.tolist() == [19, 20, 21]  # covered all the same, and its neighbours


def test_a_track_crosses_no_cut() -> None:
    made = track(sightings([(n, 100.0, 0.9) for n in range(10, 20)], 30), np.array([0, 15], np.int64))
    assert len(np.unique(made.track)) == 2
    first = made.track == made.track[0]
    assert made.frame[first].max() == 14
    for one in np.unique(made.track):
        frames = np.sort(made.frame[made.track == one])
        assert np.array_equal(frames, np.arange(frames[0], frames[-1] + 1))


def test_two_faces_that_pass_each_other_are_two() -> None:
    rows = sorted([(n, 5.0 * n, 0.9) for n in range(30)] + [(n, 300.0 - 5 * n, 0.9) for n in range(30)])
    assert len(np.unique(track(sightings(rows, 30), START).track)) == 2


def test_nobody_gives_nothing() -> None:
    made = track(sightings([], 30), START)
    assert len(made.frame) == 0 and made.boxes.shape == (0, 4)


def test_cuts_are_found_and_flashes_are_none() -> None:
    rng = np.random.default_rng(1)
    scenes = [rng.integers(0, 255, (36, 64)).astype(np.uint8) for _ in range(3)]
    frames = np.stack([scenes[n // 10] for n in range(30)])
    assert shots_of(frames).tolist() == [0, 10, 20]
    frames[15] = rng.integers(0, 255, (36, 64))
    assert shots_of(frames).tolist() == [0, 10, 20]
    assert shots_of(frames[:0]).tolist() == []
    assert small(np.zeros((100, 200, 3), np.uint8)).shape == (36, 64)


def leaked(clip: Clip, detectors: list[Looker], *, through: bool) -> tuple[int, int]:
    """Return face-frames that leak and all of them, with each frame on its own or through tracks."""
    frames = list(draw(clip, faces()))
    seen = [one for start in range(0, len(frames), 16) for one in look_at(frames[start : start + 16], detectors)]
    number = np.concatenate([np.full(len(one), n, np.int64) for n, one in enumerate(seen)])
    boxes, marks, scores = (np.concatenate([getattr(one, name) for one in seen]) for name in ("boxes", "landmarks", "scores"))
    whole = Sightings(number, boxes, marks, scores, len(frames))
    if through:
        made = track(whole, shots_of(np.stack([small(frame) for frame in frames])))
        number, boxes, marks = made.frame, made.boxes, made.landmarks
    bad = total = 0
    for n, shown in enumerate(clip.frames):
        regions = [Region.of(box, mark) for box, mark in zip(boxes[number == n], marks[number == n], strict=True)]
        union = union_of((HEIGHT, WIDTH, 3), regions)
        for one in shown:
            total += 1
            bad += float(union[inner(one)].mean()) < LEAST
    return bad, total


def test_on_made_clips_next_to_nothing_leaks() -> None:
    pytest.importorskip("deidframe_people")
    detectors = [Looker.of(ComponentPool(0, None, Path(tempfile.mkdtemp()), Quiet()), step_of("detector", "yunet"))]
    alone = [leaked(clip, detectors, through=False) for clip in CLIPS]
    tracked = {clip.name: leaked(clip, detectors, through=True) for clip in CLIPS}
    print({clip.name: one for clip, one in zip(CLIPS, alone, strict=True)}, tracked)
    total = sum(count for _, count in alone)
    assert sum(bad for bad, _ in tracked.values()) <= 0.005 * total, tracked
    assert sum(bad for bad, _ in tracked.values()) < max(1, sum(bad for bad, _ in alone)), (alone, tracked)
