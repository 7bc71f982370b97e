"""Cover every face of a video in every frame, and check the decoded file that is to be released."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import UnreadablePhoto
from deidframe.contract.photos import Photos
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.covers import Face
from deidframe.engine.scenes.feed import Feed
from deidframe.engine.scenes.frames import Planes
from deidframe.engine.scenes.look import Looker, Sighted
from deidframe.engine.scenes.photos import HALF, NO_FACE, STILL_A_FACE, Wanted, Withheld, check_cover, faces_of, outside
from deidframe.engine.scenes.regions import Region
from deidframe.engine.scenes.tracks import EXTENDED, FILLED, SEEN, Sightings, Tracks, shots_of, small, track
from deidframe.engine.scenes.video_files import Frame, Info, info_of, join, read, write_segment
from deidframe.guard.bare_video import bare_mp4
from deidframe.record.write import write_bytes

BATCH = 16
"""Frames that a detector is given together."""
SECONDS = 10
"""Of a segment: the unit of work, and of what a kill costs."""
CHECKED = 50
"""Of a blind cover the first covered frame of a segment is checked, and every so-manieth after it; of another one every frame."""
REPAIRS = 2
TRACKS = "tracks.csv"
WIDE, MOST_SHOWN = 480, 200
"""Width of a frame in a preview, and how many are shown at most."""
AROUND = 2
"""Frames before and after one in which a face was seen afterwards that are covered with it."""


@dataclass(frozen=True)
class VideoCount:
    """What was counted of one video.

    Args:
        frames, damaged: in and out; those that the decoder calls damaged are covered whole.
        sighted, filled, extended: face-frames that were covered, by how they were known.
        tracks: faces through time.
        repaired: face-frames that were seen only in the released file and covered then.
        faceless: frames without any.
        checked: frames of which it was checked that the cover did its work.
        looked_again: frames of the released file that were looked at.
        sound: streams of sound that were kept.
        left_out: what of the file is not in the release.
    """

    frames: int
    damaged: int
    sighted: int
    filled: int
    extended: int
    tracks: int
    repaired: int
    faceless: int
    checked: int
    looked_again: int
    sound: int
    left_out: tuple[str, ...]


def cover_video(
    path: Path, target: Path, work: Path, lookers: Sequence[Looker], wanted: Wanted, reporter: Reporter, *, sound: bool = True
) -> VideoCount:
    """Cover a video into a new file.

    Args:
        path: the video.
        target: the file to be released; written last, whole or not at all.
        work: private folder of this video, kept until the run is over: what was seen, and finished segments.
        lookers, wanted: as for photos.
        sound: is kept as it is; voices are told by it.

    Raises:
        Withheld: nobody is seen, a face shows in the end, the cover reads what it covers, or frames or times have changed.
        UnreadablePhoto: it is no video.
    """
    info = info_of(path)
    seen, shots, damaged, before = look_through(path, work, info, lookers, reporter)
    if not len(seen.frame) and not wanted.allow_faceless:
        raise Withheld(NO_FACE)
    tracks = track(seen, shots)
    extra: list[tuple[int, NDArray[np.float32], NDArray[np.float32]]] = []
    repaired = 0
    for attempt in range(REPAIRS + 1):
        plan = _by_frame(tracks, extra, seen.count)
        checked = _segments(path, work, info, plan, damaged, wanted, reporter, attempt)
        segments = sorted(work.glob(f"segment-{attempt}-*.nut"))
        join(segments, path, target, info, sound=sound)
        found, after = look_at_released(target, plan, lookers, reporter)
        if not found:
            break
        repaired += len(found)
        if attempt == REPAIRS:
            target.unlink()
            raise Withheld(STILL_A_FACE)
        for frame, box, marks in found:
            extra += [(n, box, marks) for n in range(max(0, frame - AROUND), min(seen.count, frame + AROUND + 1))]
    if before != after:
        target.unlink()
        raise Withheld(f"{len(before)} frames came in and {len(after)} would go out, or their times differ")
    if not bare_mp4(target):
        target.unlink()
        raise Withheld("the written file holds more than pictures and sound")
    _write_tracks(work / TRACKS, tracks, extra, before)
    sighted, filled, extended = (int((tracks.kind == kind).sum()) for kind in (SEEN, FILLED, EXTENDED))
    return VideoCount(
        seen.count,
        len(damaged),
        sighted,
        filled,
        extended,
        len(np.unique(tracks.track)),
        repaired,
        sum(not faces for faces in plan),
        checked,
        len(after),
        info.sound[0] if sound else 0,
        info.left_out if sound or not info.sound[1] else (*info.left_out, f"{info.sound[1]} streams of sound, as asked"),
    )


def preview(path: Path, every: int, lookers: Sequence[Looker], wanted: Wanted) -> NDArray[np.uint8]:
    """Return a contact sheet of every so-manieth frame as it would be covered, each seen on its own, four in a row.

    Raises:
        UnreadablePhoto: it is no video.
    """
    shown = []
    for frame in read(path):
        if frame.number % every:
            continue
        picture = frame.planes.rgb()
        (faces,) = look_at([picture], lookers)
        wanted.cover(picture, faces_of(faces))
        height = max(2, round(picture.shape[0] * WIDE / picture.shape[1]))
        shown.append(np.asarray(cv2.resize(picture, (WIDE, height), interpolation=cv2.INTER_AREA), np.uint8))
        if len(shown) == MOST_SHOWN:
            break
    blank = np.zeros_like(shown[0])
    shown += [blank] * (-len(shown) % 4)
    return np.concatenate([np.concatenate(shown[n : n + 4], axis=1) for n in range(0, len(shown), 4)])


def _write_tracks(
    path: Path, tracks: Tracks, extra: Sequence[tuple[int, NDArray[np.float32], NDArray[np.float32]]], times: Sequence[Fraction]
) -> None:
    """Write where every covered face is in every frame, for audits."""
    kinds = {SEEN: "seen", FILLED: "between sightings", EXTENDED: "beyond sightings"}
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["frame", "seconds", "track", "x0", "y0", "x1", "y1", "how"])
    rows = zip(tracks.frame.tolist(), tracks.track.tolist(), tracks.boxes.tolist(), tracks.kind.tolist(), strict=True)
    every = [(frame, number, box, kinds[kind]) for frame, number, box, kind in rows]
    every += [(frame, "", box.tolist(), "seen in the released file") for frame, box, _ in extra]
    for frame, number, box, how in sorted(every, key=lambda row: (row[0], str(row[1]))):
        lines.writerow([frame, f"{float(times[frame]):.4f}", number, *(round(value, 1) for value in box), how])
    write_bytes(path, out.getvalue().encode(), private=True)


def look_through(
    path: Path, work: Path, info: Info, lookers: Sequence[Looker], reporter: Reporter
) -> tuple[Sightings, NDArray[np.int64], set[int], list[Fraction]]:
    """Look at every frame once, and return also the times of all; what was seen is kept in `work` for a run that goes on."""
    kept = work / "seen.npz"
    if kept.exists():
        with np.load(kept) as held:
            seen = Sightings(held["frame"], held["boxes"], held["landmarks"], held["scores"], int(held["count"]))
            times = [time * info.time_base for time in held["times"].tolist()]
            return seen, held["shots"], set(held["damaged"].tolist()), times
    frames: list[NDArray[np.int64]] = []
    parts: list[Sighted] = []
    thumbs: list[NDArray[np.uint8]] = []
    damaged: list[int] = []
    times_in: list[int] = []
    count = 0
    with reporter.task(f"look at {path.name}", info.about) as advance:
        for batch in _batches(read(path)):
            pictures = [frame.planes.rgb() for frame in batch]
            for frame, faces in zip(batch, look_at(pictures, lookers), strict=True):
                frames.append(np.full(len(faces), frame.number, np.int64))
                parts.append(faces)
            thumbs += [
                small(frame.planes.y if frame.planes.bits == 8 else picture)
                for frame, picture in zip(batch, pictures, strict=True)
            ]
            damaged += [frame.number for frame in batch if frame.damaged]
            times_in += [frame.time for frame in batch]
            count += len(batch)
            advance(len(batch))
    if not count:
        raise UnreadablePhoto("no frame of it can be decoded")
    whole = [Sighted.none(), *parts]
    boxes, marks, scores = (np.concatenate([getattr(part, name) for part in whole]) for name in ("boxes", "landmarks", "scores"))
    seen = Sightings(np.concatenate([np.zeros(0, np.int64), *frames]), boxes, marks, scores, count)
    shots = shots_of(np.stack(thumbs))
    part = kept.with_suffix(".part.npz")
    np.savez(
        part,
        frame=seen.frame,
        boxes=boxes,
        landmarks=marks,
        scores=scores,
        count=count,
        shots=shots,
        damaged=np.array(damaged, np.int64),
        times=np.array(times_in, np.int64),
    )
    part.replace(kept)
    return seen, shots, set(damaged), [time * info.time_base for time in times_in]


def _batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def look_at(pictures: Sequence[NDArray[np.uint8]], lookers: Sequence[Looker], *, eager: bool = True) -> list[Sighted]:
    """Return the faces of each of several frames: every detector, in its first way to look."""
    names = tuple(str(n) for n in range(len(pictures)))
    photos = Photos.from_arrays(names, pictures)
    seen: list[list[Sighted]] = [[] for _ in pictures]
    for looker in lookers:
        ask = looker.eager[0] if eager and looker.eager else looker.plain
        found = ask(photos)
        place = np.array([int(one) for one in found.photo_ids], np.int64)
        for n in range(len(pictures)):
            rows = np.flatnonzero(place == n)
            seen[n].append(Sighted(found.boxes[rows], found.landmarks[rows], found.scores[rows], (looker.name,) * len(rows)))
    return [Sighted.joined(parts) for parts in seen]


def _by_frame(
    tracks: Tracks, extra: Sequence[tuple[int, NDArray[np.float32], NDArray[np.float32]]], count: int
) -> list[list[Face]]:
    """Return what is covered in each frame."""
    plan: list[list[Face]] = [[] for _ in range(count)]
    for frame, box, marks in zip(tracks.frame.tolist(), tracks.boxes, tracks.landmarks, strict=True):
        plan[frame].append(Face(Region.of(box, marks), marks))
    for frame, box, marks in extra:
        plan[frame].append(Face(Region.of(box, marks), marks))
    return plan


def _segments(
    path: Path,
    work: Path,
    info: Info,
    plan: Sequence[Sequence[Face]],
    damaged: set[int],
    wanted: Wanted,
    reporter: Reporter,
    attempt: int,
) -> int:
    """Write the segments that are not there yet; those of an earlier attempt whose plan is the same are taken over.

    Returns:
        How many frames were checked for blindness, over all segments.
    """
    length = max(1, round(SECONDS * float(info.rate)))
    checked = 0
    with reporter.task(f"cover {path.name}", len(plan)) as advance:
        for number, frames in enumerate(_cut(read(path), length)):
            target = work / f"segment-{attempt}-{number:06d}.nut"
            note = target.with_suffix(".json")
            mark = _mark(plan[number * length : (number + 1) * length])
            if target.exists() and note.exists() and json.loads(note.read_text())["plan"] == mark:
                checked += json.loads(note.read_text())["checked"]
                advance(sum(1 for _ in frames))
                continue
            before = work / f"segment-{attempt - 1}-{number:06d}.nut"
            if attempt and before.exists() and json.loads(before.with_suffix(".json").read_text())["plan"] == mark:
                told = json.loads(before.with_suffix(".json").read_text())
                target.hardlink_to(before)
            else:
                drawn = looked = 0
                with Feed(functools.partial(write_segment, target, info)) as feed:
                    for frame in frames:
                        faces = () if frame.number in damaged else plan[frame.number]
                        check = bool(faces) and (not wanted.blind or drawn % CHECKED == 0)
                        feed.put((frame.time, _covered(frame, faces, wanted, damaged=frame.number in damaged, check=check)))
                        drawn, looked = drawn + bool(faces), looked + check
                        advance(1)
                told = {"plan": mark, "checked": looked}
            checked += told["checked"]
            note.write_text(json.dumps(told), "utf-8")
            for _ in frames:  # what a segment that was taken over did not read
                pass
    return checked


def _mark(plan: Sequence[Sequence[Face]]) -> str:
    digest = hashlib.sha256()
    for faces in plan:
        digest.update(len(faces).to_bytes(4, "big"))
        for face in faces:
            region = face.region
            digest.update(
                np.array([region.x, region.y, region.across, region.down, region.angle]).tobytes() + face.landmarks.tobytes()
            )
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


def look_at_released(
    target: Path, plan: Sequence[Sequence[Face]], lookers: Sequence[Looker], reporter: Reporter
) -> tuple[list[tuple[int, NDArray[np.float32], NDArray[np.float32]]], list[Fraction]]:
    """Return the faces that detectors see in the decoded file outside of what was drawn, with their frames, and all times."""
    found, base, times = [], info_of(target).time_base, list[Fraction]()
    with reporter.task(f"look again at {target.name}", len(plan)) as advance:
        for batch in _batches(read(target)):
            pictures = [frame.planes.rgb() for frame in batch]
            for frame, faces in zip(batch, look_at(pictures, lookers, eager=False), strict=True):
                if len(faces):
                    planned = plan[frame.number] if frame.number < len(plan) else ()
                    shown = outside(faces, [face.region for face in planned], frame.planes.shape, HALF)
                    found += [(frame.number, shown.boxes[n], shown.landmarks[n]) for n in range(len(shown))]
            times += [frame.time * base for frame in batch]
            advance(len(batch))
    return found, times
