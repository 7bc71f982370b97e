"""Put a face where the template says: the least-squares similarity of five landmarks, and the warp.

Source: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI 13(4), 1991.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TEMPLATE: NDArray[np.float64] = np.array(
    [(0.3769, 0.4687), (0.6229, 0.4691), (0.5012, 0.6133), (0.3931, 0.7254), (0.6115, 0.7249)]
)
"""Where the five landmarks lie in a face picture of a run, as fractions of its side (the FFHQ crop)."""
TEMPLATE.flags.writeable = False


def template(size: int) -> NDArray[np.float32]:
    """Return the five landmark positions, in pixels, in a face picture of `size` x `size`."""
    return (TEMPLATE * size).astype(np.float32)


def similarity(source: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    """Return the `(2, 3)` rotation, uniform scale and shift that best maps `source` onto `target`, both `(P, 2)`.

    Raises:
        ValueError: the source points coincide, so that no similarity is defined.
    """
    src, dst = np.asarray(source, np.float64), np.asarray(target, np.float64)
    s_mean, t_mean = src.mean(axis=0), dst.mean(axis=0)
    a, b = src - s_mean, dst - t_mean
    spread = float((a * a).sum())
    if spread <= 1e-12:
        raise ValueError("landmarks coincide, so the face has no size")
    # a rotation-scale without reflection is a complex factor; its least-squares value is a dot product
    real = float((a * b).sum()) / spread
    imag = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    rotation = np.array([[real, -imag], [imag, real]])
    return np.column_stack([rotation, t_mean - rotation @ s_mean])


def apply(matrix: NDArray[Any], points: NDArray[Any]) -> NDArray[np.float32]:
    """Map `(..., 2)` points through a `(2, 3)` affine matrix."""
    out = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(out, np.float32)


def warp(image: NDArray[np.uint8], matrix: NDArray[Any], size: int) -> NDArray[np.uint8]:
    """Resample `(H, W, 3)` uint8 pixels so that output = matrix(input); outside is filled by the nearest edge pixel.

    Args:
        image: pixels, any channel order.
        matrix: `(2, 3)` affine, input pixel coordinates to output pixel coordinates.
        size: height and width of the output in pixels.

    Returns:
        `(size, size, 3)` uint8, bilinear. Strong minification is area-averaged first, so that large pictures do not alias.
    """
    import cv2  # OpenCV warps 9,000 faces a second; imported here so that listing plugins stays light

    m = np.asarray(matrix, np.float64)
    scale = float(np.sqrt(abs(np.linalg.det(m[:, :2]))))
    if scale < 0.5:
        height, width = image.shape[:2]
        step = int(1 / scale)
        small = (max(1, width // step), max(1, height // step))
        image = np.asarray(cv2.resize(np.ascontiguousarray(image), small, interpolation=cv2.INTER_AREA), np.uint8)
        sx, sy = width / small[0], height / small[1]
        # pixel centres, not corners, correspond: x_full = sx * (x_small + 0.5) - 0.5
        undo = np.array([[sx, 0, 0.5 * sx - 0.5], [0, sy, 0.5 * sy - 0.5], [0, 0, 1]])
        m = m @ undo
    out = cv2.warpAffine(np.ascontiguousarray(image), m, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8)


def warp_all(images: NDArray[np.uint8], landmarks: NDArray[Any], target: NDArray[Any], size: int) -> NDArray[np.uint8]:
    """Warp each of N pictures so that its landmarks come to lie on `target`.

    Args:
        images: `(N, H, W, 3)` uint8. landmarks: `(N, 5, 2)` pixels in them.
        target: `(5, 2)` pixels in the output. size: side of the output in pixels.

    Returns:
        `(N, size, size, 3)` uint8.
    """
    out = np.empty((len(images), size, size, 3), np.uint8)
    for row, (image, marks) in enumerate(zip(images, landmarks, strict=True)):
        out[row] = warp(image, similarity(marks, target), size)
    return out
