"""MobileStyleGAN: latents to W, W to 1024x1024 photographs, brought down to the size of a run's faces."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context
from deidframe.models import Network, read_graph, weights_path
from deidframe_stylegan.arrays import STYLES, read_arrays
from deidframe_stylegan.drawing import Drawing

LATENT = 512
"""Dimensions of Z and of W."""
MEAN_DRAWS = 4096
"""Draws that estimate the mean of W, as the truncation trick wants it (StyleGAN2, section 3)."""


class Generator:
    """Makes faces of people who do not exist.

    Args:
        context: gives access to the weights.
    """

    def __init__(self, context: Context) -> None:
        parts = ("mobilestylegan-mapping-graph", "mobilestylegan-mapping")
        graph = read_graph(*(weights_path("deidframe_stylegan", part, context) for part in parts))
        self._mapping = Network(graph, [(-1, LATENT)])
        self._drawing = Drawing(read_arrays(context))

    def w(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map `(N, 512)` normal draws to `(N, 512)` points of W."""
        return self._mapping(np.ascontiguousarray(z, np.float32))[0]

    def draws(self, count: int, seed: int) -> NDArray[np.float32]:
        """Return `(count, 512)` points of W from seeded normal draws."""
        return self.w(np.random.default_rng(seed).standard_normal((count, LATENT), np.float32))

    def picture(self, w: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
        """Return a `(size, size, 3)` uint8 RGB face, area-averaged from 1024 pixels.

        Args:
            w: `(512,)` a point of W, or `(23, 512)` one for each affine map (W+).
            size: side in pixels.
        """
        rows = np.broadcast_to(np.asarray(w, np.float32).reshape(-1, LATENT), (STYLES, LATENT))
        made = self._drawing.draw(rows, half=512 % size == 0)
        fitted = made if len(made) == size else cv2.resize(made, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(np.rint(fitted), np.uint8)
