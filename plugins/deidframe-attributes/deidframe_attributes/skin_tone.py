"""How far the colour of a face's skin drifts: what is noticed first where a surrogate stands for somebody of another skin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, Params, Values, align

SIDE = 0.16
"""Half the side of a patch, as a share of the eyes' distance."""
PRIMARIES = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
"""sRGB to CIE XYZ, IEC 61966-2-1."""
WHITE = PRIMARIES.sum(axis=1)


class SkinTone:
    """Implements `Measure`: the CIE 1976 colour difference of both cheeks' mean colour, 0 for the same."""

    def __init__(self, params: Params, context: Context) -> None:
        pass

    def measure(self, originals: FaceSet, released: FaceSet) -> Values:
        """Return the difference for each face."""
        before, after = cheeks(originals), cheeks(released)
        return Values(originals.ids, np.sqrt(((before - after) ** 2).sum(axis=1)))


def cheeks(faces: FaceSet) -> NDArray[np.float64]:
    """Return the mean CIELAB colour of both cheeks, `(N, 3)`: L* 0 to 100, a* and b*.

    A patch lies halfway between an eye and the mouth's corner on its side.
    """
    marks = np.broadcast_to(align.template(faces.size[0]), (len(faces), 5, 2)) if faces.landmarks is None else faces.landmarks
    height, width = faces.size
    out = np.empty((len(faces), 3))
    for row, (picture, five) in enumerate(zip(faces.images[:], marks, strict=True)):
        half = max(1, round(SIDE * float(np.linalg.norm(five[1] - five[0]))))
        pixels = []
        for eye, corner in ((0, 3), (1, 4)):
            x, y = np.rint((five[eye] + five[corner]) / 2).astype(int).tolist()
            x, y = int(np.clip(x, half, width - half)), int(np.clip(y, half, height - half))
            pixels.append(picture[y - half : y + half, x - half : x + half].reshape(-1, 3))
        out[row] = lab(np.concatenate(pixels)).mean(axis=0)
    return out


def lab(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the CIELAB colours of `(P, 3)` sRGB pixels under D65 (CIE 15, 2004)."""
    share = pixels / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = linear @ PRIMARIES.T / WHITE
    bent = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = bent.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
