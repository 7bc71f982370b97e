"""Put a face where the template says: the least-squares similarity of five landmarks, and the warp.

Source: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI 13(4), 1991.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from deidframe.contract.artifacts import FaceSet

TEMPLATE: NDArray[np.float64] = np.array(
    [(0.3769, 0.4687), (0.6229, 0.4691), (0.5012, 0.6133), (0.3931, 0.7254), (0.6115, 0.7249)]
)
"""Where the five landmarks lie in a face picture of a run, as fractions of its side (the FFHQ crop)."""
TEMPLATE.flags.writeable = False
ARCFACE: NDArray[np.float64] = (
    np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]) / 112
)
"""Where most recognisers want them, as fractions of their input's side (Deng et al., ArcFace, CVPR 2019)."""
ARCFACE.flags.writeable = False


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


def warp(image: NDArray[np.uint8], matrix: NDArray[Any], size: int | tuple[int, int]) -> NDArray[np.uint8]:
    """Resample `(H, W, 3)` uint8 pixels so that output = matrix(input); outside is filled by the nearest edge pixel.

    Args:
        image: pixels, any channel order.
        matrix: `(2, 3)` affine, input pixel coordinates to output pixel coordinates.
        size: of the output in pixels, one side of a square or height and width.

    Returns:
        `(H, W, 3)` uint8, bilinear. Strong minification is area-averaged first, so that large pictures do not alias.
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
    height, width = (size, size) if isinstance(size, int) else size
    out = cv2.warpAffine(np.ascontiguousarray(image), m, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8)


def warp_all(
    images: NDArray[np.uint8], landmarks: NDArray[Any], target: NDArray[Any], size: int | tuple[int, int]
) -> NDArray[np.uint8]:
    """Warp each of N pictures so that its landmarks come to lie on `target`.

    Args:
        images: `(N, H, W, 3)` uint8.
        landmarks: `(N, 5, 2)` pixels in them.
        target: `(5, 2)` pixels in the output.
        size: of the output in pixels, one side of a square or height and width.

    Returns:
        `(N, H, W, 3)` uint8.
    """
    height, width = (size, size) if isinstance(size, int) else size
    out = np.empty((len(images), height, width, 3), np.uint8)
    for row, (image, marks) in enumerate(zip(images, landmarks, strict=True)):
        out[row] = warp(image, similarity(marks, target), size)
    return out


def chips(faces: FaceSet, target: NDArray[Any], size: int | tuple[int, int], batch: int = 16) -> Iterator[NDArray[np.uint8]]:
    """Yield faces a batch at a time, `(n, H, W, 3)`, each warped so that its landmarks come to lie on `target`.

    Args:
        faces: with landmarks; target: `(5, 2)` pixels in the output; size: of it; batch: faces at a time.
    """
    for start in range(0, len(faces), batch):
        part = faces.slice(start, min(start + batch, len(faces)))
        assert part.landmarks is not None, "the core hands encoders faces with landmarks"
        yield warp_all(np.asarray(part.images[:]), part.landmarks, target, size)


def encode_aligned(
    faces: FaceSet,
    target: NDArray[Any],
    size: int | tuple[int, int],
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    dim: int,
    batch: int = 16,
) -> NDArray[np.float32]:
    """Encode faces a batch at a time, each warped so that its landmarks come to lie on `target`.

    Args:
        faces: with landmarks.
        target: `(5, 2)` pixels in the network's input.
        size: of that input, one side of a square or height and width.
        run: from `(n, H, W, 3)` uint8 RGB to `(n, dim)`.
        batch: faces at a time.

    Returns:
        `(N, dim)` float32.
    """
    vectors = np.empty((len(faces), dim), np.float32)
    for number, part in enumerate(chips(faces, target, size, batch)):
        vectors[number * batch : number * batch + len(part)] = run(part)
    return vectors


def channels_first(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return `(n, H, W, 3)` pictures as the `(n, 3, H, W)` float32 that networks take, values unchanged."""
    return np.ascontiguousarray(chips.transpose(0, 3, 1, 2), np.float32)
