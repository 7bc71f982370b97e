"""Find the pictures under a folder, or in a CSV, and who is on them."""

from __future__ import annotations

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, NothingToDo, Photos, UsageError
from deidframe_folder.pictures import EXTENSIONS, read_picture
from deidframe_folder.plugin import FolderParams


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
            root, people, skipped = _from_csv(path)
        else:
            root, people, skipped = _from_folder(path, self.params.layout)
        if not people:
            what = f"{len(skipped)} files, none of them a picture" if skipped else "no files"
            raise NothingToDo(f"source folder: {str(path)!r} holds {what}; expected pictures ({', '.join(sorted(EXTENSIONS))})")
        ids = tuple(sorted(people))
        names = [people[i] for i in ids]
        known = all(name is not None for name in names)
        subjects = tuple(name or "" for name in names) if known else None
        return Photos(ids, _Opener(root, self.params.max_megapixels), subjects, _Stamp(root), skipped, root)


def _from_folder(root: Path, layout: str) -> tuple[Path, dict[str, str | None], dict[str, str]]:
    """Walk the tree once; return root, picture id -> person (None: not said), and id -> why it is no picture."""
    people: dict[str, str | None] = {}
    skipped: dict[str, str] = {}
    for folder, folders, files in os.walk(root, followlinks=False):
        folders.sort()
        here = Path(folder)
        for name in [*files, *(f for f in folders if (here / f).is_symlink())]:
            path = here / name
            photo_id = path.relative_to(root).as_posix()
            if path.is_symlink():
                skipped[photo_id] = "symbolic link, not followed"
            elif path.suffix.lower() not in EXTENSIONS:
                skipped[photo_id] = "not a picture by its file name"
            else:
                people[photo_id] = None
    inside = [i for i in people if "/" in i]
    if layout == "person-folders" or (layout == "auto" and len(inside) == len(people)):
        # the person is the folder that holds the picture, however deep; pictures beside the folders belong to nobody
        for photo_id in inside:
            people[photo_id] = photo_id.rpartition("/")[0]
        for photo_id in set(people) - set(inside):
            del people[photo_id]
            skipped[photo_id] = "lies outside the folders of persons"
    return root, people, skipped


def _from_csv(path: Path) -> tuple[Path, dict[str, str | None], dict[str, str]]:
    """Read `path,person` lines; paths are relative to the CSV's folder and may not leave it."""
    if not path.is_file():
        raise UsageError(f"source folder: layout 'csv' needs a file, {str(path)!r} is a folder")
    root = path.resolve().parent
    people: dict[str, str | None] = {}
    skipped: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if reader.fieldnames is None or "path" not in reader.fieldnames:
                raise UsageError(f"source folder: {path.name}:1: expected the columns path,person; got {reader.fieldnames}")
            for row in reader:
                where = f"source folder: {path.name}:{reader.line_num}"
                relative = (row["path"] or "").strip()
                if not relative:
                    raise UsageError(f"{where}: empty path")
                target = root / relative
                if Path(relative).is_absolute() or ".." in Path(relative).parts:
                    raise UsageError(f"{where}: {relative!r} leads out of the CSV's folder; give a relative path inside it")
                photo_id = Path(relative).as_posix()
                if photo_id in people:
                    raise UsageError(f"{where}: {relative!r} occurs twice")
                if target.is_symlink():
                    skipped[photo_id] = "symbolic link, not followed"
                    continue
                person = (row.get("person") or "").strip()
                if "person" in reader.fieldnames and not person:
                    raise UsageError(f"{where}: no person is named; name one in every line or leave the column out")
                people[photo_id] = person or None
    except UnicodeDecodeError as error:
        raise UsageError(f"source folder: {path.name} is not a UTF-8 text file ({error.reason} at byte {error.start})") from None
    except csv.Error as error:
        raise UsageError(f"source folder: {path.name} is not a CSV: {error}") from None
    return root, people, skipped
