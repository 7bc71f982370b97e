"""Keep what a slow synthesizer made, group by group, so that a kill loses a minute and a second run makes nothing again."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet, Surrogates
from deidframe.contract.errors import ArtifactError
from deidframe.contract.stacks import IndexedStack, new_pictures
from deidframe.contract.version import CONTRACT_VERSION
from deidframe.engine.progress import Reporter
from deidframe.engine.step import Step
from deidframe.models.catalogue import listed_weights
from deidframe.record.store import Store

BATCH = 64


def identity(step: Step) -> dict[str, Any]:
    """Return all that makes a component's result what it is, besides its input: who made it, in which version, with what.

    The code itself is part of it: in a source tree it changes while the version stays.
    """
    listed = step.loaded.listed
    held = {w.name: w.sha256 for w in listed_weights([listed.package])}
    return {
        "role": step.role,
        "name": step.loaded.qualified,
        "version": metadata.version(listed.distribution) if listed.distribution in _installed() else "",
        "code": code_of(listed.package[0]),
        "contract": CONTRACT_VERSION,
        "params": step.params.model_dump(mode="json"),
        "weights": {name: held.get(name, "") for name in step.loaded.component.weights},
        "others": {name: identity(other) for name, other in sorted(step.others.items())},
    }


def synthesize_kept(
    store: Store,
    draw: Callable[[FaceSet, Surrogates], FaceSet],
    step: Step,
    facts: dict[str, Any],
    faces: FaceSet,
    surrogates: Surrogates,
    reporter: Reporter,
) -> FaceSet:
    """Return what the synthesizer makes of all groups, asking it only for those that the store does not hold.

    Only for components that say `independent`: a group's picture follows from that group's rows alone.

    Args:
        draw: asks the synthesizer. facts: identity of it and of all that it sees with. faces, surrogates: one row for each face.

    Raises:
        ArtifactError: the component broke its contract.
    """
    groups, inverse = np.unique(surrogates.groups, return_inverse=True)
    rows_of = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    seen = face_digests(faces)
    keys = [Store.key({**facts, "group": _group_facts(surrogates, rows, seen)}) for rows in rows_of]
    height, width = faces.size
    pictures: NDArray[np.uint8] | None = None
    at_once = max(1, int(getattr(step.params, "groups_at_once", 8)))
    todo = []
    for place, key in enumerate(keys):
        kept = store.get(key, "surrogates")
        if kept is None:
            todo.append(place)
            continue
        picture = np.asarray(cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1]
        pictures = _room(pictures, len(groups), picture)
        pictures[place] = picture
    if len(todo) < len(groups):
        reporter.say(f"  {len(groups) - len(todo)} of {len(groups)} surrogates are kept from before")
    for start in range(0, len(todo), at_once):
        part = todo[start : start + at_once]
        rows = np.sort(np.concatenate([rows_of[place] for place in part]))
        asked = _taken(surrogates, rows)
        made = draw(faces.take(rows), asked)
        for place in part:
            here = np.flatnonzero(inverse[rows] == place)
            shown = np.asarray(made.images[here])
            if (shown != shown[:1]).any():
                raise ArtifactError(step.who, "images", "one picture for all faces of a group", "several")
            done, buffer = cv2.imencode(".png", np.ascontiguousarray(shown[0][:, :, ::-1]))
            assert done, "a picture of bytes is always a PNG"
            store.put(keys[place], bytes(buffer))
            pictures = _room(pictures, len(groups), shown[0])
            pictures[place] = shown[0]
    if pictures is None:
        pictures = new_pictures(0, height, width, Path())
    return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)), faces.landmarks)


def face_digests(faces: FaceSet) -> list[str]:
    """Return a sha256 of each face's pixels and landmarks; pictures are read in batches."""
    out = []
    for batch in faces.batches(BATCH):
        marks = batch.landmarks
        for row, picture in enumerate(np.asarray(batch.images[:])):
            digest = hashlib.sha256(np.ascontiguousarray(picture).tobytes())
            if marks is not None:
                digest.update(np.ascontiguousarray(marks[row]).tobytes())
            out.append(digest.hexdigest())
    return out


def _group_facts(surrogates: Surrogates, rows: NDArray[np.int64], seen: Sequence[str]) -> dict[str, Any]:
    # by content and not by position, so that neither the order of input nor other groups matter
    members = sorted((seen[row], f"{surrogates.weights[row]:.17g}") for row in rows.tolist())
    target = hashlib.sha256(np.ascontiguousarray(surrogates.targets[rows[0]]).tobytes()).hexdigest()
    return {"members": members, "target": target, "space": surrogates.space}


def _taken(surrogates: Surrogates, rows: NDArray[np.int64]) -> Surrogates:
    ids = tuple(surrogates.ids[row] for row in rows.tolist())
    return Surrogates(ids, surrogates.targets[rows], surrogates.groups[rows], surrogates.weights[rows], surrogates.space)


def _room(pictures: NDArray[np.uint8] | None, count: int, like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.zeros((count, *like.shape), np.uint8) if pictures is None else pictures


@functools.cache
def _installed() -> frozenset[str]:
    return frozenset(str(d.metadata["Name"]) for d in metadata.distributions() if d.metadata["Name"])


@functools.cache
def code_of(package: str) -> str:
    """Return a sha256 over a package's Python files, "" for a module made at run time."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:
        return ""
    if spec is None or not spec.origin:
        return ""
    digest = hashlib.sha256()
    for path in sorted(Path(spec.origin).parent.rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
