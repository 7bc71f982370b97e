"""Redactors that take more than a face: all pictures of a person together, or whole photos, out of which faces are then cut."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import PluginError, UnreadablePhoto
from deidframe.contract.photos import Detections, Photos
from deidframe.contract.stacks import LazyStack, Stack, new_pictures
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.recognizer import base_of
from deidframe.engine.components.step import Step
from deidframe.engine.intake.crops import SIZE, CropStack, cut
from deidframe.recipe.public import without_places

AT_ONCE = 64
"""Photos that a redactor is given at a time; it opens them itself, one after the other if it likes."""
SIDES = 0.6
"""Of the eyes' distance: by so much a box around five landmarks is smaller than a face, on every side."""


def by_person(pool: ComponentPool, step: Step, faces: FaceSet, people: tuple[str, ...]) -> Stack:
    """Return what a redactor makes of each person's pictures, given together; in the order of `faces`.

    Args:
        faces: with subjects only if the redactor asks for them; people: who is on each.
    """
    rows_of: dict[str, list[int]] = {}
    for row, person in enumerate(people):
        rows_of.setdefault(person, []).append(row)
    pictures = new_pictures(len(faces), *faces.size, pool.scratch)
    with pool.reporter.task(f"{step.name}, a person at a time", len(rows_of)) as advance:
        for rows in rows_of.values():
            made: FaceSet = pool.call(step, faces.take(rows))
            pictures[np.array(rows)] = np.asarray(made.images[:])
            advance(1)
    return pictures


def by_scene(pool: ComponentPool, step: Step, faces: FaceSet) -> LazyStack:
    """Return the faces as they lie in whole photos that a redactor made; photos are made when their faces are asked for.

    Raises:
        PluginError: these faces were not cut out of photos.
    """
    base, rows = base_of(faces)
    if not isinstance(base, CropStack):
        raise PluginError(f"{step.who} takes whole photos, and these faces come from none")
    stack: CropStack = base

    def made(places: NDArray[np.int64]) -> NDArray[np.uint8]:
        out = np.zeros((len(places), SIZE, SIZE, 3), np.uint8)
        by_photo: dict[str, list[int]] = {}
        for n, place in enumerate(places.tolist()):
            by_photo.setdefault(stack.photo_ids[rows[place]], []).append(n)
        names = list(by_photo)
        for start in range(0, len(names), AT_ONCE):
            part = names[start : start + AT_ONCE]
            opener = _Measured(stack.photos)
            photos = Photos(tuple(part), opener)
            first = [int(rows[places[by_photo[name][0]]]) for name in part]
            seen = Detections.join([_seen(stack, name, row) for name, row in zip(part, first, strict=True)])
            back: Photos = pool.call(step, photos, seen, verb="redact_scene")
            for name in part:
                picture = _opened(pool, step, back, name, opener.size_of(name))
                for n in by_photo[name]:
                    if isinstance(picture, str):
                        pool.leave_out(faces.ids[places[n]], f"{step.name}: {picture}")
                        continue
                    row = int(rows[places[n]])
                    out[n] = cut(picture, stack.matrices[row], stack.beside(row))
        return out

    return LazyStack((len(faces), SIZE, SIZE, 3), made)


class _Measured:
    """Opens photos and notes how large they are."""

    def __init__(self, photos: Photos) -> None:
        self._photos = photos
        self._sizes: dict[str, tuple[int, ...]] = {}

    def __call__(self, name: str) -> NDArray[np.uint8]:
        picture = self._photos.open(name)
        self._sizes[name] = picture.shape
        return picture

    def size_of(self, name: str) -> tuple[int, ...]:
        """Return the shape of a photo, opening one that nobody opened."""
        return self._sizes.get(name) or self(name).shape


def _seen(stack: CropStack, name: str, row: int) -> Detections:
    """Return all faces of a photo, the one that is meant first; the others' landmarks are where faces mostly have them."""
    inverse = np.linalg.inv(np.vstack([stack.matrices[row], [0, 0, 1]]))[:2]
    marks = [align.apply(inverse, align.template(SIZE))]
    reach = SIDES * float(np.linalg.norm(marks[0][1] - marks[0][0]))
    boxes = [np.concatenate([marks[0].min(axis=0) - reach, marks[0].max(axis=0) + reach])]
    around = align.template(1)
    low, high = around.min(axis=0), around.max(axis=0)
    inside = 0.2 + 0.6 * (around - low) / (high - low)
    for box in stack.beside(row):
        boxes.append(box)
        marks.append(box[:2] + inside * (box[2:] - box[:2]))
    scores = np.linspace(1, 0.5, len(boxes))
    return Detections.one(name, np.array(boxes, np.float32), np.array(marks, np.float32), scores.astype(np.float32))


def _opened(pool: ComponentPool, step: Step, back: Photos, name: str, shape: tuple[int, ...]) -> Any:
    """Return a photo that a redactor made, or why there is none."""
    if name in back.skipped:
        return without_places(back.skipped[name])
    try:
        picture = pool.guarded_open(step, back, name)
    except UnreadablePhoto as error:
        return error.reason
    if picture.shape != shape:
        return f"it made another size of it ({picture.shape[1]} x {picture.shape[0]})"
    return picture
