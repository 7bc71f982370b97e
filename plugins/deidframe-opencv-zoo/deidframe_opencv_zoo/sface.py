"""SFace: 128-D encodings of faces aligned to the usual 112x112 template."""

from __future__ import annotations

from deidframe.contract import Context, Embeddings, FaceSet, TorchEncoder, align
from deidframe.models import Network, read_graph, weights_path
from deidframe.models.differentiable import torch_module
from deidframe.models.fold import fold
from deidframe.models.quantise import in_precision
from deidframe_opencv_zoo.plugin import SFaceParams

SIZE = 112
TEMPLATE = align.ARCFACE * SIZE
DIM = 128


class SFace:
    """Encoder `sface`.

    Args:
        params: precision.
        context: gives access to the weights.
    """

    def __init__(self, params: SFaceParams, context: Context) -> None:
        self._model = fold(weights_path("deidframe_opencv_zoo", "sface", context).read_bytes())
        graph = in_precision(read_graph(self._model), params.precision, "deidframe_opencv_zoo", "sface")
        self._network = Network(graph, [(-1, 3, SIZE, SIZE)], params.precision, stream=True)

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, 128)` float32 encodings, not normalised; compare them by cosine."""
        vectors = self._network.stacked(map(align.channels_first, align.chips(faces, TEMPLATE, SIZE)))
        return Embeddings(faces.ids, vectors.reshape(len(faces), DIM), "sface")

    def as_torch(self) -> TorchEncoder:
        """Return the network for following gradients; needs torch."""
        return TorchEncoder(torch_module(self._model), TEMPLATE, SIZE)
