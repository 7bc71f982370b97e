"""Parquet: pictures as a column of bytes, as the hub and data lakes keep them, read by row group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import NothingToDo, Photos, PluginError, UnreadablePhoto, UsageError
from deidframe_folder.pictures import decode_picture
from deidframe_folder.trees import LocalTree, RemoteTree, Tree, tree_of

GROUPS = 2
"""Row groups whose pictures are kept at hand."""


def pyarrow() -> Any:
    """Return `pyarrow.parquet`.

    Raises:
        PluginError: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise PluginError("Parquet needs pyarrow: python -m pip install 'deidframe-folder[parquet]'") from None
    return pyarrow.parquet


@dataclass(frozen=True)
class Cell:
    """Where a picture lies: file, row group, row in it."""

    file: str
    group: int
    row: int


@dataclass(frozen=True)
class ColumnOpener:
    """Opens a picture of a column; the last row groups that were read are kept.

    Args:
        tree: of the files.
        image: name of the column.
        cells: id -> place.
    """

    tree: Tree
    image: str
    cells: dict[str, Cell]
    max_megapixels: float
    _held: dict[tuple[str, int], Any] = field(default_factory=dict, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.tree, self.image, self.cells, self.max_megapixels)

    def __call__(self, name: str) -> NDArray[np.uint8]:
        """Return the pixels of one picture."""
        return decode_picture(self.read(name), self.max_megapixels)

    def read(self, name: str) -> bytes:
        """Return the bytes of one picture.

        Raises:
            UnreadablePhoto: its row has none, or the file has changed.
        """
        cell = self.cells[name]
        key = (cell.file, cell.group)
        if key not in self._held:
            while len(self._held) >= GROUPS:
                self._held.pop(next(iter(self._held)), None)
            try:
                self._held[key] = opened(self.tree, cell.file).read_row_group(cell.group, columns=[self.image]).column(0)
            except (OSError, ValueError, UnreadablePhoto) as error:
                raise UnreadablePhoto(f"its row group cannot be read ({type(error).__name__})") from None
        value = self._held[key][cell.row].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(data, bytes):
            raise UnreadablePhoto("its row holds no picture")
        return data

    def fingerprint(self, name: str) -> str:
        """Return the sha256 of the picture's bytes."""
        try:
            return hashlib.sha256(self.read(name)).hexdigest()
        except UnreadablePhoto:
            return ""


def opened(tree: Tree, name: str) -> Any:
    """Return a Parquet file, of which only what is asked for is read."""
    if isinstance(tree, LocalTree):
        return pyarrow().ParquetFile(tree.root / name)
    if isinstance(tree, RemoteTree):
        return pyarrow().ParquetFile(tree.store.open(f"{tree.root}/{name}", "rb"))
    import io

    return pyarrow().ParquetFile(io.BytesIO(tree.read(name)))


def load(path: str, image: str, person: str | None, max_megapixels: float) -> Photos:
    """Return the pictures of Parquet files.

    Args:
        path: a folder of them, a URL, or one file.
        image: column of bytes, or of the hub's `{bytes, path}`.
        person: column that names the person; None for nobody.

    Raises:
        UsageError: a file has no such column. NothingToDo: there is no file, or no row.
    """
    pyarrow()
    folder, only = (path.rpartition("/")[0] or ".", path.rpartition("/")[2]) if path.endswith(".parquet") else (path, None)
    tree = tree_of(folder)
    names, skipped = tree.names()
    files = [name for name in names if name.endswith(".parquet") and (only is None or name == only)]
    if not files:
        raise NothingToDo(f"source parquet: no Parquet file in {path!r}")
    skipped |= {name: "not a Parquet file" for name in names if not name.endswith(".parquet") and only is None}
    cells: dict[str, Cell] = {}
    people: dict[str, str] = {}
    columns: dict[str, dict[str, str]] = {}
    for file in files:
        try:
            held = opened(tree, file)
        except (OSError, ValueError, UnreadablePhoto) as error:
            skipped[file] = f"is cut short or broken ({type(error).__name__})"
            continue
        _columns(file, held.schema_arrow.names, image, person)
        plain = [
            one.name
            for one in held.schema_arrow
            if one.name != image and not str(one.type).startswith(("list", "struct", "binary"))
        ]
        number = 0
        for group in range(held.num_row_groups):
            rows = held.read_row_group(group, columns=plain).to_pylist()
            for row in range(held.metadata.row_group(group).num_rows):
                name = f"{file}/{number:09d}"
                number += 1
                own = {key: _text(value) for key, value in rows[row].items() if value is not None} if plain else {}
                who = own.pop(person, "") if person else ""
                if person and not who:
                    skipped[name] = f'its row names no "{person}"'
                    continue
                cells[name], people[name] = Cell(file, group, row), who
                if own:
                    columns[name] = own
    if not cells:
        raise NothingToDo(f"source parquet: no row with a picture in {len(files)} files")
    ids = tuple(sorted(cells))
    opener = ColumnOpener(tree, image, cells, max_megapixels)
    subjects = tuple(people[name] for name in ids) if person else None
    return Photos(ids, opener, subjects, opener.fingerprint, skipped, tree.folder, columns=columns)


def _columns(file: str, there: Sequence[str], image: str, person: str | None) -> None:
    for name in (image, *([person] if person else [])):
        if name not in there:
            raise UsageError(f'source parquet: {file} has no column "{name}"; columns: {", ".join(there)}')


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
