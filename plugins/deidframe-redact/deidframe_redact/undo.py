"""How the incumbents are undone by whoever knows the tool: least squares for a blur, interpolation for blocks.

A blur is a convolution, and a mosaic a mean: both keep everything that is coarser than they are, and a recogniser needs little
more. Sources: Wiener, Extrapolation, interpolation, and smoothing of stationary time series, 1949 (least squares with noise);
Irani, Peleg, Improving resolution by image registration, 1991 (back-projection).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

NOISE = 1e-3
"""Power of noise over that of the picture, the best of 1e-4, 1e-3 and 1e-2 on people who do not exist; JPEG makes most of it."""
BLUR_ROUNDS, BLOCK_ROUNDS = 4, 10
Pixels = NDArray[np.uint8]
Real = NDArray[np.float32]


def unblur(picture: Pixels, region: Pixels, sigma: float) -> Pixels:
    """Return the least-squares estimate of what a Gaussian blur was made of.

    Outside the region the picture is known. What the blur would have made of it there is filled in, better with each round, so
    that the whole picture can be divided by the blur's transfer function at once.

    Args:
        picture: `(H, W, 3)`, as released.
        region: `(H, W)`, 1 where it is blurred.
        sigma: of the blur, in pixels.
    """
    given, inside = picture.astype(np.float32), region[:, :, None].astype(np.float32)
    estimate = given
    for _ in range(BLUR_ROUNDS):
        whole = inside * given + (1 - inside) * cv2.GaussianBlur(estimate, (0, 0), sigma)
        estimate = inside * np.clip(_divided(whole, sigma), 0, 255) + (1 - inside) * given
    return _pixels(estimate)


def _divided(picture: Real, sigma: float) -> Real:
    """Return the Wiener estimate of a picture that was blurred as a whole."""
    rim = int(2 * sigma) * 2
    down, across = ((fft.next_fast_len(side + 2 * rim, real=True) - side - 2 * rim) for side in picture.shape[:2])
    wide: Any = cv2.copyMakeBorder(picture, rim, rim + down, rim, rim + across, cv2.BORDER_REFLECT_101)
    height, width = wide.shape[:2]
    rows, columns = 2 * np.pi * np.fft.fftfreq(height), 2 * np.pi * np.fft.rfftfreq(width)
    transfer = np.exp(-0.5 * sigma**2 * (rows[:, None] ** 2 + columns[None] ** 2))
    gain = (transfer / (transfer**2 + NOISE)).astype(np.float32)
    planes = np.ascontiguousarray(np.moveaxis(wide, 2, 0), np.float32)
    back = fft.irfft2(fft.rfft2(planes) * gain, (height, width))
    out: Real = np.moveaxis(back, 0, 2)[rim : rim + picture.shape[0], rim : rim + picture.shape[1]].astype(np.float32)
    return out


def unblock(picture: Pixels, region: Pixels, block: int) -> Pixels:
    """Return a smooth picture whose blocks have the means that are released.

    Args:
        picture: `(H, W, 3)`, as released.
        region: `(H, W)`, 1 where there are blocks.
        block: side of a block in pixels.
    """
    given, inside = picture.astype(np.float32), region[:, :, None].astype(np.float32)
    height, width = picture.shape[:2]
    coarse = (max(1, width // block), max(1, height // block))
    means = cv2.resize(given, coarse, interpolation=cv2.INTER_AREA)
    estimate = inside * cv2.resize(means, (width, height), interpolation=cv2.INTER_CUBIC) + (1 - inside) * given
    for _ in range(BLOCK_ROUNDS):
        wrong = means - cv2.resize(estimate, coarse, interpolation=cv2.INTER_AREA)
        better = estimate + cv2.resize(wrong, (width, height), interpolation=cv2.INTER_CUBIC)
        estimate = inside * better + (1 - inside) * given
    return _pixels(estimate)


def _pixels(values: Real) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
