"""Run a method on people who are an attacker's own, through files as a release goes, for nobody but that attacker."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ArtifactError, NothingToDo, ReleaseRefused
from deidframe.contract.stacks import IndexedStack, Stack
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.recognizer import base_of
from deidframe.engine.planning.plan import MethodPlan
from deidframe.engine.protect.method import protect
from deidframe.guard.hygiene import write_pictures
from deidframe.guard.release import FileStack

UNCHANGED = "the method changes nothing, so there is nothing to learn or to repeat"
OTHER = "somebody else called "
"""Comes before the names of an attacker's people, which may be guessed ones of the run: who owns the tool has none of its
secrets, so a method that chooses by a secret and a name must choose for them as it does for others."""


class Mimic:
    """A method as a function of faces, for an attacker who owns the tool.

    What it gives is made once for all attacks on the method; it lies in the pool's private scratch folder, is never published,
    and goes when the method is through.

    Args:
        pool: of the run.
        method: changes faces.
    """

    def __init__(self, pool: ComponentPool, method: MethodPlan) -> None:
        self._pool, self._method = pool, method
        self._made: dict[str, tuple[Stack, Path, FaceSet]] = {}  # the stack is held, so that its identity is not given to another

    @classmethod
    def of(cls, pool: ComponentPool, method: MethodPlan) -> Mimic | None:
        """Return a method's, None where it changes nothing."""
        return cls(pool, method) if {"redactor", "synthesizer"} & set(method.steps) else None

    def __call__(self, faces: FaceSet) -> FaceSet:
        """Return what the method makes of faces with subjects, read back from files.

        Raises:
            NothingToDo: there are too few people for it, or it refuses them.
        """
        if faces.subjects is None:
            raise ArtifactError("mimic", "subjects", "who is on each face", "None")
        k, people = self._method.k, len(set(faces.subjects))
        if k is not None and people < k:
            raise NothingToDo(f"an attacker with {people} people cannot run a method with k = {k}")
        base, rows = base_of(faces)
        names = "\0".join((*faces.ids, *faces.subjects)).encode("utf-8", "surrogateescape")
        whose = f"mimic|{id(base)}|{hashlib.sha256(rows.tobytes() + names).hexdigest()}"
        if whose not in self._made:
            shared = whose if self._pool.holds(base) else f"mimic|{secrets.token_hex(8)}"
            self._made[whose] = (base, *_made(self._pool, self._method, faces, shared))
        return self._made[whose][2]

    def drop(self) -> None:
        """Remove what was made."""
        for _, folder, faces in self._made.values():
            self._pool.drop_faces(faces)
            shutil.rmtree(folder, ignore_errors=True)
        self._made.clear()


def given_mimic(mimic: Mimic | None) -> Mimic:
    """Return it.

    Raises:
        NothingToDo: there is none.
    """
    if mimic is None:
        raise NothingToDo(UNCHANGED)
    return mimic


def _made(pool: ComponentPool, method: MethodPlan, faces: FaceSet, whose: str) -> tuple[Path, FaceSet]:
    """Protect, write and read back."""
    noted = len(pool.records)
    try:
        of_others = replace(faces, subjects=tuple(f"{OTHER}{person}" for person in faces.subjects or ()))
        made = protect(pool, of_others, method, whose=whose).faces
        made = replace(made, subjects=tuple(person.removeprefix(OTHER) for person in made.subjects or ()))
    except ReleaseRefused as error:
        raise NothingToDo(f"the method refuses the attacker's own people: {error}") from error
    finally:
        del pool.records[noted:]  # what it notes of them belongs to no release
    folder = pool.scratch / f"mimic-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    first: dict[str, int] = {}
    place, paths = [], list[Path]()
    for _, name, digest, _ in write_pictures(made, folder, secrets.token_bytes(32), "mimic"):
        if digest not in first:
            first[digest] = len(paths)
            paths.append(folder / name)
        place.append(first[digest])
    stack = IndexedStack(FileStack(tuple(paths), made.size), np.array(place, np.int64))
    out = FaceSet(made.ids, stack, made.landmarks, made.subjects)
    pool.cache_faces(out)
    return folder, out
