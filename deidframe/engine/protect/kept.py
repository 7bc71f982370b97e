"""Groups of an earlier release go on: who was in one stays in it, and only new people are grouped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, FaceSet, Partition
from deidframe.contract.errors import ReleaseRefused
from deidframe.contract.stacks import LazyStack
from deidframe.engine.protect.groups import Groups, people_of
from deidframe.guard.earlier import Kept
from deidframe.guard.release import FileStack

FEW_NEW = "new since the earlier release, with too few other new people for a group"
"""Why a face of a new person is withheld: with people of a kept group he would be told apart from them by the earlier release."""


def few_left(left: int, k: int) -> str:
    """Say why a kept group is withheld."""
    return f"{left} people of its group of the earlier release are left, fewer than {k}"


def go_on(
    kept: Kept, encodings: Embeddings, people: tuple[str, ...], k: int, make: Callable[[NDArray[np.int64]], Groups]
) -> tuple[Groups, dict[int, Path], dict[int, str]]:
    """Return groups in which those of an earlier release go on.

    Args:
        kept: the groups of the earlier release.
        encodings, people: of the pictures.
        k: fewest people of a group.
        make: groups the pictures in these rows.

    Returns:
        The groups of everybody, the file that shows each kept group, and why pictures in some rows are withheld.
    """
    crowd, names, rows = people_of(encodings, people)
    present = Counter(kept.groups[name] for name in names if name in kept.groups)
    staying = sorted(picture for picture, count in present.items() if count >= k)
    number = {picture: n for n, picture in enumerate(staying)}
    labels = np.array([number.get(kept.groups.get(name, ""), -1) for name in names], np.int64)
    new = np.array([row for row, person in enumerate(people) if person not in kept.groups], np.int64)
    why = {row: few_left(present[kept.groups[person]], k) for row, person in enumerate(people) if person in kept.groups}
    if len({people[row] for row in new.tolist()}) >= k:
        more = make(new)
        of = dict(zip(more.names, more.settled.labels.tolist(), strict=True))
        for place, name in enumerate(names):
            if of.get(name, -1) >= 0:
                labels[place] = of[name] + len(staying)
    else:
        why |= dict.fromkeys(new.tolist(), FEW_NEW)
    settled = Partition(crowd.ids, labels)
    why = {row: reason for row, reason in why.items() if labels[rows[row]] < 0}
    return Groups(crowd, names, rows, settled, settled), {number[one]: kept.files[one] for one in staying}, why


def with_kept(made: FaceSet | None, chosen: FaceSet, labels: NDArray[np.int64], files: dict[int, Path]) -> FaceSet:
    """Return faces in which kept groups show the pictures of their files.

    Args:
        made: the faces of all other groups, in the order of `chosen`; None where there are none.
        chosen: the untouched faces.
        labels: `(N,)` their groups.
        files: of the kept groups.

    Raises:
        ReleaseRefused: a file shows a picture of another size.
    """
    numbers = sorted(files)
    stack = FileStack(tuple(files[n] for n in numbers), chosen.size)
    try:
        for start in range(len(stack)):
            stack[start : start + 1]
    except (ValueError, OSError, TypeError):
        raise ReleaseRefused("the pictures of the earlier release have another size; its groups cannot be kept") from None
    place = {n: at for at, n in enumerate(numbers)}
    other = np.cumsum(~np.isin(labels, numbers)) - 1

    def shown(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        out = np.empty((len(rows), *chosen.size, 3), np.uint8)
        for at, row in enumerate(rows.tolist()):
            group = int(labels[row])
            if group in place:
                out[at] = stack[place[group]][0]
            else:
                assert made is not None, "a group that is not kept was made"
                out[at] = np.asarray(made.images[int(other[row]) : int(other[row]) + 1])[0]
        return out

    return FaceSet(chosen.ids, LazyStack((len(chosen), *chosen.size, 3), shown), chosen.landmarks, chosen.subjects)
