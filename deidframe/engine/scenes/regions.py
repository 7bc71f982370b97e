"""The part of a scene that a face takes: an oval, and whether it holds what makes a face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

GROW = 1.4
"""Of the oval over the box of a detector, so that the corners of the box (brows, jaw) lie inside."""
FARTHEST = 5.0
"""So many times a region may grow to hold the landmarks; what lies farther out is no part of this face."""
LEAST = 4.0
"""Half axes of the smallest region, in pixels: a face of a few pixels is covered by more than itself."""
TEMPLES = (234, 454)
"""Points of a mesh at both temples."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Region:
    """An oval in pixels of the scene.

    Args:
        x, y: its middle.
        across, down: half axes, along and across the line of the eyes.
        angle: of the line of the eyes, in degrees, clockwise from level.
    """

    x: float
    y: float
    across: float
    down: float
    angle: float = 0.0

    @classmethod
    def of(cls, box: NDArray[np.float32], landmarks: NDArray[np.float32], grow: float = GROW) -> Region:
        """Return the oval over a face.

        Args:
            box: `(4,)` x0, y0, x1, y1.
            landmarks: `(5, 2)`; they turn the oval, and where they reach out of it it grows until they are inside.
            grow: of the half sides of the box.
        """
        x0, y0, x1, y1 = (float(value) for value in box)
        eyes = landmarks[1] - landmarks[0]
        angle = float(np.degrees(np.arctan2(eyes[1], eyes[0]))) if np.hypot(*eyes) > 1e-3 else 0.0
        if abs(angle) > 90 or not np.isfinite(angle):  # turned over: the box alone is trusted
            angle = 0.0
        wide, tall = (x1 - x0) / 2, (y1 - y0) / 2
        if abs(angle) > 45:  # the box of a face that lies on its side has its sides exchanged
            wide, tall = tall, wide
        made = cls((x0 + x1) / 2, (y0 + y1) / 2, max(grow * wide, LEAST), max(grow * tall, LEAST), angle)
        need = float(made.depth(landmarks).max(initial=0.0)) * 1.15
        return made if need <= 1 else made.grown(min(need, FARTHEST))

    @classmethod
    def over(cls, points: NDArray[np.floating], grow: float) -> Region:
        """Return the oval over a mesh: along the line between its outermost points at the temples, so many times as large.

        Args:
            points: `(P, 2)` or `(P, 3)` on the face, MediaPipe's order of 468.
            grow: of the least oval of this turn that holds all points.
        """
        flat = np.asarray(points, np.float64)[:, :2]
        line = flat[TEMPLES[1]] - flat[TEMPLES[0]]
        angle = float(np.degrees(np.arctan2(line[1], line[0])))
        turn = np.radians(angle)
        along = flat @ (np.cos(turn), np.sin(turn))
        down = flat @ (-np.sin(turn), np.cos(turn))
        middle = np.array([(along.min() + along.max()) / 2, (down.min() + down.max()) / 2])
        x, y = middle[0] * np.cos(turn) - middle[1] * np.sin(turn), middle[0] * np.sin(turn) + middle[1] * np.cos(turn)
        half = max(float(np.ptp(along)) / 2, LEAST), max(float(np.ptp(down)) / 2, LEAST)
        made = cls(float(x), float(y), *half, angle)
        return made.grown(grow * max(1.0, float(made.depth(flat.astype(np.float32)).max())))

    def grown(self, by: float) -> Region:
        """Return it with its axes so many times as long."""
        return Region(self.x, self.y, self.across * by, self.down * by, self.angle)

    def depth(self, points: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return for `(..., 2)` points how far out they are: 0 in the middle, 1 on the rim."""
        turn = np.radians(self.angle)
        d = np.asarray(points, np.float64) - (self.x, self.y)
        along = d[..., 0] * np.cos(turn) + d[..., 1] * np.sin(turn)
        off = -d[..., 0] * np.sin(turn) + d[..., 1] * np.cos(turn)
        out: NDArray[np.float64] = np.hypot(along / self.across, off / self.down)
        return out

    def window(self, shape: tuple[int, ...], margin: float = 1.0) -> tuple[slice, slice] | None:
        """Return rows and columns of the rectangle around it, so many times as large, cut to the picture; None outside of it."""
        turn = np.radians(self.angle)
        half_x = margin * float(np.hypot(self.across * np.cos(turn), self.down * np.sin(turn)))
        half_y = margin * float(np.hypot(self.across * np.sin(turn), self.down * np.cos(turn)))
        left, right = max(0, int(self.x - half_x)), min(shape[1], int(np.ceil(self.x + half_x)) + 1)
        top, bottom = max(0, int(self.y - half_y)), min(shape[0], int(np.ceil(self.y + half_y)) + 1)
        return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None

    def mask(self, window: tuple[slice, slice]) -> NDArray[np.bool_]:
        """Return which pixels of a window are inside."""
        mask = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), np.uint8)
        centre = (self.x - window[1].start, self.y - window[0].start)
        scale = 1 << 4  # sixteenths of a pixel
        cv2.ellipse(
            mask,
            (round(centre[0] * scale), round(centre[1] * scale)),
            (round(self.across * scale), round(self.down * scale)),
            self.angle,
            0,
            360,
            1,
            -1,
            cv2.LINE_8,
            4,
        )
        return mask.astype(bool)
