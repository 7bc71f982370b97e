"""Draw a surrogate over a face in a scene: posed as the face is, lit as it is, and following from nothing else of it.

Of a face leave six numbers of pose (three of rotation, scale, two of place) and nine of light (a plane of brightness for each
colour). Its shape does not: the surrogate's mesh is moved as a rigid body.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from deidframe.engine.scenes.covers import Face, fill, filled, union_of
from deidframe.engine.scenes.regions import GROW, TEMPLES, Region
from deidframe.engine.scenes.shapes import RIGID, SKIN, Shapes, colours_at

MOST_TURNED = 45.0
"""Degrees of yaw, and two thirds of it of pitch, beyond which half of the surrogate would have to be made up: the fill stays."""
SURE = 0.5
"""Presence of a mesh from which on a face is drawn."""
INSIDE, AROUND = 0.75, 0.7
"""Share of a sighting's inner part (its oval, so many times as large) that the oval over the mesh has to hold."""
WIDEST = 1.5
"""Of the region of a sighting, beyond which an oval over a mesh does not lie on that face."""
SMALLEST = 10.0
"""Half axis in pixels of an oval below which nothing of a surrogate would show."""
FACING = 0.35
"""Cosine between the line of sight and a point's direction from the middle of the head, from which on it counts for light."""
SLANT = 0.12
"""Least share of a triangle's own area in which it is drawn: the cosine of its slant to the viewer."""
FEATHER = 0.06
"""Of the region's width over which a drawn face fades into what is around it."""
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Texture:
    """A surrogate's picture and the mesh over it.

    Args:
        picture: `(S, S, 3)` uint8.
        points: `(P, 3)` pixels of it.
        triangles: `(T, 3)` rows of points, as they lie in the picture.
        digest: of picture and points.
        matte: `(S, S)` 0 to 1, what of the picture is the head; None where its face alone is drawn.
    """

    picture: Pixels
    points: Floats
    triangles: NDArray[np.int64]
    digest: bytes
    matte: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, picture: Pixels, points: NDArray[np.float32], rim: float = 1.0) -> Texture:
        """Return it; triangles are those of the flat mesh (Delaunay).

        Args:
            rim: a ring of points around the mesh, so many times as far out as its oval, draws hair, ears and neck with the face.
        """
        flat = np.asarray(points, np.float64)
        matte = matte_of(picture, flat[:, :2]) if rim > 1 else None
        if rim > 1:
            flat = np.concatenate([flat, ring(flat, rim)])
        digest = hashlib.sha256(np.ascontiguousarray(picture).tobytes() + flat.tobytes()).digest()
        return cls(picture, flat, Delaunay(flat[:, :2]).simplices.astype(np.int64), digest, matte)

    @functools.cached_property
    def rigid(self) -> Floats:
        """`(R, 3)` points that a face does not move."""
        return self.points[list(RIGID)]

    @functools.cached_property
    def skin(self) -> NDArray[np.float32]:
        """`(S, 3)` colours at the points on skin."""
        return colours_at(np.asarray(cv2.blur(self.picture, (5, 5))), self.points[list(SKIN)])


