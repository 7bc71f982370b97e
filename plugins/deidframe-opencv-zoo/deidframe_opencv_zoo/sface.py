"""SFace: 128-D encodings of faces aligned to the usual 112x112 template."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, Embeddings, FaceSet, align
from deidframe.models import Network, read_graph, weights_path
from deidframe.models.fold import fold
from deidframe_opencv_zoo.plugin import SFaceParams

TEMPLATE = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)])
"""Where SFace wants the five landmarks, in pixels of its 112x112 input (the ArcFace template)."""
SIZE = 112
BATCH = 16


class SFace:
    """Encoder `sface`.

    Args:
        params: precision.
        context: gives access to the weights.
    """

    def __init__(self, params: SFaceParams, context: Context) -> None:
        model = weights_path("deidframe_opencv_zoo", "sface", context).read_bytes()
        self._network = Network(read_graph(fold(model)), [(-1, 3, SIZE, SIZE)], params.precision)

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, 128)` float32 encodings, not normalised; compare them by cosine."""
        vectors = np.empty((len(faces), 128), np.float32)
        for start in range(0, len(faces), BATCH):
            part = faces.slice(start, min(start + BATCH, len(faces)))
            assert part.landmarks is not None, "the core hands encoders faces with landmarks"
            chips = align.warp_all(np.asarray(part.images[:]), part.landmarks, TEMPLATE, SIZE)
            batch = np.ascontiguousarray(chips.transpose(0, 3, 1, 2), np.float32)
            vectors[start : start + len(part)] = self._network(batch)[0]
        return Embeddings(faces.ids, vectors, "sface")
