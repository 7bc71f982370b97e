"""Write a method's faces to files first and look only at the files from then on: what is attacked is what is released."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.stacks import IndexedStack
from deidframe.engine.progress import Reporter
from deidframe.guard.hygiene import decode_jpeg, write_pictures


@dataclass(frozen=True)
class Staged:
    """Files that are written and not yet released.

    Args:
        faces: the faces as the files show them. names: face id -> file name. digests: face id -> sha256 of the file.
        folder: where the files lie.
    """

    faces: FaceSet
    names: dict[str, str]
    digests: dict[str, str]
    folder: Path

    def without(self, faces: Collection[str]) -> Staged:
        """Return it without these faces, whose files are removed."""
        if not faces:
            return self
        for face in faces:
            (self.folder / self.names[face]).unlink()
        kept = [row for row, face in enumerate(self.faces.ids) if face not in faces]
        left = [self.faces.ids[row] for row in kept]
        base, at = self.faces.images, np.array(kept, np.int64)
        assert isinstance(base, IndexedStack) and isinstance(base.pictures, FileStack)
        used, rows = np.unique(base.rows[at], return_inverse=True)
        first = dict(zip(rows[::-1].tolist(), left[::-1], strict=True))
        paths = [self.folder / self.names[first[n]] for n in range(len(used))]
        stack = IndexedStack(FileStack(paths, self.faces.size), rows.astype(np.int64))
        marks = None if self.faces.landmarks is None else self.faces.landmarks[at]
        who = None if self.faces.subjects is None else tuple(self.faces.subjects[row] for row in kept)
        names, digests = ({face: held[face] for face in left} for held in (self.names, self.digests))
        return Staged(FaceSet(tuple(left), stack, marks, who), names, digests, self.folder)


class FileStack:
    """Pictures read from files when asked for."""

    def __init__(self, paths: list[Path], size: tuple[int, int]) -> None:
        self.paths, self._size = paths, size

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, H, W, 3)`."""
        return (len(self.paths), *self._size, 3)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows = np.arange(len(self))[key].reshape(-1)
        out = np.empty((len(rows), *self._size, 3), np.uint8)
        for place, row in enumerate(rows.tolist()):
            out[place] = decode_jpeg(self.paths[row].read_bytes())
        return out


def stage(faces: FaceSet, folder: Path, key: bytes, method: str, reporter: Reporter) -> Staged:
    """Write the faces into an empty folder and return them as the files show them; equal files are one picture."""
    folder.mkdir(parents=True)
    names: dict[str, str] = {}
    digests: dict[str, str] = {}
    row_of: dict[str, int] = {}
    paths: list[Path] = []
    rows = np.empty(len(faces), np.int64)
    with reporter.task("write faces", len(faces)) as advance:
        for n, (face, name, digest) in enumerate(write_pictures(faces, folder, key, method)):
            names[face], digests[face] = name, digest
            if digest not in row_of:
                row_of[digest] = len(paths)
                paths.append(folder / name)
            rows[n] = row_of[digest]
            advance(1)
    stack = IndexedStack(FileStack(paths, faces.size), rows)
    return Staged(FaceSet(faces.ids, stack, faces.landmarks, faces.subjects), names, digests, folder)
