"""What is taken of a face in a scene before its surrogate is known: where its mesh lies, and the colour of its skin.

A surrogate's pose and light follow from these alone, so the scene is opened again only to be drawn in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet, Points
from deidframe.contract.errors import ArtifactError
from deidframe.engine.scenes.regions import TEMPLES, Region

RIGID = (
    *(33, 133, 362, 263),  # corners of the eyes
    *(6, 168, 197, 195, 5, 4),  # bridge and tip of the nose
    *(98, 327, 48, 278, 64, 294, 2),  # its wings and base
    *(10, 151, 9, 8, 108, 337),  # forehead
    *(234, 454, 127, 356, 116),  # temples and cheeks
)
"""Points that a face does not move when it speaks, looks or smiles."""
SKIN = (10, 151, 9, 67, 297, 109, 338, 50, 280, 101, 330, 205, 425, 36, 266, 117, 346, 123, 352, 187, 411, 18, 200, 199, 175)
"""Points on bare skin, at which light is compared."""
SIDE = 256
"""Of the face picture that a landmarker is given."""
POINTS = 468
"""Of a mesh, in MediaPipe's order."""
Mark = Callable[[FaceSet], Points]
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shapes:
    """N faces, each as its mesh lies in its scene.

    Args:
        presence: `(N,)` 0 to 1, how surely a mesh lies on a face.
        rigid: `(N, R, 3)` pixels of the scene, right, down and away.
        skin: `(N, S, 3)` the same of points on skin.
        colours: `(N, S, 3)` RGB there.
        ears: `(N, 3)` the middle between both temples.
        ovals: `(N, 5)` the least oval over all points: x, y, across, down, angle.
    """

    presence: Floats
    rigid: Floats
    skin: Floats
    colours: Floats
    ears: Floats
    ovals: Floats

    def __len__(self) -> int:
        return len(self.presence)

    @classmethod
    def nowhere(cls, count: int) -> Shapes:
        """Return so many faces on which no mesh lies."""
        made = (np.zeros(shape, np.float32) for shape in ((), (len(RIGID), 3), (len(SKIN), 3), (len(SKIN), 3), (3,), (5,)))
        return cls(*(np.repeat(one[None], count, axis=0) for one in made))

    @classmethod
    def joined(cls, parts: Sequence[Shapes]) -> Shapes:
        """Return the faces of all parts, in their order."""
        whole = [cls.nowhere(0), *parts]
        return cls(*(np.concatenate([getattr(part, one.name) for part in whole]) for one in fields(cls)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return it as plain arrays."""
        return {f"shape_{one.name}": getattr(self, one.name) for one in fields(self)}

    @classmethod
    def of(cls, held: Mapping[str, NDArray[Any]]) -> Shapes:
        """Return what `arrays` gave."""
        return cls(*(held[f"shape_{one.name}"] for one in fields(cls)))

    def region(self, row: int, grow: float) -> Region:
        """Return the oval over the mesh of one face, so many times as large."""
        x, y, across, down, angle = (float(value) for value in self.ovals[row])
        return Region(x, y, across, down, angle).grown(grow)

    def take(self, rows: NDArray[np.int64]) -> Shapes:
        """Return these."""
        return Shapes(*(getattr(self, one.name)[rows] for one in fields(self)))

    def put(self, rows: NDArray[np.int64] | slice, faces: Shapes) -> None:
        """Write faces into these rows."""
        for one in fields(self):
            getattr(self, one.name)[rows] = getattr(faces, one.name)

    def smoothed(self, frames: NDArray[np.int64]) -> Shapes:
        """Return the faces of one track without the trembling of a mesh that is laid anew in every frame.

        Args:
            frames: `(N,)` rising.
        """
        place = {name: smooth(getattr(self, name), frames, self.presence, PLACE) for name in ("rigid", "skin", "ears", "ovals")}
        return replace(self, **place, colours=smooth(self.colours, frames, self.presence, LIGHT))


PLACE, LIGHT = 1.3, 4.0
"""Frames (one standard deviation) over which places, and colours, are smoothed."""


def smooth(values: Floats, frames: NDArray[np.int64], weights: Floats, sigma: float) -> Floats:
    """Return values through time as the line that fits best around each frame says (local linear regression, Gaussian weights).

    Source: Fan, Gijbels, Local polynomial modelling and its applications, 1996, section 2.3.

    Args:
        values: `(N, ...)`.
        frames: `(N,)` rising.
        weights: `(N,)`; what has none says nothing of others, and stays what it is where it stands alone.
    """
    count = len(values)
    flat = values.reshape(count, -1).astype(np.float64)
    out = flat.copy()
    reach = int(np.ceil(3 * sigma))
    for n in range(count):
        low, high = np.searchsorted(frames, (frames[n] - reach, frames[n] + reach + 1))
        t = (frames[low:high] - frames[n]).astype(np.float64)
        w = np.exp(-0.5 * (t / sigma) ** 2) * weights[low:high]
        total, first, second = w.sum(), (w * t).sum(), (w * t * t).sum()
        away = total * second - first**2
        if total <= 1e-6 or away <= 1e-6 * total**2:
            continue
        kernel = w * (second - first * t) / away
        out[n] = kernel @ flat[low:high]
    return out.reshape(values.shape).astype(np.float32)


def shapes_of(picture: Pixels, landmarks: Floats, mark: Mark) -> Shapes:
    """Lay a mesh over each face of a picture; see `cut_and_marked`."""
    return cut_and_marked(picture, landmarks, mark)[0]


def cut_and_marked(picture: Pixels, landmarks: Floats, mark: Mark) -> tuple[Shapes, Pixels]:
    """Lay a mesh over each face of a picture, and return also the faces `(F, 256, 256, 3)` as they were cut to the template.

    Args:
        picture: the scene.
        landmarks: `(F, 5, 2)`.
        mark: asks a landmarker.
    """
    count = len(landmarks)
    target = align.template(SIDE)
    matrices = [_matrix(one, target) for one in landmarks]
    rows = [row for row in range(count) if matrices[row] is not None]
    cut = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    if not rows:
        return Shapes.nowhere(count), cut
    kept = [matrix for matrix in matrices if matrix is not None]
    crops = np.stack([align.warp(picture, matrix, SIDE) for matrix in kept])
    cut[rows] = crops
    own = np.stack([align.apply(matrix, landmarks[row]) for row, matrix in zip(rows, kept, strict=True)])
    found = marked(mark, FaceSet(tuple(str(row) for row in rows), crops, own))
    out = Shapes.nowhere(count)
    blurred = np.asarray(cv2.blur(picture, (5, 5)))
    for n, row in enumerate(rows):
        mesh = in_scene(found.points[n], kept[n])
        out.presence[row] = found.presence[n]
        out.rigid[row], out.skin[row] = mesh[list(RIGID)], mesh[list(SKIN)]
        out.ears[row] = mesh[list(TEMPLES)].mean(axis=0)
        out.colours[row] = colours_at(blurred, mesh[list(SKIN)])
        oval = Region.over(np.concatenate([mesh[:, :2], landmarks[row]]), 1.0)
        out.ovals[row] = (oval.x, oval.y, oval.across, oval.down, oval.angle)
    return out, cut


def marked(mark: Mark, faces: FaceSet) -> Points:
    """Ask a landmarker.

    Raises:
        ArtifactError: its points are not those of the mesh that is drawn with.
    """
    found = mark(faces)
    if found.points.shape[1] < POINTS:
        raise ArtifactError("landmarker", "points", f"at least {POINTS} points, in MediaPipe's order", found.points.shape[1])
    return Points(found.ids, found.points[:, :POINTS], found.presence)


def _matrix(landmarks: Floats, target: Floats) -> NDArray[np.float64] | None:
    try:
        matrix = align.similarity(landmarks, target)
    except ValueError:
        return None
    return matrix if np.isfinite(matrix).all() and np.linalg.det(matrix[:, :2]) > 1e-9 else None


def in_scene(points: Floats, matrix: NDArray[np.float64]) -> Floats:
    """Return `(P, 3)` points of a face picture in pixels of the scene from which `matrix` cut it."""
    turn, shift = matrix[:, :2], matrix[:, 2]
    flat = np.linalg.solve(turn, (points[:, :2].astype(np.float64) - shift).T).T
    depth = points[:, 2:] / np.sqrt(np.linalg.det(turn))
    return np.concatenate([flat, depth], axis=1).astype(np.float32)


def colours_at(blurred: NDArray[Any], points: NDArray[np.floating]) -> Floats:
    """Return `(M, 3)` colours of a picture, blurred over 5 x 5 pixels, at points."""
    x = np.clip(np.rint(points[:, 0]).astype(np.int64), 0, blurred.shape[1] - 1)
    y = np.clip(np.rint(points[:, 1]).astype(np.int64), 0, blurred.shape[0] - 1)
    return np.asarray(blurred[y, x], np.float32)
