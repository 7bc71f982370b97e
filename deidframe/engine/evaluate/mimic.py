"""Run a method on people who are an attacker's own, through files as a release goes, for nobody but that attacker."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ArtifactError, NothingToDo, ReleaseRefused
from deidframe.contract.stacks import IndexedStack
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.recognizer import base_of
from deidframe.engine.planning.plan import MethodPlan
from deidframe.engine.protect.method import protect
from deidframe.guard.hygiene import write_pictures
from deidframe.guard.release import FileStack

UNCHANGED = "the method changes nothing, so there is nothing to learn or to repeat"


def mimic(pool: ComponentPool, method: MethodPlan | None) -> Callable[[FaceSet], FaceSet]:
    """Return the method as a function of faces, for an attacker who owns the tool.

    What it gives for pictures of the run's database is made once for all attacks of a run; it lies in the pool's private scratch
    folder, is never published, and goes with it.

    Raises:
        NothingToDo: there is no method.
    """
    if method is None:
        raise NothingToDo(UNCHANGED)
    if "redactor" not in method.steps and "synthesizer" not in method.steps:
        raise NothingToDo(UNCHANGED)

    def run(faces: FaceSet) -> FaceSet:
        if faces.subjects is None:
            raise ArtifactError("mimic", "subjects", "who is on each face", "None")
        if method.k is not None and len(set(faces.subjects)) < method.k:
            raise NothingToDo(f"an attacker with {len(set(faces.subjects))} people cannot run a method with k = {method.k}")
        base, rows = base_of(faces)
        names = "\0".join((*faces.ids, *faces.subjects)).encode("utf-8", "surrogateescape")
        whose = f"mimic|{id(base)}|{hashlib.sha256(rows.tobytes() + names).hexdigest()}"
        if not pool.holds(base):
            return _made(pool, method, faces, whose)
        return pool.once(f"{whose}|{method.slug}", lambda: _made(pool, method, faces, whose))

    return run


def _made(pool: ComponentPool, method: MethodPlan, faces: FaceSet, whose: str) -> FaceSet:
    """Protect, write and read back."""
    noted = len(pool.records)
    try:
        made = protect(pool, faces, method, whose=whose).faces
    except ReleaseRefused as error:
        raise NothingToDo(f"the method refuses the attacker's own people: {error}") from error
    finally:
        del pool.records[noted:]  # what it notes of them belongs to no release
    folder = pool.scratch / f"mimic-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    first: dict[str, int] = {}
    place, paths = [], list[Path]()
    for _, name, digest in write_pictures(made, folder, secrets.token_bytes(32), "mimic"):
        if digest not in first:
            first[digest] = len(paths)
            paths.append(folder / name)
        place.append(first[digest])
    stack = IndexedStack(FileStack(tuple(paths), made.size), np.array(place, np.int64))
    out = FaceSet(made.ids, stack, made.landmarks, made.subjects)
    pool.cache_faces(out)
    return out
