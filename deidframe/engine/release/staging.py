"""Write a method's faces to files first and look only at the files from then on: what is attacked is what is released."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from deidframe.contract.artifacts import FaceSet
from deidframe.engine.protect.method import Protected
from deidframe.engine.runtime.progress import Reporter
from deidframe.guard.hygiene import BATCH, Written, write_again, write_pictures
from deidframe.guard.release import Promise, Release
from deidframe.guard.residual import Residual, compare_written


def stage(
    made: Protected,
    clear: FaceSet,
    method: str,
    slug: str,
    promise: Promise,
    folder: Path,
    key: bytes,
    reporter: Reporter,
) -> tuple[Release, Residual]:
    """Write the faces of a method into an empty folder and return them as the files show them, and which show their originals.

    Each file is held against its original as soon as it is written: a method that takes faces one by one has just had that
    original in its hands, and in a large database it would have to be decoded again later.

    Args:
        made: what the method made.
        clear: all faces of the run.
        method, slug: its name, and the one in file names.
        folder: for the files, made here.
        key: secret of the file names.
    """
    folder.mkdir(parents=True)
    names: dict[str, str] = {}
    digests: dict[str, str] = {}
    same: list[str] = []
    originals = originals_of(made, clear)
    with reporter.task("write faces", len(made.faces)) as advance:
        row = {face: n for n, face in enumerate(made.faces.ids)}
        written = _files(made, folder, key, slug)
        while files := tuple(islice(written, BATCH)):
            for file in files:
                names[file.face], digests[file.face] = file.name, file.digest
            same += compare_written(files, originals.take([row[file.face] for file in files]))
            advance(len(files))
    unread = Release(method, originals, made.faces, made.withheld, promise, names, digests, folder, made.groups, made.people)
    return unread.moved(folder), Residual(frozenset(names), frozenset(same))


def _files(made: Protected, folder: Path, key: bytes, slug: str) -> Iterator[Written]:
    """Write the files."""
    groups = made.groups or {}
    again = {face: made.kept[groups[face]] for face in made.faces.ids if face in groups and groups[face] in made.kept}
    fresh = made.faces.take([row for row, face in enumerate(made.faces.ids) if face not in again]) if again else made.faces
    yield from chain(write_pictures(fresh, folder, key, slug), write_again(again, folder, key, slug))


def originals_of(made: Protected, clear: FaceSet) -> FaceSet:
    """Return the untouched faces behind what a method made, in its order."""
    row = {face: n for n, face in enumerate(clear.ids)}
    return clear.take([row[face] for face in made.faces.ids])
