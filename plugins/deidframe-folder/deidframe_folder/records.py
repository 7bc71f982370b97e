"""From what a layout says of its files to photos of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import NothingToDo, Photos, UnreadablePhoto
from deidframe_folder.pictures import EXTENSIONS, decode_picture
from deidframe_folder.trees import Tree

NO_PICTURE = "not a picture"


@dataclass(frozen=True)
class Record:
    """One picture.

    Args:
        name: its file.
        person: who is on it, None where the layout does not say.
        columns: what else is known of it.
    """

    name: str
    person: str | None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TreeOpener:
    """Opens a picture of a tree; picklable where the tree is."""

    tree: Tree
    max_megapixels: float

    def __call__(self, name: str) -> NDArray[np.uint8]:
        """Return the pixels of one picture."""
        return decode_picture(self.tree.read(name), self.max_megapixels)


def is_picture_name(name: str) -> bool:
    """Whether a file is called as pictures are, and is not hidden."""
    path = PurePosixPath(name)
    return path.suffix.lower() in EXTENSIONS and not any(part.startswith((".", "__MACOSX")) for part in path.parts)


def photos_of(
    tree: Tree, records: Sequence[Record], skipped: Mapping[str, str], notes: Sequence[str], max_megapixels: float, what: str
) -> Photos:
    """Return the photos of a tree.

    Args:
        tree: where they lie.
        records: of them; of two with one name the first counts.
        skipped: name -> why it is none.
        notes: for the owner.
        max_megapixels: a larger picture is withheld.
        what: name of the source, for errors.

    Raises:
        NothingToDo: there is none.
    """
    by_name: dict[str, Record] = {}
    for one in records:
        by_name.setdefault(one.name, one)
    if not by_name:
        reasons = sorted(set(skipped.values()))
        raise NothingToDo(f"source {what}: no picture in its layout was found{': ' + '; '.join(reasons[:3]) if reasons else ''}")
    ids = tuple(sorted(by_name))
    known = all(by_name[name].person is not None for name in ids)
    columns = {name: dict(by_name[name].columns) for name in ids if by_name[name].columns}
    left = {name: why for name, why in skipped.items() if name not in by_name}
    return Photos(
        ids,
        TreeOpener(tree, max_megapixels),
        tuple(str(by_name[name].person) for name in ids) if known else None,
        tree.fingerprint,
        left,
        tree.folder,
        tuple(notes),
        columns=columns,
    )


def text_of(tree: Tree, name: str) -> str | None:
    """Return a text file of a tree, None where there is none."""
    try:
        return tree.read(name).decode("utf-8-sig", "replace")
    except UnreadablePhoto:
        return None
