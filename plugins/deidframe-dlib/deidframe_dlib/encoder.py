"""dlib's ResNet: 128-D encodings of faces aligned to its 150x150 chip."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, Embeddings, FaceSet, align
from deidframe.models import Network, read_graph, weights_path
from deidframe_dlib.graph import SIZE, build
from deidframe_dlib.plugin import DlibParams
from deidframe_dlib.serial import read_resnet

TEMPLATE = np.array([(46.76, 48.71), (106.78, 48.74), (77.19, 80.41), (50.60, 106.13), (101.96, 106.48)])
"""Where a detector's five landmarks lie on dlib's own 150x150 chips, in pixels; measured on real faces."""
BATCH = 16


class DlibResNet:
    """Encoder `dlib-resnet`.

    Args:
        params: precision.
        context: gives access to the weights.
    """

    def __init__(self, params: DlibParams, context: Context) -> None:
        data = weights_path("deidframe_dlib", "dlib-resnet", context).read_bytes()
        self._network = Network(read_graph(build(read_resnet(data))), [(-1, 3, SIZE, SIZE)], params.precision)

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, 128)` float32 encodings as dlib's `compute_face_descriptor`; same people are within about 0.6."""
        vectors = np.empty((len(faces), 128), np.float32)
        for start in range(0, len(faces), BATCH):
            part = faces.slice(start, min(start + BATCH, len(faces)))
            assert part.landmarks is not None, "the core hands encoders faces with landmarks"
            chips = align.warp_all(np.asarray(part.images[:]), part.landmarks, TEMPLATE, SIZE)
            batch = np.ascontiguousarray(chips.transpose(0, 3, 1, 2), np.float32)
            vectors[start : start + len(part)] = self._network(batch)[0]
        return Embeddings(faces.ids, vectors, "dlib-resnet")
