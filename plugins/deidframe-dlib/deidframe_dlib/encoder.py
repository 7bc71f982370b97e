"""dlib's ResNet: 128-D encodings of faces aligned to its 150x150 chip."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, Embeddings, FaceSet, TorchEncoder, align
from deidframe.models import Network, read_graph, weights_path
from deidframe.models.differentiable import torch_module
from deidframe.models.quantise import in_precision
from deidframe_dlib.graph import SIZE, build
from deidframe_dlib.plugin import DlibParams
from deidframe_dlib.serial import read_resnet

TEMPLATE = np.array([(46.76, 48.71), (106.78, 48.74), (77.19, 80.41), (50.60, 106.13), (101.96, 106.48)])
"""Where a detector's five landmarks lie on dlib's own 150x150 chips, in pixels; measured on real faces."""
DIM = 128


class DlibResNet:
    """Encoder `dlib-resnet`.

    Args:
        params: precision.
        context: gives access to the weights.
    """

    def __init__(self, params: DlibParams, context: Context) -> None:
        self._model = build(read_resnet(weights_path("deidframe_dlib", "dlib-resnet", context).read_bytes()))
        graph = in_precision(read_graph(self._model), params.precision, "deidframe_dlib", "dlib-resnet")
        self._network = Network(graph, [(-1, 3, SIZE, SIZE)], params.precision, stream=True)

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, 128)` float32 encodings as dlib's `compute_face_descriptor`; same people are within about 0.6."""
        vectors = self._network.stacked(map(align.channels_first, align.chips(faces, TEMPLATE, SIZE)))
        return Embeddings(faces.ids, vectors.reshape(len(faces), DIM), "dlib-resnet")

    def as_torch(self) -> TorchEncoder:
        """Return the network for following gradients; needs torch."""
        return TorchEncoder(torch_module(self._model), TEMPLATE, SIZE)
