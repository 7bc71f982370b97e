"""What the explorer draws later: encodings of people before and after, under `private`, of so many people that it stays small."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.guard.hygiene import encode_jpeg
from deidframe.guard.release import Release
from deidframe.record.write import write_bytes

PEOPLE = 10_000
"""People that are kept, evenly taken in the order of their names."""
PICTURES = 1_500
"""Thumbnails of a method, or of originals, that are kept at most."""
SIDE = 64
"""Pixels of a thumbnail."""
HOME = Path("private") / "explore"


def keep_for_explorer(
    folder: Path, slug: str, pool: ComponentPool, judges: Sequence[Step], release: Release, *, show_originals: bool
) -> None:
    """Write the mean encodings of people before and after one method, and thumbnails.

    `people`: names. `group` `(P,)` int64, -1 without. For each encoder E: `before_E`, `after_E` `(P, D)` float16 means of unit
    encodings, `spread_before_E`, `spread_after_E` `(P,)` float32 mean distances of a person's pictures to their mean. `shown`,
    `originals`: JPEG thumbnails one after the other, with `shown_at`, `originals_at` where each begins, and `shown_of`,
    `originals_of` `(P,)` which is whose, -1 for none.

    Args:
        folder: the run folder.
        slug: of the method.
        pool: of the run.
        judges: encoders, two at most are kept.
        release: of the method.
        show_originals: nobody of them exists, or the owner asked for originals.
    """
    if not len(release):
        return
    names, person = np.unique(np.array(release.subjects), return_inverse=True)
    kept = np.unique(np.linspace(0, len(names) - 1, min(PEOPLE, len(names))).astype(np.int64))
    place = np.full(len(names), -1, np.int64)
    place[kept] = np.arange(len(kept))
    of = place[person]
    rows = np.flatnonzero(of >= 0)
    of = of[rows]
    originals, faces = release.originals.take(rows), release.faces.take(rows)
    held: dict[str, Any] = {"people": names[kept], "encoders": np.array([step.name for step in judges[:2]])}
    for step in judges[:2]:
        recognizer = pool.recognizer(step)
        before = recognizer.encode(originals).vectors
        after = recognizer.recognize(faces, known_landmarks=True).embeddings.vectors
        for name, vectors in (("before", before), ("after", after)):
            mean, spread = _of_people(vectors, of, len(kept))
            held[f"{name}_{step.name}"], held[f"spread_{name}_{step.name}"] = mean.astype(np.float16), spread.astype(np.float32)
    group = np.full(len(kept), -1, np.int64)
    if release.groups is not None:
        group[of] = [release.groups[face] for face in faces.ids]
    held["group"] = group
    first = np.unique(of, return_index=True)[1]
    held |= _pictures("shown", faces, first, release.picture_of[rows][first])
    if show_originals:
        held |= _pictures("originals", originals, first, first)
    out = io.BytesIO()
    np.savez_compressed(out, **held)
    write_bytes(folder / HOME / f"{slug}.npz", out.getvalue(), private=True)


def _of_people(vectors: NDArray[Any], of: NDArray[np.int64], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each person's rows, and the mean distance of the rows to it."""
    sums = np.zeros((count, vectors.shape[1]))
    np.add.at(sums, of, vectors)
    sizes = np.bincount(of, minlength=count)
    mean = sums / sizes[:, None]
    far = np.linalg.norm(vectors - mean[of], axis=1)
    return mean, np.bincount(of, far, minlength=count) / sizes


def _pictures(name: str, faces: FaceSet, rows: NDArray[np.int64], which: NDArray[np.int64]) -> dict[str, Any]:
    """Return thumbnails of the different pictures among some rows, in the order of people."""
    _, first, number = np.unique(which, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")[:PICTURES]
    place = np.full(len(first), -1, np.int64)
    place[order] = np.arange(len(order))
    files = []
    for n in order.tolist():
        picture = np.asarray(faces.images[rows[first[n]] : rows[first[n]] + 1])[0]
        files.append(encode_jpeg(np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)))
    at = np.cumsum([0, *map(len, files)])
    return {name: np.frombuffer(b"".join(files), np.uint8), f"{name}_at": at, f"{name}_of": place[number]}
