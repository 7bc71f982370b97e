"""Find the pictures under a folder, or in a CSV, and who is on them."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, NothingToDo, Photos, UsageError
from deidframe_folder.pictures import EXTENSIONS, HEAD, is_picture, read_picture
from deidframe_folder.plugin import FolderParams
from deidframe_folder.table import read_table

BOX = ("x", "y", "w", "h")
"""Columns of a face's box: its upper left corner and its size in pixels."""
FILM = "a video: a recipe with [scene] releases it whole"
VIDEOS = frozenset(
    (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp", ".wmv", ".flv")
)
OF_A_PROGRAM = "hidden, or made by a program for itself"
PROGRAMS = frozenset(
    {
        "@eadir",
        "@recycle",
        "@tmp",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "recycler",
        "recycled",
        "system volume information",
        "__macosx",
        "lost+found",
        "network trash folder",
        "temporary items",
        "ipod photo cache",
    }
)
"""Folders of systems, network disks and photo programs that hold thumbnails, earlier versions or what was thrown away."""


@dataclass(frozen=True)
class _Opener:
    """Opens a picture by its id; picklable, so that it can be sent to another process."""

    root: Path
    max_megapixels: float

    def __call__(self, photo_id: str) -> NDArray[np.uint8]:
        return read_picture(self.root / photo_id, self.max_megapixels)


@dataclass(frozen=True)
class _Stamp:
    """The sha256 of a picture's file: sizes and times would miss a file that was changed in place."""

    root: Path

    def __call__(self, photo_id: str) -> str:
        try:
            with (self.root / photo_id).open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return ""


@dataclass(frozen=True)
class _Listing:
    """What lies there: picture id -> person (None: not said), id -> why it is no picture, and what is to be said of it."""

    root: Path
    people: dict[str, str | None]
    skipped: dict[str, str]
    notes: tuple[str, ...] = ()
    boxes: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    films: dict[str, Path] = field(default_factory=dict)


class FolderSource:
    """Source `folder`.

    Args:
        params: path, layout, and the size above which a picture is refused.
        context: not used; listing files needs nothing.
    """

    def __init__(self, params: FolderParams, context: Context) -> None:
        self.params = params

    def load(self) -> Photos:
        """List the pictures, sorted by id. Symbolic links are not followed; files that are no pictures are in `skipped`.

        Raises:
            UsageError: the path does not exist, is of the wrong kind, or the CSV lacks a column.
            NothingToDo: not one picture is there.
        """
        path = self.params.path.expanduser()
        if not path.exists():
            raise UsageError(f"source folder: {str(path)!r} does not exist; set source.params.path")
        if path.is_file() or self.params.layout == "csv":
            found = _from_csv(path, follow_links=self.params.follow_links)
        else:
            found = _from_folder(path, self.params.layout, self.params.person_level, follow_links=self.params.follow_links)
        people, skipped = found.people, found.skipped
        if not people and not found.films:
            what = f"{len(skipped)} files, none of them a picture" if skipped else "no files"
            raise NothingToDo(f"source folder: {str(path)!r} holds {what}; expected pictures ({', '.join(sorted(EXTENSIONS))})")
        ids = tuple(sorted(people))
        names = [people[i] for i in ids]
        known = bool(names) and all(name is not None for name in names)
        subjects = tuple(name or "" for name in names) if known else None
        opener, stamp = _Opener(found.root, self.params.max_megapixels), _Stamp(found.root)
        return Photos(ids, opener, subjects, stamp, skipped, found.root, found.notes, found.boxes, found.columns, found.films)


def _from_folder(root: Path, layout: str, level: int, *, follow_links: bool) -> _Listing:
    """Walk the tree once and say of each file whether it is a picture, and whose."""
    people: dict[str, str | None] = {}
    skipped: dict[str, str] = {}
    films: dict[str, Path] = {}
    for path in _files(root, follow_links=follow_links):
        photo_id = path.relative_to(root).as_posix()
        if path.is_symlink() and not (follow_links and _leads_inside(path, root)):
            skipped[photo_id] = "symbolic link that leads out of the folder" if follow_links else "symbolic link, not followed"
        elif path.is_dir():
            skipped[photo_id] = "symbolic link to a folder that is read already"
        elif _of_a_program(photo_id):
            skipped[photo_id] = OF_A_PROGRAM
        elif path.suffix.lower() in VIDEOS:
            skipped[photo_id], films[photo_id] = FILM, path
        elif path.suffix.lower() in EXTENSIONS or _looks_like_a_picture(path):
            people[photo_id] = None
        else:
            skipped[photo_id] = "not a picture"
    inside = [i for i in people if "/" in i]
    if layout == "person-folders" or (layout == "auto" and 2 * len(inside) > len(people)):
        return _by_folder(_Listing(root, people, skipped, films=films), level)
    return _Listing(root, people, skipped, films=films)


def _files(root: Path, *, follow_links: bool) -> Iterator[Path]:
    """Yield every file, and every link to a folder that is not followed; no folder is walked twice."""
    seen = {root.resolve()}
    for folder, folders, files in os.walk(root, followlinks=follow_links):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in links:
            target = (here / name).resolve()
            if not follow_links or not _leads_inside(here / name, root) or target in seen:
                folders.remove(name)
                yield here / name
            seen.add(target)
        folders.sort()
        yield from (here / name for name in files)


def _as_on_disk(root: Path, relative: str, encoding: str) -> str:
    """Return a path as the file system spells it, where a table in another encoding names a file whose name has those bytes."""
    if encoding != "cp1252" or (root / relative).exists():
        return relative
    raw = os.fsdecode(relative.encode("cp1252"))
    return raw if (root / raw).exists() else relative


def _leads_inside(path: Path, root: Path) -> bool:
    """Whether a link leads to something inside the root."""
    try:
        return path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a link to nothing, or to itself
        return False


def _looks_like_a_picture(path: Path) -> bool:
    """Whether a file of another name is a picture by its first bytes."""
    try:
        with path.open("rb") as stream:
            return is_picture(stream.read(HEAD))
    except OSError:
        return False


def _of_a_program(photo_id: str) -> bool:
    """Whether a file is hidden, or lies in a folder that a system or a photo program made for itself."""
    return any(part.startswith(".") or part.casefold() in PROGRAMS for part in photo_id.split("/"))


def _by_folder(found: _Listing, level: int) -> _Listing:
    """Name the person of each picture: the first folder below the root, or the first few; what lies above belongs to nobody."""
    named: dict[str, str | None] = {}
    below: dict[str, set[str]] = {}
    outside = 0
    for photo_id in found.people:
        *folders, _ = photo_id.split("/")
        if len(folders) < level:
            found.skipped[photo_id] = "lies outside the folders of persons"
            outside += 1
            continue
        person = "/".join(folders[:level])
        named[photo_id] = person
        if len(folders) > level:
            below.setdefault(person, set()).add(folders[level])
    return replace(found, people=named, notes=_notes(below, outside, level))


def _notes(below: dict[str, set[str]], outside: int, level: int) -> tuple[str, ...]:
    notes = []
    if outside:
        what = "picture lies" if outside == 1 else "pictures lie"
        notes.append(f"{outside} {what} outside the folders of persons and belong to nobody: left out")
    if below:
        person = min(below)
        held = sorted(below[person])
        shown = ", ".join(held[:3]) + (", ..." if len(held) > 3 else "")
        many = f"; {len(below)} folders of persons hold folders" if len(below) > 1 else ""
        folders = "1 folder" if len(held) == 1 else f"{len(held)} folders"
        notes.append(
            f"{person} holds {folders}: {shown}; what lies below it is taken for one person, person_level = {level + 1} in"
            f" source.params says otherwise{many}"
        )
    return tuple(notes)


def _from_csv(path: Path, *, follow_links: bool) -> _Listing:
    """Read lines of a path and a person; paths are relative to the CSV's folder and may not leave it."""
    if not path.is_file():
        raise UsageError(f"source folder: layout 'csv' needs a file, {str(path)!r} is a folder")
    root = path.resolve().parent
    table = read_table(path)
    people: dict[str, str | None] = {}
    skipped: dict[str, str] = {}
    boxes: dict[str, tuple[float, float, float, float]] = {}
    columns: dict[str, dict[str, str]] = {}
    boxed = set(BOX) <= set(table.columns)
    more = [name for name in table.columns if name not in ("path", "person", *(BOX if boxed else ()))]
    for where, row in table.lines:
        at = f"source folder: {path.name}:{where}"
        relative = (row.get("path") or "").strip()
        if not relative:
            raise UsageError(f"{at}: empty path")
        relative = _as_on_disk(root, relative, table.encoding)
        target = root / relative
        if Path(relative).is_absolute() or ".." in Path(relative).parts:
            raise UsageError(f"{at}: {relative!r} leads out of the CSV's folder; give a relative path inside it")
        photo_id = Path(relative).as_posix()
        if photo_id in people:
            raise UsageError(f"{at}: {relative!r} occurs twice")
        if target.is_symlink() and not (follow_links and _leads_inside(target, root)):
            skipped[photo_id] = "symbolic link, not followed"
            continue
        person = (row.get("person") or "").strip()
        if "person" in table.columns and not person:
            raise UsageError(f"{at}: no person is named; name one in every line or leave the column out")
        people[photo_id] = person or None
        if boxed:
            boxes[photo_id] = _box(row, at)
        if more:
            columns[photo_id] = {name: (row.get(name) or "").strip() for name in more}
    return _Listing(root, people, skipped, table.notes, boxes, columns)


def _box(row: dict[str, str], at: str) -> tuple[float, float, float, float]:
    """Return a face's box from the columns x, y, w, h: its upper left corner and its size in pixels."""
    try:
        x, y, w, h = (float(row.get(name, "").replace(",", ".")) for name in BOX)
    except ValueError:
        raise UsageError(f"{at}: x, y, w and h must be numbers (pixels), got {', '.join(row.get(n, '') for n in BOX)}") from None
    if not (w > 0 and h > 0 and math.isfinite(x + y + w + h)):
        raise UsageError(f"{at}: a box of {w:g} x {h:g} pixels holds no face")
    return x, y, x + w, y + h
