"""The videos of a database, drawn by one method into staged files; a run that was cut short goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import UnreadablePhoto
from deidframe.engine.intake.crops import SIZE
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.cast import Cast
from deidframe.engine.scenes.checks import Wanted, Withheld
from deidframe.engine.scenes.film import ViewStack, see_film
from deidframe.engine.scenes.film_plan import FilmPlan, Players
from deidframe.engine.scenes.films import count_films
from deidframe.engine.scenes.folder import released_name
from deidframe.engine.scenes.gathered import FilmViews
from deidframe.engine.scenes.look import Looker
from deidframe.engine.scenes.posed import Texture
from deidframe.engine.scenes.shapes import Mark
from deidframe.engine.scenes.video import Watch, draw_video
from deidframe.guard.hygiene import TIME
from deidframe.guard.scene import FilmCount
from deidframe.record.write import write_json

FOUND, MARKS, DONE = "found.npy", "found.npz", "done.json"


@dataclass(frozen=True)
class FoundViews:
    """The views of one released video, cut out where a detector finds them again, else where they were.

    Args:
        views: ids; faces: `(V, 256, 256, 3)`; marks: `(V, 5, 2)` landmarks; again: `(V,)` whether a detector found the face.
        file: released name.
    """

    views: tuple[str, ...]
    faces: ViewStack
    marks: NDArray[np.float32]
    again: NDArray[np.bool_]
    file: str


@dataclass(frozen=True)
class DrawnFilms:
    """Videos that were drawn and lie staged.

    Args:
        rows: what was counted of each that may be released.
        withheld: video -> reason.
        files: released name -> sha256.
        found: their views.
        names: video -> released name.
    """

    rows: tuple[dict[str, Any], ...]
    withheld: dict[str, str]
    files: dict[str, str]
    found: tuple[FoundViews, ...]
    names: Mapping[str, str]

    def count(self, *, blind: bool) -> FilmCount:
        """Return what was counted."""
        return count_films(self.rows, self.withheld, len(self.rows) + len(self.withheld), blind=blind)


def draw_films(
    films: Mapping[str, FilmViews],
    cast: Cast | None,
    grow: float,
    mark: Mark,
    lookers: Sequence[Looker],
    wanted: Wanted,
    private: Path,
    taken: set[str],
    reporter: Reporter,
    *,
    sound: bool,
) -> DrawnFilms:
    """Draw every video into `private/staged`.

    Args:
        films: what was seen of each.
        cast: the surrogates, None where a redactor covers all.
        grow: of the oval over a mesh that is erased.
        mark: asks a landmarker.
        lookers, wanted: as for photos.
        private: of the method.
        taken: released names that are in use.
        sound: is kept.
    """
    staged = private / "staged"
    staged.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    withheld: dict[str, str] = {}
    found: list[FoundViews] = []
    names: dict[str, str] = {}
    for name, film in films.items():
        target = staged / released_name(name, taken, ".mp4")
        work = private / "videos" / film.work.name
        work.mkdir(parents=True, exist_ok=True)
        row = _done(work, target)
        if row is None:
            row = _draw(film, cast, grow, mark, lookers, wanted, target, work, reporter, sound=sound)
            row["name"] = target.relative_to(staged).as_posix()
            write_json(work / DONE, row, private=True)
        for segment in work.glob("segment-*"):
            segment.unlink()
        if row["withheld"]:
            withheld[name] = row["withheld"]
            continue
        rows.append(row)
        names[name] = row["name"]
        with np.load(work / MARKS) as held:
            slots = np.arange(len(film.rows))
            found.append(FoundViews(tuple(film.rows), ViewStack(work / FOUND, slots), held["marks"], held["again"], row["name"]))
    return DrawnFilms(tuple(rows), withheld, {row["name"]: row["sha256"] for row in rows}, tuple(found), names)


def _done(work: Path, target: Path) -> dict[str, Any] | None:
    """Return what an earlier run made of a video, where it is still there."""
    note = work / DONE
    row: dict[str, Any] | None = json.loads(note.read_text("utf-8")) if note.exists() else None
    if row is None or row["withheld"]:
        return row
    if not target.is_file():
        return None
    with target.open("rb") as stream:
        return row if hashlib.file_digest(stream, "sha256").hexdigest() == row["sha256"] else None


def _draw(
    film: FilmViews,
    cast: Cast | None,
    grow: float,
    mark: Mark,
    lookers: Sequence[Looker],
    wanted: Wanted,
    target: Path,
    work: Path,
    reporter: Reporter,
    *,
    sound: bool,
) -> dict[str, Any]:
    seen = see_film(film.name, film.path, film.work, lookers, mark, reporter)
    views = len(film.rows)
    faces = np.lib.format.open_memmap(work / FOUND, "w+", np.uint8, (max(1, views), SIZE, SIZE, 3))
    watch = Watch(
        {row: place for place, row in enumerate(film.rows.values())},
        faces,
        np.zeros((views, 5, 2), np.float32),
        np.zeros(views, bool),
    )
    players = Players(seen.shapes, texture_of(film, cast), grow) if cast is not None else None
    plan = FilmPlan(seen.tracks, seen.looked.seen.count, (), players)
    target.parent.mkdir(parents=True, exist_ok=True)
    reporter.say(f"  {film.name}")
    try:
        count = draw_video(
            film.path,
            target,
            work,
            seen.info,
            seen.looked,
            seen.tracks,
            plan,
            lookers,
            wanted,
            reporter,
            sound=sound,
            watch=watch,
            named=film.name,
        )
    except (Withheld, UnreadablePhoto) as error:
        target.unlink(missing_ok=True)
        return {"withheld": str(error)}
    faces.flush()
    np.savez(work / MARKS, marks=watch.marks, again=watch.again)
    os.utime(target, (TIME, TIME))
    with target.open("rb") as stream:
        return {"withheld": "", "sha256": hashlib.file_digest(stream, "sha256").hexdigest(), "count": asdict(count)}


def texture_of(film: FilmViews, cast: Cast) -> Callable[[int], Texture | None]:
    """Return what says which surrogate a track has: that of any of its views, which are of one person."""
    views: dict[int, list[str]] = {}
    for view, number in film.track_of.items():
        views.setdefault(number, []).append(view)

    def texture(number: int) -> Texture | None:
        made = (cast.texture(view) for view in views.get(number, ()))
        return next((one for one in made if one is not None), None)

    return texture
