"""A method's faces on their way out: one object through audit, gates, measures, contact sheet and publishing."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, FaceSet, Partition
from deidframe.contract.stacks import IndexedStack
from deidframe.guard.hygiene import decode_jpeg
from deidframe.words import counted


@dataclass(frozen=True)
class Vouched:
    """Who says who is who, and what was seen when labels were compared with faces.

    Args:
        by: who made the labels, in words.
        encoder: that compared them, "" where nobody did.
        labels: how many were compared.
        found: share of people under two labels who would have been noticed.
        exact: every pair of labels was compared, and not only those among neighbours.
        merged: pairs of labels that were taken for one person.
        apart: pairs that look like one person and that the owner says are two.
        strays: pictures withheld because they do not show the face of their label's others.
    """

    by: str = "the owner's labels"
    encoder: str = ""
    labels: int = 0
    found: float = 0.0
    exact: bool = True
    merged: int = 0
    apart: int = 0
    strays: int = 0

    @property
    def words(self) -> str:
        """What the certificate says."""
        if not self.encoder:
            return f"{self.by}; no encoder compared them with the faces"
        pairs = "all pairs" if self.exact else "near pairs"
        seen = f"{self.by}; {self.encoder} compared {pairs} of {self.labels} labels"
        parts = [f"two labels of one person would have been noticed in {100 * self.found:.0f} of 100 cases"]
        if self.merged:
            parts.append(f"{counted(self.merged, 'pair')} looked alike and were taken for one person")
        if self.apart:
            parts.append(f"{counted(self.apart, 'pair')} looked alike and were kept apart as the owner says")
        if not self.merged and not self.apart:
            parts.append("none were")
        if self.strays:
            parts.append(f"{counted(self.strays, 'picture')} showing another face were withheld")
        return "; ".join([seen, *parts])


@dataclass(frozen=True)
class Promise:
    """What a method promises of its release.

    Args:
        k: fewest people who share a picture, None without.
        words: what it promises besides, "" for nothing.
        found_by: who found the people, "" where they are labelled.
        vouched: who says who is who.
        shows: the components by whose design surrogates may be one real person's face, "" where none says so.
        together: what it gives away with other releases of the same people, "" where none is known.
        part: that it was made of some of the pictures and what that gives away, "" where it was made of all.
    """

    k: int | None = None
    words: str = ""
    found_by: str = ""
    vouched: Vouched = Vouched()
    shows: str = ""
    together: str = ""
    part: str = ""


@dataclass(frozen=True)
class People:
    """Who was grouped, where a method groups: one row for each person.

    Args:
        encodings: of the P people, under opaque ids.
        names: the subject behind each row.
        partition: their groups.
    """

    encodings: Embeddings
    names: tuple[str, ...]
    partition: Partition

    @property
    def group_of(self) -> dict[str, int]:
        """Person -> group, -1 for withheld."""
        return dict(zip(self.names, self.partition.labels.tolist(), strict=True))


@dataclass(frozen=True)
class Release:
    """The faces that a method releases, from the moment its files are written.

    Args:
        method: name.
        originals: the untouched faces, with subjects; faces: the same in the same order, as the files show them.
        withheld: face id -> why it is not among them.
        promise: of the method.
        names: face id -> file name, empty where nothing was written.
        digests: face id -> sha256 of that file.
        folder: where the files lie.
        groups: face id -> group where every group shares one picture, else None.
        people: who was grouped, or None.
    """

    method: str
    originals: FaceSet
    faces: FaceSet
    withheld: Mapping[str, str]
    promise: Promise = Promise()
    names: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()
    groups: Mapping[str, int] | None = None
    people: People | None = None

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The person of each face."""
        return self.originals.subjects or ()

    @property
    def person_of(self) -> dict[str, str]:
        """Face id -> person."""
        return dict(zip(self.faces.ids, self.subjects, strict=True))

    @property
    def files(self) -> dict[str, str]:
        """File name -> sha256."""
        return {self.names[face]: self.digests[face] for face in self.faces.ids}

    @property
    def paths(self) -> list[Path]:
        """Where the files lie, in the order of the faces."""
        return [self.folder / self.names[face] for face in self.faces.ids] if self.names else []

    @functools.cached_property
    def first_rows(self) -> dict[str, int]:
        """What tells different pictures apart (a file's sha256, or a face's id without files) -> the first face that shows it."""
        first: dict[str, int] = {}
        for row, face in enumerate(self.faces.ids):
            first.setdefault(self.digests.get(face, face), row)
        return first

    @functools.cached_property
    def picture_of(self) -> NDArray[np.int64]:
        """`(N,)` which of the different pictures, in the order of `first_rows`, each face shows."""
        place = {digest: n for n, digest in enumerate(self.first_rows)}
        return np.array([place[self.digests.get(face, face)] for face in self.faces.ids], np.int64)

    def without(self, withheld: Mapping[str, str]) -> Release:
        """Return it without these faces (id -> reason), whose files are removed."""
        if not withheld:
            return self
        rows = [row for row, face in enumerate(self.faces.ids) if face not in withheld]
        left = [self.faces.ids[row] for row in rows]
        for face in withheld:
            (self.folder / self.names[face]).unlink()
        smaller = replace(
            self,
            originals=self.originals.take(rows),
            withheld={**self.withheld, **withheld},
            names={face: self.names[face] for face in left},
            digests={face: self.digests[face] for face in left},
            groups=None if self.groups is None else {face: self.groups[face] for face in left},
            faces=self.faces.take(rows),
        )
        return smaller.moved(self.folder)

    def moved(self, folder: Path) -> Release:
        """Return it with its files read from where they lie now; equal files are one picture."""
        paths = [folder / self.names[self.faces.ids[row]] for row in self.first_rows.values()]
        stack = IndexedStack(FileStack(tuple(paths), self.faces.size), self.picture_of)
        faces = FaceSet(self.faces.ids, stack, self.faces.landmarks, self.faces.subjects)
        return replace(self, faces=faces, folder=folder)


@dataclass(frozen=True)
class FileStack:
    """Released pictures, read from their files when asked for.

    Args:
        paths: of the N files.
        size: height and width of each in pixels.
    """

    paths: tuple[Path, ...]
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, H, W, 3)`."""
        return (len(self.paths), *self.size, 3)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows, place = np.unique(np.arange(len(self))[key].reshape(-1), return_inverse=True)
        out = np.empty((len(rows), *self.size, 3), np.uint8)
        for n, row in enumerate(rows.tolist()):
            out[n] = decode_jpeg(self.paths[row].read_bytes())
        return out if len(rows) == len(place) and (np.diff(place) > 0).all() else out[place]
