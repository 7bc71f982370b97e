"""Where every face of a run over scenes is, as rows: what an auditor checks a release against."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deidframe.contract.errors import UsageError

FACES, TRACKS = "faces.csv", "tracks.csv"


@dataclass(frozen=True)
class Box:
    """One face in one photo, or in one frame of a video.

    Args:
        method: folder of the method, "" where a command covered all.
        file: of the owner.
        frame, seconds: of a video, None for a photo.
        track: number of the track, of a photo that of the face; "" where a face was seen only in the released file.
        x0, y0, x1, y1: in pixels of the upright picture.
        how: seen, between sightings, beyond sightings, or seen in the released file.
        done: covered, drawn over, or left as it is.
    """

    method: str
    file: str
    frame: int | None
    seconds: float | None
    track: str
    x0: float
    y0: float
    x1: float
    y1: float
    how: str
    done: str


def boxes_of(run: Path) -> Iterator[Box]:
    """Yield every face of a run folder, by method, photos first.

    Raises:
        UsageError: it is no run over scenes, or its private part is gone or damaged.
    """
    private = run / "private"
    if not private.is_dir():
        raise UsageError(
            f"{str(run)!r} holds no private folder: boxes are read off it, and a release alone does not say where faces are"
        )
    lists = sorted([*private.rglob(FACES), *private.rglob(TRACKS)], key=lambda path: (path.name, str(path)))
    if not lists:
        raise UsageError(f"{str(run)!r} is no run over scenes: there is no {FACES} and no {TRACKS} in its private folder")
    for path in lists:
        below = path.relative_to(private).parts
        method = below[1].rpartition("-")[0] if below[0] == "scenes" else ""
        try:
            yield from _rows(path, method)
        except (OSError, ValueError, KeyError, UnicodeError) as error:
            raise UsageError(f"{str(path)!r} is damaged: {error}") from None


def _rows(path: Path, method: str) -> Iterator[Box]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        for row in csv.DictReader(stream):
            x0, y0, x1, y1 = (float(row[name]) for name in ("x0", "y0", "x1", "y1"))
            if path.name == FACES:
                yield Box(method, row["photo"], None, None, row["face"], x0, y0, x1, y1, f"seen by {row['seen_by']}", row["done"])
            else:
                at = (int(row["frame"]), float(row["seconds"]))
                yield Box(method, row["video"], *at, row["track"], x0, y0, x1, y1, row["how"], row["done"])
