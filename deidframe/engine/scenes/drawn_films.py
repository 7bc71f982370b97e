"""The videos of a database, drawn by one method into staged files; a run that was cut short goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
from deidframe.engine.scenes.strip import Trembling, trembling
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

    @property
    def drawn(self) -> list[str]:
        """The views of all tracks over which a surrogate is drawn."""
        return [view for row in self.rows for view in row["drawn"]]

    def count(self, *, blind: bool, roi: str = "") -> FilmCount:
        """Return what was counted; `roi` says why faces were not looked for everywhere."""
        return count_films(self.rows, self.withheld, len(self.rows) + len(self.withheld), blind=blind, roi=roi)


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
            exempt = dict(wanted.exempt).get(name, "")
            row = _draw(film, cast, grow, mark, [] if exempt else lookers, wanted, target, work, reporter, sound=sound)
            row["exempt"] = exempt
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
            slots = np.arange(0 if row["exempt"] else len(film.rows))
            found.append(
                FoundViews(
                    tuple(film.rows)[: len(slots)], ViewStack(work / FOUND, slots), held["marks"], held["again"], row["name"]
                )
            )
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
    started = time.perf_counter()
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
    nobody = seen.tracks.none() if not lookers else seen.tracks  # people of an exempt video are left as they are
    plan = FilmPlan(nobody, seen.looked.seen.count, (), players if lookers else None)
    target.parent.mkdir(parents=True, exist_ok=True)
    reporter.say(f"  {film.name}")
    try:
        count = draw_video(
            film.path,
            target,
            work,
            seen.info,
            seen.looked,
            nobody,
            plan,
            lookers,
            wanted if lookers else replace(wanted, allow_faceless=True),
            reporter,
            sound=sound,
            watch=watch,
            named=film.name,
        )
    except (Withheld, UnreadablePhoto) as error:
        target.unlink(missing_ok=True)
        return {"withheld": str(error)}
    count = count if lookers else replace(count, looked_again=0)
    faces.flush()
    np.savez(work / MARKS, marks=watch.marks, again=watch.again)
    os.utime(target, (TIME, TIME))
    with target.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    shaken = trembling(seen, target, plan.fit) if players is not None and lookers else Trembling()
    best = int(np.bincount(nobody.frame[plan.fit]).argmax()) if plan.fit.any() else 0
    shown = set(nobody.track[plan.fit].tolist())
    seconds = time.perf_counter() - started
    return {
        "withheld": "",
        "sha256": digest,
        "count": asdict(count),
        "trembling": asdict(shaken),
        "shown": best,
        "drawn": [view for view, track in film.track_of.items() if track in shown],
        "seconds": seconds,
    }


def texture_of(film: FilmViews, cast: Cast) -> Callable[[int], Texture | None]:
    """Return what says which surrogate a track has: that of any of its views, which are of one person."""
    views: dict[int, list[str]] = {}
    for view, number in film.track_of.items():
        views.setdefault(number, []).append(view)

    def texture(number: int) -> Texture | None:
        made = (cast.texture(view) for view in views.get(number, ()))
        return next((one for one in made if one is not None), None)

    return texture
