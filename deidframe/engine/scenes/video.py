"""Cover every face of a video in every frame, and check the decoded file that is to be released."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.errors import UnreadablePhoto
from deidframe.contract.photos import Photos
from deidframe.engine.intake.crops import SIZE
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.checks import HALF, NO_FACE, STILL_A_FACE, Wanted, Withheld, faces_of, found_again, outside
from deidframe.engine.scenes.covers import Face
from deidframe.engine.scenes.film_plan import FilmPlan, Late
from deidframe.engine.scenes.look import Looker, Sighted
from deidframe.engine.scenes.segments import draw_segments, segment_length
from deidframe.engine.scenes.tracks import EXTENDED, FILLED, SEEN, SMALL, Sightings, Tracks, shots_of, small, track
from deidframe.engine.scenes.video_files import Frame, Info, info_of, join, read
from deidframe.guard.bare_video import bare_mp4
from deidframe.record.write import write_bytes

BATCH = 16
"""Frames that a detector is given together."""
TRACKS = "tracks.csv"
REPAIRS = 5
"""How often what shows in the released file is covered further: a hand that is taken for a face here and there costs one each."""
HELD = 1024
"""Frames whose sightings are held one by one."""
WIDE, MOST_SHOWN = 480, 200
"""Width of a frame in a preview, and how many are shown at most."""


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
        drawn: face-frames over which the surrogate of a group is drawn.
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
    drawn: int = 0


@dataclass(frozen=True)
class Looked:
    """What was seen in the frames of a video.

    Args:
        seen: sightings.
        shots: first frame of each shot.
        damaged: frames that the decoder calls damaged.
        times: of all frames, in seconds.
    """

    seen: Sightings
    shots: NDArray[np.int64]
    damaged: set[int]
    times: list[Fraction]


@dataclass(frozen=True)
class Watch:
    """Faces to be cut out of the released file, as somebody would who has nothing else.

    Args:
        rows: row of the tracks -> place among the faces.
        faces: `(V, 256, 256, 3)`, written here.
        marks: `(V, 5, 2)` landmarks in them; again: `(V,)` whether a detector found the face; both written here.
    """

    rows: Mapping[int, int]
    faces: NDArray[np.uint8]
    marks: NDArray[np.float32]
    again: NDArray[np.bool_]

    def take(self, picture: NDArray[np.uint8], rows: range, faces: Sequence[Face], shown: Sighted) -> None:
        """Cut the watched faces of one released frame."""
        again = found_again(faces, shown)
        for n, row in enumerate(rows):
            place = self.rows.get(row)
            if place is None:
                continue
            found = again[n]
            marks = faces[n].landmarks if found is None else found
            try:
                matrix = align.similarity(marks, align.template(SIZE))
            except ValueError:
                matrix = align.similarity(faces[n].landmarks, align.template(SIZE))
            self.faces[place] = align.warp(picture, matrix, SIZE)
            self.marks[place], self.again[place] = align.apply(matrix, marks), found is not None


def cover_video(
    path: Path,
    target: Path,
    work: Path,
    lookers: Sequence[Looker],
    wanted: Wanted,
    reporter: Reporter,
    *,
    sound: bool = True,
    named: str = "",
) -> VideoCount:
    """Cover a video into a new file.

    Args:
        path: the video.
        target: the file to be released; written last, whole or not at all.
        work: private folder of this video, kept until the run is over: what was seen, and finished segments.
        lookers, wanted: as for photos.
        sound: is kept as it is; voices are told by it.
        named: id of the video, for lists.

    Raises:
        Withheld: nobody is seen, a face shows in the end, the cover reads what it covers, or frames or times have changed.
        UnreadablePhoto: it is no video.
    """
    info = info_of(path)
    looked = look_through(path, work, info, lookers, reporter)
    tracks = track(looked.seen, looked.shots)
    plan = FilmPlan(tracks, looked.seen.count)
    return draw_video(path, target, work, info, looked, tracks, plan, lookers, wanted, reporter, sound=sound, named=named)


def draw_video(
    path: Path,
    target: Path,
    work: Path,
    info: Info,
    looked: Looked,
    tracks: Tracks,
    plan: FilmPlan,
    lookers: Sequence[Looker],
    wanted: Wanted,
    reporter: Reporter,
    *,
    sound: bool = True,
    watch: Watch | None = None,
    named: str = "",
) -> VideoCount:
    """Draw what is planned into a new file, look at it again as it is released, and repair what shows.

    Args:
        work: for finished segments, and the list of tracks.
        info, looked, tracks: of the video.
        plan: what is covered or drawn.
        watch: faces to be cut out of the released file.
        named: id of the video, for lists.

    Raises:
        Withheld: nobody is seen, a face shows in the end, the cover reads what it covers, or frames or times have changed.
    """
    seen, damaged, before = looked.seen, looked.damaged, looked.times
    if not len(seen.frame) and not wanted.allow_faceless:
        raise Withheld(NO_FACE)
    extra: list[Late] = []
    repaired = 0
    length = segment_length(info)
    checked_frames = np.zeros(seen.count, bool)
    for attempt in range(REPAIRS + 1):
        plan = plan.with_extra(extra) if extra else plan
        segments, checked = draw_segments(path, work, info, plan, damaged, wanted, reporter, attempt)
        join(segments, path, target, info, sound=sound)
        found, after = look_at_released(target, plan, checked_frames, lookers, reporter, watch)
        if not found:
            break
        repaired += len(found)
        if attempt == REPAIRS:
            target.unlink()
            raise Withheld(STILL_A_FACE)
        more = [Late(n, one.box, one.landmarks) for one in found for n in one.around(seen.count)]
        for number in {one.frame // length for one in more}:  # the others are the same packets, and were looked at
            checked_frames[number * length : (number + 1) * length] = False
        extra += more
    if before != after:
        target.unlink()
        raise Withheld(f"{len(before)} frames came in and {len(after)} would go out, or their times differ")
    if not bare_mp4(target):
        target.unlink()
        raise Withheld("the written file holds more than pictures and sound")
    _write_tracks(work / TRACKS, named or path.name, tracks, plan.fit, extra, before)
    sighted, filled, extended = (int((tracks.kind == kind).sum()) for kind in (SEEN, FILLED, EXTENDED))
    return VideoCount(
        seen.count,
        len(damaged),
        sighted,
        filled,
        extended,
        len(np.unique(tracks.track)),
        repaired,
        sum(not plan.rows(frame) for frame in range(seen.count)) - len({one.frame for one in extra if not plan.rows(one.frame)}),
        checked,
        int(checked_frames.sum()),
        info.sound[0] if sound else 0,
        info.left_out if sound or not info.sound[1] else (*info.left_out, f"{info.sound[1]} streams of sound, as asked"),
        int(plan.fit[~np.isin(tracks.frame, list(damaged))].sum()),
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
    path: Path, name: str, tracks: Tracks, fit: NDArray[np.bool_], extra: Sequence[Late], times: Sequence[Fraction]
) -> None:
    """Write where every covered face is in every frame, for audits."""
    kinds = {SEEN: "seen", FILLED: "between sightings", EXTENDED: "beyond sightings"}
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["video", "frame", "seconds", "track", "x0", "y0", "x1", "y1", "how", "done"])
    columns = (tracks.frame, tracks.track, tracks.boxes, tracks.kind, fit)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    every = [(frame, number, box, kinds[kind], "drawn over" if drawn else "covered") for frame, number, box, kind, drawn in rows]
    every += [(one.frame, "", one.box.tolist(), "seen in the released file", "covered") for one in extra]
    for frame, number, box, how, done in sorted(every, key=lambda row: (row[0], str(row[1]))):
        lines.writerow([name, frame, f"{float(times[frame]):.4f}", number, *(round(value, 1) for value in box), how, done])
    write_bytes(path, out.getvalue().encode("utf-8", "surrogateescape"), private=True)


def look_through(path: Path, work: Path, info: Info, lookers: Sequence[Looker], reporter: Reporter) -> Looked:
    """Look at every frame once; what was seen is kept in `work` for a run that goes on."""
    kept = work / "seen.npz"
    if kept.exists():
        with np.load(kept) as held:
            seen = Sightings(held["frame"], held["boxes"], held["landmarks"], held["scores"], int(held["count"]))
            times = [time * info.time_base for time in held["times"].tolist()]
            return Looked(seen, held["shots"], set(held["damaged"].tolist()), times)
    frames: list[NDArray[np.int64]] = []
    parts: list[Sighted] = []
    thumbs = bytearray()
    damaged: list[int] = []
    times_in: list[int] = []
    count = 0
    with reporter.task(f"look at {path.name}", info.about) as advance:
        for batch in _batches(read(path)):
            pictures = [frame.planes.rgb() for frame in batch]
            for frame, faces in zip(batch, look_at(pictures, lookers), strict=True):
                frames.append(np.full(len(faces), frame.number, np.int64))
                parts.append(faces)
                if len(parts) == HELD:  # a thousand small objects are one large one from now on
                    parts, frames = [_one(parts)], [np.concatenate(frames)]
            for frame, picture in zip(batch, pictures, strict=True):
                thumbs += small(frame.planes.y if frame.planes.bits == 8 else picture).tobytes()
            damaged += [frame.number for frame in batch if frame.damaged]
            times_in += [frame.time for frame in batch]
            count += len(batch)
            advance(len(batch))
    if not count:
        raise UnreadablePhoto("no frame of it can be decoded")
    whole = _one(parts)
    boxes, marks, scores = whole.boxes, whole.landmarks, whole.scores
    seen = Sightings(np.concatenate([np.zeros(0, np.int64), *frames]), boxes, marks, scores, count)
    shots = shots_of(np.frombuffer(thumbs, np.uint8).reshape(count, SMALL[1], SMALL[0]))
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
    return Looked(seen, shots, set(damaged), [time * info.time_base for time in times_in])


def _one(parts: Sequence[Sighted]) -> Sighted:
    """Return the faces of many frames as one, without who saw them."""
    whole = [Sighted.none(), *parts]
    boxes, marks, scores = (np.concatenate([getattr(part, name) for part in whole]) for name in ("boxes", "landmarks", "scores"))
    return Sighted(boxes, marks, scores, ())


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
    if not pictures:
        return []
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


def look_at_released(
    target: Path,
    plan: FilmPlan,
    looked: NDArray[np.bool_],
    lookers: Sequence[Looker],
    reporter: Reporter,
    watch: Watch | None = None,
) -> tuple[list[Late], list[Fraction]]:
    """Return the faces that detectors see in the decoded file outside of what was drawn, and the times of all its frames.

    Args:
        looked: `(F,)` frames that were looked at as they are now; the others are, and are noted here.
        watch: faces to be cut out.
    """
    found, base, times = list[Late](), info_of(target).time_base, list[Fraction]()
    with reporter.task(f"look again at {target.name}", len(plan)) as advance:
        for batch in _batches(read(target)):
            fresh = [frame for frame in batch if frame.number < len(looked) and not looked[frame.number]]
            pictures = [one.planes.rgb() for one in fresh]
            for frame, picture, faces in zip(fresh, pictures, look_at(pictures, lookers, eager=False), strict=True):
                looked[frame.number] = True
                if watch is not None:
                    watch.take(picture, plan.rows(frame.number), plan[frame.number], faces)
                if len(faces):
                    regions = [face.region for face in plan[frame.number]]
                    shown = outside(faces, regions, frame.planes.shape, HALF)
                    found += [Late(frame.number, shown.boxes[n], shown.landmarks[n]) for n in range(len(shown))]
            times += [frame.time * base for frame in batch]
            advance(len(batch))
    return found, times