def matte_of(picture: Pixels, points: Floats) -> NDArray[np.float32]:
    """Return `(S, S)` how much of each pixel of a surrogate's picture is its head and neck, 0 to 1.

    Source: Rother, Kolmogorov, Blake, GrabCut, SIGGRAPH 2004: two mixtures of colours, begun with what the mesh covers and with
    the rim of the picture, and a cut between them.
    """
    height, width = picture.shape[:2]
    mask = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    oval = Region.over(points, 1.0)
    for grow, kind in ((1.45, cv2.GC_PR_FGD), (0.9, cv2.GC_FGD)):
        window = oval.grown(grow).window(mask.shape)
        if window is not None:
            mask[window][oval.grown(grow).mask(window)] = kind
    edge = max(1, width // 32)
    corner, half = width // 5, height // 2  # hair may reach the middle of the upper rim, and the lower sides
    mask[:edge, :corner] = mask[:edge, -corner:] = mask[:half, :edge] = mask[:half, -edge:] = cv2.GC_BGD
    cv2.setRNGSeed(7)  # the mixtures begin at random
    try:
        cv2.grabCut(picture, mask, (0, 0, width, height), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # a picture of one colour has no mixtures
        return np.ones((height, width), np.float32)
    sure = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    _, label = cv2.connectedComponents(sure)
    own = (label == label[int(np.clip(oval.y, 0, height - 1)), int(np.clip(oval.x, 0, width - 1))]).astype(np.uint8)
    own = cv2.morphologyEx(own, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return np.asarray(cv2.GaussianBlur(own.astype(np.float32), (0, 0), width / 128), np.float32)


def ring(points: Floats, rim: float) -> Floats:
    """Return points around a mesh, `(32, 3)`, on the oval so many times as large as the least one; as deep as the ears."""
    oval = Region.over(points, rim)
    turn, at = np.radians(oval.angle), np.linspace(0, 2 * np.pi, 32, endpoint=False)
    along, down = oval.across * np.cos(at), oval.down * np.sin(at)
    x = oval.x + along * np.cos(turn) - down * np.sin(turn)
    y = oval.y + along * np.sin(turn) + down * np.cos(turn)
    return np.column_stack([x, y, np.full(len(at), points[list(TEMPLES), 2].mean())])


@dataclass(frozen=True)
class Pose:
    """How a surrogate's mesh lies in a scene: `x -> scale * turn @ x + place`.

    Args:
        scale: scene pixels for a pixel of the surrogate's picture.
        turn: `(3, 3)` rotation.
        place: `(3,)`, of which the depth is nothing.
    """

    scale: float
    turn: Floats
    place: Floats

    @classmethod
    def between(cls, source: Floats, target: Floats) -> Pose:
        """Return the least-squares similarity of two sets of rigid points (Umeyama, IEEE TPAMI 13(4), 1991).

        Args:
            source, target: `(R, 3)`.
        """
        a, b = (np.asarray(one, np.float64) for one in (source, target))
        mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
        left, values, right = np.linalg.svd((b - mean_b).T @ (a - mean_a))
        flip = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
        turn = left @ np.diag(flip) @ right
        scale = float((values * flip).sum() / np.maximum(((a - mean_a) ** 2).sum(), 1e-9))
        return cls(scale, turn, mean_b - scale * turn @ mean_a)

    def __call__(self, points: Floats) -> Floats:
        """Return `(P, 3)` points where they lie in the scene."""
        out: Floats = self.scale * points @ self.turn.T + self.place
        return out

    @property
    def turned(self) -> tuple[float, float]:
        """Degrees of yaw and of pitch."""
        ahead = self.turn @ np.array([0.0, 0.0, 1.0])
        yaw = np.degrees(np.arctan2(ahead[0], ahead[2]))
        pitch = np.degrees(np.arcsin(np.clip(ahead[1], -1, 1)))
        return float(yaw), float(pitch)

    @property
    def frontal_enough(self) -> bool:
        """Whether a surrogate that looks ahead can be drawn so."""
        yaw, pitch = self.turned
        return abs(yaw) <= MOST_TURNED and abs(pitch) <= MOST_TURNED * 2 / 3


@dataclass(frozen=True)
class Posed(Face):
    """A face that a surrogate is drawn over.

    Args:
        texture: the surrogate.
        pose: where it lies.
        light: `(3, 3)` for each colour the plane `a + b x + c y` of the logarithm of its brightness over the surrogate's, with x
            and y in units of the region from its middle.
    """

    texture: Texture
    pose: Pose
    light: Floats

    def told(self) -> bytes:
        """Return what is drawn, as bytes that are equal where the outcome is."""
        pose = np.concatenate([[self.pose.scale], self.pose.turn.reshape(-1), self.pose.place, self.light.reshape(-1)])
        return super().told() + pose.tobytes() + self.texture.digest


def posed(shapes: Shapes, row: int, whole: Region, texture: Texture | None, grow: float, marks: NDArray[np.float32]) -> Face:
    """Return what is drawn over a face: the surrogate in its pose and light, or the fill alone where that cannot be done well.

    Args:
        shapes, row: the face, as its mesh lies in the scene.
        whole: the region that is filled where nothing is drawn.
        texture: the surrogate of its group, None where it has none.
        grow: of the oval over the mesh that is erased.
        marks: `(5, 2)` landmarks.
    """
    fit = can_be_drawn(shapes, row, whole, texture, grow) if texture is not None else None
    if fit is None or texture is None:
        return Face(whole, marks)
    region, pose = fit
    light = light_of(region, shapes.skin[row], shapes.colours[row], shapes.ears[row], texture)
    return Posed(region, marks, texture, pose, light)


def can_be_drawn(shapes: Shapes, row: int, whole: Region, texture: Texture, grow: float) -> tuple[Region, Pose] | None:
    """Return the oval that is erased and the pose of the surrogate in it, None where it cannot be drawn well; see `posed`."""
    if shapes.presence[row] < SURE:
        return None
    region = shapes.region(row, grow)
    if min(region.across, region.down) < SMALLEST or not holds(region, whole):
        return None
    pose = Pose.between(texture.rigid, shapes.rigid[row])
    return (region, pose) if pose.frontal_enough and 0.05 <= pose.scale <= 20 else None


def holds(region: Region, whole: Region) -> bool:
    """Return whether an oval over a mesh holds most of what was sighted as a face, and little else."""
    if max(region.across, region.down) > WIDEST * max(whole.across, whole.down):  # mesh and landmarks lie apart
        return False
    inner = whole.grown(AROUND / GROW)
    turn, at = np.radians(inner.angle), np.linspace(0, 2 * np.pi, 16, endpoint=False)
    along, down = inner.across * np.cos(at), inner.down * np.sin(at)
    x = inner.x + along * np.cos(turn) - down * np.sin(turn)
    y = inner.y + along * np.sin(turn) + down * np.cos(turn)
    return bool((region.depth(np.stack([x, y], axis=1).astype(np.float32)) <= 1).mean() >= INSIDE)


def light_of(
    region: Region, skin: NDArray[np.float32], colours: NDArray[np.float32], ears: NDArray[np.float32], texture: Texture
) -> Floats:
    """Return nine numbers: a plane for each colour, by which skin is brighter in the scene than in the surrogate's picture.

    Args:
        skin, colours: `(S, 3)` where points on skin lie in the scene, and RGB there.
        ears: `(3,)` the middle of the head.
    """
    ratio = np.log((colours.astype(np.float64) + 8) / (texture.skin.astype(np.float64) + 8))
    away = skin.astype(np.float64) - ears
    facing = -away[:, 2] / np.maximum(np.linalg.norm(away, axis=1), 1e-6)
    there, ratio = skin[facing > FACING, :2], ratio[facing > FACING]  # a cheek that is turned away shows another light
    if len(there) < 8:
        return np.zeros((3, 3))
    at = (there.astype(np.float64) - (region.x, region.y)) / max(region.across, region.down)
    table = np.column_stack([np.ones(len(at)), at])
    out = np.zeros((3, 3))
    for colour in range(3):
        weight = np.ones(len(at))
        for _ in range(4):  # hair, glasses and shadows are no light: what lies far off counts little (Huber, 1964)
            root = np.sqrt(weight)[:, None]
            out[colour] = np.linalg.lstsq(root * table, root[:, 0] * ratio[:, colour], rcond=None)[0]
            off = np.abs(ratio[:, colour] - table @ out[colour])
            weight = np.minimum(1.0, 0.15 / np.maximum(off, 1e-6))
    return np.clip(out, -1.2, 1.2)


def draw(picture: Pixels, faces: Sequence[Face]) -> None:
    """Erase all regions, fill them from outside, and draw over each what it has; the farthest (smallest) first."""
    fill(picture, faces)
    union = union_of(picture.shape, [face.region for face in faces])
    for face in sorted(faces, key=lambda one: one.region.across):
        if isinstance(face, Posed):
            _lay(picture, face, union)


def _lay(picture: Pixels, face: Posed, union: NDArray[np.bool_]) -> None:
    """Draw one face, and fill what is left of its region again, now from both sides."""
    window = face.region.window(picture.shape)
    if window is None:
        return
    top, left = window[0].start, window[1].start
    height, width = window[0].stop - top, window[1].stop - left
    patch, alpha = drawn(face, (left, top), (height, width))
    inside = face.region.mask(window).astype(np.float32)
    soft = max(1.0, FEATHER * 2 * face.region.across)
    alpha = np.minimum(alpha, _faded(inside, soft))
    if face.texture.matte is not None:  # around a whole head there is what is behind it, and none of the head
        part = picture[window].astype(np.float32)
    else:
        painted = picture[window].copy()
        core = (alpha > 0.5) & (inside > 0)
        painted[core] = np.rint(patch[core]).astype(np.uint8)
        part = np.where((inside > 0)[..., None], filled(painted, union[window] & ~core), picture[window]).astype(np.float32)
    mixed = alpha[..., None] * patch + (1 - alpha[..., None]) * part
    picture[window] = np.where((inside > 0)[..., None], np.rint(np.clip(mixed, 0, 255)), part).astype(np.uint8)


def _faded(mask: NDArray[np.float32], soft: float) -> NDArray[np.float32]:
    """Return a mask that falls to 0 at its own rim, over so many pixels."""
    padded = cv2.copyMakeBorder((mask > 0).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    far = np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3))[1:-1, 1:-1]
    out: NDArray[np.float32] = np.minimum(1.0, far / (2 * soft)).astype(np.float32)
    return out


def drawn(face: Posed, corner: tuple[int, int], size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the surrogate as it shows in a part of the scene: colours `(h, w, 3)` and how much of them shows `(h, w)`, 0 to 1.

    Each pixel is told the nearest triangle of the mesh that faces the viewer, and by that triangle's affine map its place in the
    surrogate's picture.

    Args:
        corner: x and y of the part's first pixel.
        size: of the part.
    """
    texture, pose = face.texture, face.pose
    lies = pose(texture.points)
    flat = lies[:, :2] - corner
    corners = flat[texture.triangles]
    edge_a, edge_b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0]
    own = texture.points[texture.triangles][:, :, :2]
    own_a, own_b = own[:, 1] - own[:, 0], own[:, 2] - own[:, 0]
    own_area = own_a[:, 0] * own_b[:, 1] - own_a[:, 1] * own_b[:, 0]
    # a triangle that is seen from the side is drawn out of a few pixels: what is told so is noise
    shows = area / np.where(np.abs(own_area) < 1e-9, 1e9, own_area) > SLANT * pose.scale**2
    order = np.argsort(-lies[texture.triangles, 2].mean(axis=1))  # the farthest first
    label = np.full(size, -1, np.int32)
    for one in order[shows[order]].tolist():
        cv2.fillConvexPoly(label, np.rint(corners[one] * 16).astype(np.int32), one, cv2.LINE_8, 4)
    there = label >= 0
    patch = np.zeros((*size, 3), np.float32)
    if not there.any():
        return patch, there.astype(np.float32)
    y, x = np.nonzero(there)
    which = label[y, x]
    d = np.column_stack([x, y]) - corners[which, 0]
    s = (d[:, 0] * edge_b[which, 1] - d[:, 1] * edge_b[which, 0]) / area[which]
    t = (edge_a[which, 0] * d[:, 1] - edge_a[which, 1] * d[:, 0]) / area[which]
    source = own[which, 0] + s[:, None] * own_a[which] + t[:, None] * own_b[which]
    maps = np.full((2, *size), -1, np.float32)
    maps[0][there], maps[1][there] = source[:, 0], source[:, 1]
    picture: Any = texture.picture
    if pose.scale < 0.7:  # smaller in the scene than in its picture
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 / pose.scale)
    colours = np.asarray(cv2.remap(picture, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
    region = face.region
    at_x = (np.arange(size[1]) + corner[0] - region.x) / max(region.across, region.down)
    at_y = (np.arange(size[0]) + corner[1] - region.y) / max(region.across, region.down)
    for colour in range(3):
        level, across, down = face.light[colour]
        gain = np.exp(np.clip(level + across * at_x[None, :] + down * at_y[:, None], -1.5, 1.5))
        patch[..., colour] = np.clip((colours[..., colour] + 8) * gain - 8, 0, 255)
    alpha = _faded(there.astype(np.float32), max(1.0, FEATHER * region.across))
    if texture.matte is not None:
        alpha *= np.asarray(cv2.remap(texture.matte, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return patch, alpha


def covered_share(face: Posed, shape: tuple[int, ...]) -> float:
    """Return how much of a region the drawn face takes, 0 to 1."""
    window = face.region.window(shape)
    if window is None:
        return 0.0
    inside = union_of(shape, [face.region])[window]
    corner, size = (window[1].start, window[0].start), inside.shape
    _, alpha = drawn(face, corner, (size[0], size[1]))
    return float((alpha[inside] > 0).mean()) if inside.any() else 0.0
