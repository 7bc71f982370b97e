"""Who is drawn over whom: the surrogate of each face's group, with the mesh over it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.engine.scenes.covers import Face
from deidframe.engine.scenes.gathered import Gathered
from deidframe.engine.scenes.look import Sighted
from deidframe.engine.scenes.posed import SURE, Texture, posed
from deidframe.engine.scenes.regions import Region
from deidframe.engine.scenes.shapes import Mark, marked
from deidframe.guard.release import Release


@dataclass(frozen=True)
class Scope:
    """How much is erased and drawn.

    Args:
        grow: of the oval over the mesh that is erased.
        rim: of that oval over the surrogate's mesh that is drawn, 1 for the mesh alone.
        words: what is erased.
    """

    grow: float
    rim: float
    words: str


SCOPES = {
    "face": Scope(1.07, 1.0, "the face"),
    "wide": Scope(1.23, 1.0, "the face and a rim around it"),
    "head": Scope(1.75, 1.5, "the head"),
}
HELD = 256
"""Surrogates that are kept at hand."""


class Cast:
    """The surrogates of a method, as they lie in its files.

    Args:
        release: faces of groups, each of at least k people, on their files.
        mark: asks a landmarker.
        rim: how far around a face its surrogate is drawn, see `Texture.of`.
    """

    def __init__(self, release: Release, mark: Mark, rim: float = 1.0) -> None:
        self._faces, self._mark, self._rim = release.faces, mark, rim
        first = np.fromiter(release.first_rows.values(), np.int64)
        self._row_of = dict(zip(release.faces.ids, first[release.picture_of].tolist(), strict=True))
        self._texture = functools.lru_cache(HELD)(self._made)

    def texture(self, view: str) -> Texture | None:
        """Return the surrogate of the group of a face, None where it is in none or its surrogate shows no face."""
        row = self._row_of.get(view)
        return None if row is None else self._texture(row)

    def _made(self, row: int) -> Texture | None:
        picture = np.asarray(self._faces.images[row : row + 1])
        found = marked(self._mark, FaceSet(("surrogate",), picture, None))
        return Texture.of(picture[0], found.points[0], self._rim) if found.presence[0] >= SURE else None


def fewest_shown(release: Release, drawn: Iterable[str]) -> int:
    """Return the fewest different people over whom one surrogate is drawn, 0 where none is.

    A surrogate is made of a whole group, and some of the group may not be seen with it: nothing could be drawn over them, or the
    files in which they are were withheld.

    Args:
        release: the surrogates, on their files.
        drawn: views over which theirs is drawn in released files.
    """
    row_of = {view: row for row, view in enumerate(release.faces.ids)}
    people: dict[int, set[str]] = {}
    for view in drawn:
        row = row_of.get(view)
        if row is not None:
            people.setdefault(int(release.picture_of[row]), set()).add(release.subjects[row])
    return min(map(len, people.values()), default=0)


def planned_photo(gathered: Gathered, cast: Cast | None, grow: float, photo: str) -> tuple[Sighted, list[Face]]:
    """Return the faces of a photo and what is drawn over each: its surrogate where it has one that can be drawn.

    Args:
        cast: the surrogates, None where a redactor covers all.
        grow: of the oval over a mesh.
    """
    rows = gathered.rows(photo)
    faces = []
    for row in range(len(rows.scene)):
        marks = rows.landmarks[row]
        whole = Region.of(rows.boxes[row], marks)
        texture = cast.texture(f"{photo}#{row + 1}") if cast is not None else None
        faces.append(posed(rows.shapes, row, whole, texture, grow, marks))
    return rows.sighted(), faces
