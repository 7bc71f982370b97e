"""Segments of a video: the unit of drawing, of encoding, and of what a kill costs."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.checks import Wanted, check_cover
from deidframe.engine.scenes.covers import Face
from deidframe.engine.scenes.feed import Feed
from deidframe.engine.scenes.film_plan import FilmPlan
from deidframe.engine.scenes.frames import Planes
from deidframe.engine.scenes.regions import Region
from deidframe.engine.scenes.video_files import Frame, Info, read, write_segment

SECONDS = 3
"""Of a segment."""
CHECKED = 50
"""Of a blind cover the first covered frame of a segment is checked, and every so-manieth after it; of another one every frame."""


def draw_segments(
    path: Path,
    work: Path,
    info: Info,
    plan: FilmPlan,
    damaged: set[int],
    wanted: Wanted,
    reporter: Reporter,
    attempt: int,
) -> tuple[list[Path], int]:
    """Write the segments that are not there yet; those of an earlier attempt whose plan is the same are taken over.

    Args:
        work: where they lie, with a note beside each: its plan, and how many frames of it were checked.
        plan: what is covered in each frame.
        damaged: frames that are covered whole.
        attempt: number of this one.

    Returns:
        Their paths, in order, and of how many frames it was checked that the cover did its work.

    Raises:
        Withheld: it did not.
    """
    length, paths, checked = segment_length(info), list[Path](), 0
    with reporter.task(f"cover {path.name}", len(plan)) as advance:
        for number, frames in enumerate(_cut(read(path), length)):
            target = work / f"segment-{attempt}-{number:06d}.nut"
            mark = _mark(plan, range(number * length, min(len(plan), (number + 1) * length)))
            earlier = work / f"segment-{attempt - 1}-{number:06d}.nut"
            told = _told(target, mark)
            if told is None and (told := _told(earlier, mark)) is not None:
                target.unlink(missing_ok=True)
                target.hardlink_to(earlier)
            if told is None:
                told = _draw(target, info, frames, plan, damaged, wanted, advance)
            else:
                advance(sum(1 for _ in frames))
            target.with_suffix(".json").write_text(json.dumps({"plan": mark, "checked": told}), "utf-8")
            paths.append(target)
            checked += told
    return paths, checked


def segment_length(info: Info) -> int:
    """Return the frames of a segment."""
    return max(1, round(SECONDS * float(info.rate)))


def _told(segment: Path, mark: str) -> int | None:
    """Return how many frames of a finished segment were checked, None where it is not there or of another plan."""
    note = segment.with_suffix(".json")
    if not segment.exists() or not note.exists():
        return None
    told = json.loads(note.read_text("utf-8"))
    return int(told["checked"]) if told["plan"] == mark else None


def _draw(
    target: Path,
    info: Info,
    frames: Iterator[Frame],
    plan: FilmPlan,
    damaged: set[int],
    wanted: Wanted,
    advance: Callable[[int], None],
) -> int:
    """Draw and encode one segment, and return how many of its frames were checked."""
    drawn = checked = 0
    with Feed(functools.partial(write_segment, target, info)) as feed:
        for frame in frames:
            faces = () if frame.number in damaged else plan[frame.number]
            check = bool(faces) and (not wanted.blind or drawn % CHECKED == 0)
            feed.put((frame.time, _covered(frame, faces, wanted, damaged=frame.number in damaged, check=check)))
            drawn, checked = drawn + bool(faces), checked + check
            advance(1)
    return checked


def _mark(plan: FilmPlan, frames: range) -> str:
    """Return a text that changes when what is drawn in these frames would."""
    digest = hashlib.sha256()
    for frame in frames:
        faces = plan[frame]
        digest.update(len(faces).to_bytes(4, "big"))
        for face in faces:
            digest.update(face.told())
    return digest.hexdigest()


def _cut(frames: Iterator[Frame], length: int) -> Iterator[Iterator[Frame]]:
    """Yield the frames of each segment; one is to be read to its end before the next."""
    ended = False

    def some(first: Frame) -> Iterator[Frame]:
        nonlocal ended
        yield first
        for _ in range(length - 1):
            frame = next(frames, None)
            if frame is None:
                ended = True
                return
            yield frame

    while not ended:
        first = next(frames, None)
        if first is None:
            return
        yield some(first)


def _covered(frame: Frame, faces: Sequence[Face], wanted: Wanted, *, damaged: bool, check: bool) -> Planes:
    """Return a frame with its faces covered; a damaged one is covered whole.

    Raises:
        Withheld: it is to be checked, and the cover did not do its work.
    """
    if damaged:
        height, width = frame.planes.y.shape
        everything = Region(width / 2, height / 2, float(width), float(height))
        return frame.planes.with_regions(np.full((height, width, 3), 127, np.uint8), [everything])
    if not faces:
        return frame.planes
    picture = frame.planes.rgb()
    drawn = picture.copy()
    wanted.cover(drawn, faces)
    if check:
        check_cover(picture, drawn, faces, wanted)
    return frame.planes.with_regions(drawn, [face.region for face in faces])
