"""Write a method's faces to files first and look only at the files from then on: what is attacked is what is released."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from deidframe.contract.artifacts import FaceSet
from deidframe.engine.protect.method import Protected
from deidframe.engine.runtime.progress import Reporter
from deidframe.guard.hygiene import write_again, write_pictures
from deidframe.guard.release import Promise, Release


def stage(
    made: Protected, clear: FaceSet, method: str, slug: str, promise: Promise, folder: Path, key: bytes, reporter: Reporter
) -> Release:
    """Write the faces of a method into an empty folder and return them as the files show them.

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
    with reporter.task("write faces", len(made.faces)) as advance:
        groups = made.groups or {}
        again = {face: made.kept[groups[face]] for face in made.faces.ids if face in groups and groups[face] in made.kept}
        fresh = made.faces.take([row for row, face in enumerate(made.faces.ids) if face not in again]) if again else made.faces
        for face, name, digest in chain(write_pictures(fresh, folder, key, slug), write_again(again, folder, key, slug)):
            names[face], digests[face] = name, digest
            advance(1)
    unread = Release(
        method, originals_of(made, clear), made.faces, made.withheld, promise, names, digests, folder, made.groups, made.people
    )
    return unread.moved(folder)


def originals_of(made: Protected, clear: FaceSet) -> FaceSet:
    """Return the untouched faces behind what a method made, in its order."""
    row = {face: n for n, face in enumerate(clear.ids)}
    return clear.take([row[face] for face in made.faces.ids])
