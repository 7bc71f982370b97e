"""MobileStyleGAN: latents to W, W to 1024x1024 photographs, brought down to the size of a run's faces."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context
from deidframe.models import Network, read_graph, weights_path

LATENT = 512
"""Dimensions of Z and of W."""
MEAN_DRAWS = 4096
"""Draws that estimate the mean of W, as the truncation trick wants it (StyleGAN2, section 3)."""
_PACKAGE = "deidframe_stylegan"


class Generator:
    """Makes faces of people who do not exist.

    Args:
        context: gives access to the weights.
    """

    def __init__(self, context: Context) -> None:
        def graph(part: str) -> object:
            return read_graph(
                weights_path(_PACKAGE, f"mobilestylegan-{part}-graph", context),
                weights_path(_PACKAGE, f"mobilestylegan-{part}", context),
            )

        self._mapping = Network(graph("mapping"), [(-1, LATENT)])
        self._synthesis = Network(graph("synthesis"))

    def w(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map `(N, 512)` normal draws to `(N, 512)` points of W."""
        return self._mapping(np.ascontiguousarray(z, np.float32))[0]

    def draws(self, count: int, seed: int) -> NDArray[np.float32]:
        """Return `(count, 512)` points of W from seeded normal draws."""
        return self.w(np.random.default_rng(seed).standard_normal((count, LATENT), np.float32))

    def picture(self, w: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
        """Return the `(size, size, 3)` uint8 RGB face of one `(512,)` point of W, area-averaged from 1024 pixels."""
        made = self._synthesis(np.ascontiguousarray(w, np.float32).reshape(1, LATENT))[0][0]
        pixels = np.clip((made.transpose(1, 2, 0) + 1) * 127.5, 0, 255)
        small = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(np.rint(small), np.uint8)
