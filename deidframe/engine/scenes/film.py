"""One video as it was seen: its tracks, the mesh over each of their faces, and a few views of everybody."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.engine.intake.crops import SIZE, cover_bystander
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.look import Looker
from deidframe.engine.scenes.posed import SURE
from deidframe.engine.scenes.shapes import Mark, Shapes, cut_and_marked
from deidframe.engine.scenes.tracks import SEEN, Tracks, track
from deidframe.engine.scenes.video import Looked, look_through
from deidframe.engine.scenes.video_files import Info, info_of, read
from deidframe.record.write import write_bytes

VIEWS = 6
"""Views of a track by which it is told who is on it, spread over its time."""
LEAST_EYES = 8.0
"""Pixels between the eyes below which nobody is told by a face: encodings of so few pixels all look alike."""


@dataclass(frozen=True)
class ViewStack:
    """Faces `(V, 256, 256, 3)` that lie in a file, read when they are asked for.

    Args:
        path: of an array of them.
        slots: `(V,)` which of them.
    """

    path: Path
    slots: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """`(V, 256, 256, 3)`."""
        return (len(self.slots), SIZE, SIZE, 3)

    def __len__(self) -> int:
        return len(self.slots)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows = self.slots[np.arange(len(self))[key].reshape(-1)]
        if not len(rows):
            return np.zeros((0, SIZE, SIZE, 3), np.uint8)
        return np.asarray(np.load(self.path, mmap_mode="r")[rows])


@dataclass(frozen=True)
class Film:
    """One video.

    Args:
        name: its id.
        path: of the file.
        info: of it.
        looked: what was seen in its frames.
        tracks: faces through time.
        shapes: where their meshes lie, a row for each row of `tracks`, without trembling.
        views: `(V,)` rows of `tracks` by which people are told; crops: those faces; marks: `(V, 5, 2)` landmarks in them.
        work: private folder of what was seen.
    """

    name: str
    path: Path
    info: Info
    looked: Looked
    tracks: Tracks
    shapes: Shapes
    views: NDArray[np.int64]
    crops: ViewStack
    marks: NDArray[np.float32]
    work: Path

    def view_name(self, place: int) -> str:
        """Return the id of a view."""
        row = self.views[place]
        return f"{self.name}#{self.tracks.track[row]}@{self.tracks.frame[row]}"

    def track_name(self, row: int) -> str:
        """Return the id of the track of a row."""
        return f"{self.name}#{self.tracks.track[row]}"


def see_film(name: str, path: Path, work: Path, lookers: Sequence[Looker], mark: Mark, reporter: Reporter) -> Film:
    """Look at a video twice: where faces are, then, over its tracks, how meshes lie; what was seen is kept in `work`.

    Raises:
        UnreadablePhoto: it is no video.
    """
    work.mkdir(parents=True, exist_ok=True)
    info = info_of(path)
    looked = look_through(path, work, info, lookers, reporter)
    tracks = track(looked.seen, looked.shots)
    kept = work / "meshes.npz"
    if not kept.exists():
        _measure(path, work, tracks, mark, reporter, looked.seen.count)
    with np.load(kept) as held:
        shapes, slots, rows, marks = Shapes.of(held), held["slots"], held["rows"], held["marks"]
    return Film(name, path, info, looked, tracks, shapes, rows, ViewStack(work / "views.npy", slots), marks, work)


def _measure(path: Path, work: Path, tracks: Tracks, mark: Mark, reporter: Reporter, count: int) -> None:
    """Lay a mesh over every face of every track, and keep the best view of each part of a track's time."""
    part = _parts(tracks)
    slot_of = {key: slot for slot, key in enumerate(sorted(set(part.values())))}
    shape = (max(1, len(slot_of)), SIZE, SIZE, 3)
    views = np.lib.format.open_memmap(work / "views.part.npy", "w+", np.uint8, shape)
    best = np.zeros(len(slot_of))
    chosen = np.full(len(slot_of), -1, np.int64)
    marks = np.zeros((len(slot_of), 5, 2), np.float32)
    starts = np.searchsorted(tracks.frame, np.arange(count + 1))
    shapes = Shapes.nowhere(len(tracks.frame))  # and nowhere they stay in frames that cannot be decoded a second time
    others: dict[int, tuple[NDArray[np.float64], list[int]]] = {}
    with reporter.task(f"lay meshes over {path.name}", count) as advance:
        for frame in read(path):
            first, last = int(starts[frame.number]), int(starts[frame.number + 1])
            if first < last:
                picture = frame.planes.rgb()
                here, cut = cut_and_marked(picture, tracks.landmarks[first:last], mark)
                shapes.put(slice(first, last), here)
                for row in range(first, last):
                    quality = view_quality(shapes, row, tracks.landmarks[row])
                    slot = slot_of[part[row]] if row in part else -1
                    if slot >= 0 and quality > best[slot]:
                        best[slot], chosen[slot] = quality, row
                        matrix = align.similarity(tracks.landmarks[row], align.template(SIZE))
                        marks[slot] = align.apply(matrix, tracks.landmarks[row])
                        views[slot] = cut[row - first]
                        others[slot] = (matrix, [other for other in range(first, last) if other != row])
            advance(1)
    for slot, (matrix, beside) in others.items():
        for other in beside:
            cover_bystander(views[slot], tracks.boxes[other], matrix)
    sure = _sure_tracks(tracks, shapes)
    slots = np.flatnonzero((chosen >= 0) & np.isin(tracks.track[chosen], sure) & (best > 0))
    calm = _smoothed(tracks, shapes)
    views.flush()
    (work / "views.part.npy").replace(work / "views.npy")
    out = io.BytesIO()
    kept: dict[str, Any] = {"slots": slots, "rows": chosen[slots], "marks": marks[slots], **calm.arrays()}
    np.savez(out, **kept)
    write_bytes(work / "meshes.npz", out.getvalue(), private=True)


def _parts(tracks: Tracks) -> dict[int, tuple[int, int]]:
    """Return for each sighted row its track and the part of the track's time in which it lies."""
    out: dict[int, tuple[int, int]] = {}
    for number, rows in tracks.each():
        own = rows[tracks.kind[rows] == SEEN]
        if len(own):
            first, span = int(tracks.frame[own[0]]), int(np.ptp(tracks.frame[own])) + 1
            for row in own.tolist():
                out[row] = (number, (int(tracks.frame[row]) - first) * VIEWS // span)
    return out


def view_quality(shapes: Shapes, row: int, landmarks: NDArray[np.float32]) -> float:
    """Return how well somebody can be told by a face: pixels between the eyes, less where it is turned; 0 where not at all."""
    eyes = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    if shapes.presence[row] < SURE or eyes < LEAST_EYES:
        return 0.0
    turned = float(np.linalg.norm(landmarks[2] - (landmarks[0] + landmarks[1] + landmarks[3] + landmarks[4]) / 4)) / eyes
    return eyes * max(0.05, 1 - turned)


def _sure_tracks(tracks: Tracks, shapes: Shapes) -> NDArray[np.int64]:
    """Return the tracks of somebody: in half of their frames a mesh lies on a face."""
    seen = ((number, rows[tracks.kind[rows] == SEEN]) for number, rows in tracks.each())
    return np.array([number for number, rows in seen if np.median(shapes.presence[rows]) >= SURE], np.int64)


def _smoothed(tracks: Tracks, shapes: Shapes) -> Shapes:
    out = Shapes.nowhere(len(shapes))
    for _, rows in tracks.each():
        out.put(rows, shapes.take(rows).smoothed(tracks.frame[rows]))
    return out
