"""Keep what a slow synthesizer made, group by group, so that a kill loses a minute and a second run makes nothing again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet, Surrogates
from deidframe.contract.errors import ArtifactError
from deidframe.contract.stacks import IndexedStack, new_pictures
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.runtime.progress import Reporter

BATCH = 64
Elsewhere = Callable[[list[tuple[FaceSet, Surrogates]]], Iterator[tuple[int, FaceSet]]]


def synthesize_cached(
    cache: DiskCache,
    draw: Callable[[FaceSet, Surrogates], FaceSet],
    who: str,
    at_once: int,
    facts: dict[str, Any],
    faces: FaceSet,
    surrogates: Surrogates,
    reporter: Reporter,
    elsewhere: Elsewhere | None = None,
) -> FaceSet:
    """Return what the synthesizer makes of all groups, asking it only for those that the cache does not hold.

    Only for components that say `per_group`: a group's picture follows from that group's rows alone.

    Args:
        draw: asks the synthesizer.
        who: its name for errors.
        at_once: groups asked for at a time.
        facts: identity of it and of all that it sees with.
        faces, surrogates: one row for each face.
        elsewhere: draws several requests at once, on other machines, and yields the number of each and what it made.

    Raises:
        ArtifactError: the component broke its contract.
    """
    groups, inverse = np.unique(surrogates.groups, return_inverse=True)
    rows_of = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    seen = face_digests(faces)
    keys = [DiskCache.key({**facts, "group": _group_facts(surrogates, rows, seen)}) for rows in rows_of]
    height, width = faces.size
    pictures: NDArray[np.uint8] | None = None
    todo = []
    for place, key in enumerate(keys):
        kept = cache.get(key, "surrogates")
        if kept is None:
            todo.append(place)
            continue
        read = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR)
        assert read is not None, "an entry is sealed"
        picture = np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)
        pictures = _room(pictures, len(groups), picture)
        pictures[place] = picture
    if len(todo) < len(groups):
        reporter.say(f"  {len(groups) - len(todo)} of {len(groups)} surrogates are kept from before")
    parts = [todo[start : start + at_once] for start in range(0, len(todo), at_once)]
    rows_in = [np.sort(np.concatenate([rows_of[place] for place in part])) for part in parts]
    if elsewhere is not None:
        done = elsewhere([(faces.take(rows), surrogates.take(rows)) for rows in rows_in])
    else:
        done = ((number, draw(faces.take(rows), surrogates.take(rows))) for number, rows in enumerate(rows_in))
    for number, made in done:
        rows = rows_in[number]
        for place in parts[number]:
            here = np.flatnonzero(inverse[rows] == place)
            shown = np.asarray(made.images[here])
            if (shown != shown[:1]).any():
                raise ArtifactError(who, "images", "one picture for all faces of a group", "several")
            encoded, buffer = cv2.imencode(".png", cv2.cvtColor(shown[0], cv2.COLOR_RGB2BGR))
            assert encoded, "a picture of bytes is always a PNG"
            cache.put(keys[place], bytes(buffer))
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
    first = rows[0]
    also = {space: _digest(targets[first]) for space, targets in sorted(surrogates.elsewhere.items())}
    facts = {"members": members, "target": _digest(surrogates.targets[first]), "space": surrogates.space}
    return {**facts, "elsewhere": also} if also else facts


def _digest(target: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(target).tobytes()).hexdigest()


def _room(pictures: NDArray[np.uint8] | None, count: int, like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.zeros((count, *like.shape), np.uint8) if pictures is None else pictures
