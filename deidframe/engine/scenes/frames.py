"""A frame as its planes: what no cover touches goes through unchanged, in as many bits as it came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.engine.scenes.regions import Region

Pixels = NDArray[np.uint8]
EIGHT = ("yuv420p", "yuvj420p")
DEEP = "yuv420p10le"


@dataclass(frozen=True)
class Planes:
    """An upright frame, luma and two chroma planes of half the size; sides are even.

    Args:
        y: `(H, W)` uint8, or uint16 of `bits` bits.
        u, v: `(H / 2, W / 2)`.
        bits: 8 or 10.
    """

    y: NDArray[Any]
    u: NDArray[Any]
    v: NDArray[Any]
    bits: int

    @classmethod
    def of(cls, frame: Any) -> Planes:
        """Take a decoded frame: turned upright by its own tag; of an odd side the last row or column is left out."""
        deep = max(part.bits for part in frame.format.components) > 8
        wanted = DEEP if deep else "yuv420p"
        if frame.format.name not in (*EIGHT, DEEP):
            frame = frame.reformat(format=wanted)
        height, width = frame.height & ~1, frame.width & ~1
        cuts = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
        turn = round(frame.rotation / 90) % 4
        planes = []
        for plane, (rows, columns) in zip(frame.planes, cuts, strict=True):
            kind = np.uint16 if deep else np.uint8
            table = np.frombuffer(plane, kind).reshape(plane.height, -1)
            planes.append(np.ascontiguousarray(np.rot90(table[:rows, :columns], turn)))
        return cls(planes[0], planes[1], planes[2], 10 if deep else 8)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the picture in colours."""
        height, width = self.y.shape
        return height, width, 3

    def rgb(self) -> Pixels:
        """Return `(H, W, 3)` uint8: what is looked at and drawn in."""
        parts = [self._eight(plane).reshape(-1) for plane in (self.y, self.u, self.v)]
        height, width = self.y.shape
        packed = np.concatenate(parts).reshape(height * 3 // 2, width)
        return np.asarray(cv2.cvtColor(packed, cv2.COLOR_YUV2RGB_I420), np.uint8)

    def _eight(self, plane: NDArray[Any]) -> Pixels:
        return (plane >> (self.bits - 8)).astype(np.uint8) if self.bits > 8 else plane

    def with_regions(self, drawn: Pixels, regions: list[Region]) -> Planes:
        """Return it with the pixels of some regions taken from a picture in colours; everything else stays to the bit."""
        y, u, v = (plane.copy() for plane in (self.y, self.u, self.v))
        for region in regions:
            window = region.window(self.shape)
            if window is None:
                continue
            rows, columns = (
                slice(one.start & ~1, min((one.stop + 1) & ~1, side)) for one, side in zip(window, y.shape, strict=True)
            )
            mask = region.mask((rows, columns))
            part = np.ascontiguousarray(drawn[rows, columns])
            height, width = part.shape[:2]
            packed = np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2YUV_I420), np.uint8).reshape(-1)
            luma = packed[: height * width].reshape(height, width)
            chroma = packed[height * width :].reshape(2, height // 2, width // 2)
            coarse = mask[::2, ::2] | mask[1::2, ::2] | mask[::2, 1::2] | mask[1::2, 1::2]
            self._put(y[rows, columns], luma, mask)
            half = (slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2))
            self._put(u[half], chroma[0], coarse)
            self._put(v[half], chroma[1], coarse)
        return Planes(y, u, v, self.bits)

    def _put(self, into: NDArray[Any], values: Pixels, mask: NDArray[np.bool_]) -> None:
        into[mask] = values[mask].astype(into.dtype) << (self.bits - 8)

    def write_to(self, frame: Any) -> None:
        """Copy it into the planes of a frame of the same size and format."""
        for plane, values in zip(frame.planes, (self.y, self.u, self.v), strict=True):
            table = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
            table[:, : values.shape[1]] = values
            plane.update(table.tobytes())
