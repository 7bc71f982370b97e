"""Seven expressions by the small network of `fer`, run by OpenVINO."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, FaceSet, align
from deidframe.models import Network, read_graph, weights_path
from deidframe_attributes.plugin import ExpressionParams

EXPRESSIONS = ("angry", "disgusted", "afraid", "happy", "sad", "surprised", "neutral")
"""In the order of the network's outputs."""
SIZE = 64
_BOX = np.array([(0.32, 0.40), (0.68, 0.40), (0.5, 0.60), (0.36, 0.77), (0.64, 0.77)])
"""Where five landmarks lie in the square of a detector's box, about which the network was trained."""
_TEMPLATE = ((_BOX - 0.5) * 0.8 + (0.5, 0.45)) * SIZE
"""A quarter more around the face: there the network is surest of 360 real faces, and steadiest when they are moved."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


class Expression:
    """Encoder `expression`.

    Args:
        params: none.
        context: gives access to the weights.
    """

    def __init__(self, params: ExpressionParams, context: Context) -> None:
        model = weights_path("deidframe_attributes", "fer", context)
        self._network = Network(read_graph(model), [(-1, SIZE, SIZE, 1)])

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, 7)` float32 probabilities in the order of `EXPRESSIONS`."""

        def run(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
            grey = (np.asarray(chips, np.float32) @ _GREY)[..., None]
            return self._network(np.ascontiguousarray(grey / 127.5 - 1, np.float32))[0]

        return Embeddings(faces.ids, align.encode_aligned(faces, _TEMPLATE, SIZE, run, len(EXPRESSIONS)), "expression")
