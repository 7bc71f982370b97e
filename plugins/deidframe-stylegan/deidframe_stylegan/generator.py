"""MobileStyleGAN: latents to W, W to 1024x1024 photographs, brought down to the size of a run's faces."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, WeightsError
from deidframe.models import Network, read_graph, weights_path

LATENT = 512
"""Dimensions of Z and of W."""
STYLES = 23
"""Affine maps from W in the synthesis network: the first convolution, three for each of seven layers, the picture."""
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
        self._synthesis = Network(with_layers(graph("synthesis")))

    def w(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map `(N, 512)` normal draws to `(N, 512)` points of W."""
        return self._mapping(np.ascontiguousarray(z, np.float32))[0]

    def draws(self, count: int, seed: int) -> NDArray[np.float32]:
        """Return `(count, 512)` points of W from seeded normal draws."""
        return self.w(np.random.default_rng(seed).standard_normal((count, LATENT), np.float32))

    def picture(self, w: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
        """Return a `(size, size, 3)` uint8 RGB face, area-averaged from 1024 pixels.

        Args:
            w: `(512,)` a point of W, or `(23, 512)` one for each affine map (W+). size: side in pixels.
        """
        rows = np.broadcast_to(np.asarray(w, np.float32).reshape(-1, LATENT), (STYLES, LATENT))
        made = self._synthesis(*(row[None] for row in np.ascontiguousarray(rows)))[0][0]
        pixels = np.clip((made.transpose(1, 2, 0) + 1) * 127.5, 0, 255)
        small = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(np.rint(small), np.uint8)


def with_layers(graph: Any) -> Any:
    """Return the synthesis network with a parameter of its own for each affine map, in the order of their nodes' numbers (W+)."""
    import openvino
    from openvino import opset8

    gemms = {
        int(op.get_friendly_name()[5:-14]): op for op in graph.get_ops() if op.get_friendly_name().endswith("/WithoutBiases")
    }
    layers: list[Any] = []
    for number in sorted(gemms):
        layer = opset8.parameter([1, LATENT], np.float32, name=f"w{len(layers)}")
        gemms[number].input(0).replace_source_output(layer.output(0))
        layers.append(layer)
    if len(layers) != STYLES:
        raise WeightsError(f"MobileStyleGAN: the graph has {len(layers)} styles, expected {STYLES}")
    # the batch size is read off the old input, which is one for good
    graph.reshape([1, LATENT])
    old = graph.get_parameters()[0]
    old.output(0).replace(opset8.constant(np.zeros((1, LATENT), np.float32)).output(0))
    return openvino.Model(graph.get_results(), layers, "synthesis")
