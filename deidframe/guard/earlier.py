"""What releases of the same people give away together: groups of earlier ones are kept, and intersections are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ReleaseRefused, UsageError
from deidframe.contract.stacks import IndexedStack
from deidframe.guard.release import FileStack


@dataclass(frozen=True)
class Earlier:
    """One release of an earlier run.

    Args:
        run: name of the run's folder.
        slug: of the method.
        k: fewest people of a group.
        groups: person -> the sha256 of the picture that stands for its group.
        files: that sha256 -> a file that holds it.
        shown: face -> the same sha256.
    """

    run: str
    slug: str
    k: int
    groups: Mapping[str, str]
    files: Mapping[str, Path]
    shown: Mapping[str, str]

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.run}/{self.slug}"


@dataclass(frozen=True)
class Kept:
    """The groups of earlier releases of one method: what a release after them takes over.

    Args:
        groups: person -> picture.
        files: picture -> file.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


def check_same_database(earlier: Iterable[Earlier], people: Iterable[str]) -> None:
    """Raise where a ledger knows nobody of this database.

    Raises:
        UsageError: it is another database's, or labels are spelt otherwise now.
    """
    here = set(people)
    for one in earlier:
        if not here & set(one.groups):
            raise UsageError(
                f"release.before: the ledger of {one.name} knows {len(one.groups)} people, and none of the {len(here)} of this"
                " database: it is another database's, or people are called otherwise now"
            )


def kept_for(slug: str, earlier: Sequence[Earlier]) -> Kept | None:
    """Return what a method takes over: the groups of all earlier releases of the same name, None where there is none.

    Raises:
        ReleaseRefused: the earlier releases group the same people in two ways.
    """
    own = [one for one in earlier if one.slug == slug]
    if not own:
        return None
    groups: dict[str, str] = {}
    files: dict[str, Path] = {}
    for one in own:
        for person, digest in one.groups.items():
            if groups.setdefault(person, digest) != digest:
                raise ReleaseRefused(
                    f"{slug}: the earlier releases {' and '.join(x.name for x in own)} show the same people in two groups; keep"
                    " one of them in release.before"
                )
        files |= one.files
    return Kept(groups, files)


def as_faces(earlier: Earlier, faces: FaceSet) -> tuple[FaceSet, dict[str, int]]:
    """Return what an earlier release shows of those faces that it has too, under their ids, and their groups.

    Args:
        faces: of the run, aligned as the earlier ones were.
    """
    rows = [row for row, face in enumerate(faces.ids) if face in earlier.shown]
    pictures = sorted(earlier.files)
    place = {digest: n for n, digest in enumerate(pictures)}
    ids = tuple(faces.ids[row] for row in rows)
    groups = {face: place[earlier.shown[face]] for face in ids}
    stack = FileStack(tuple(earlier.files[digest] for digest in pictures), faces.size)
    shown = IndexedStack(stack, np.array([groups[face] for face in ids], np.int64))
    return FaceSet(ids, shown, None if faces.landmarks is None else faces.landmarks[rows]), groups


def narrowed(mine: Mapping[str, Any], other: Mapping[str, Any], k: int) -> list[int]:
    """Return the sizes below k of the sets of people whom two releases together leave undistinguished.

    Whoever has both releases knows of each person the pair of pictures. A person who is only in the newer one is in a set with
    those of its group who are new, too; what left with the older one is not in the newer.

    Args:
        mine: person -> group in the release that is to be published.
        other: the same in one that the world has, or will have.
        k: fewest people.
    """
    if not set(mine) & set(other):
        return []
    cells = Counter((group, other.get(person)) for person, group in mine.items())
    return sorted(size for size in cells.values() if size < k)


def check_intersections(
    name: str, groups: Mapping[str, Any], k: int, others: Mapping[str, tuple[Mapping[str, Any], int]], *, allowed: bool
) -> str:
    """Return what a release gives away together with others, in words for its certificate; "" where there are no others.

    Args:
        name: of the method.
        groups: person -> group.
        k: of the method.
        others: name of a release -> its groups and its k.

    Raises:
        ReleaseRefused: together they leave fewer than k people undistinguished, and nobody allowed that.
    """
    said = []
    for other, (known, other_k) in others.items():
        least = min(k, other_k)
        small = narrowed(groups, known, least)
        if small and not allowed:
            raise ReleaseRefused(
                f"{name}: whoever has this release and {other} intersects them: {sum(small)} people are left in sets of fewer"
                f" than {least} (fewest {small[0]}); keep the groups (release.before, one way of grouping), or say"
                " [release] allow_intersection = true"
            )
        if set(groups) & set(known):
            worst = f"{sum(small)} people are left in sets of {small[0]} and more, as the owner allows" if small else ""
            said.append(f"with {other}: {worst or f'at least {least} people share each pair of pictures'}")
    return "; ".join(said)
