"""dlib's age and gender networks, run by OpenVINO on chips cut as dlib cuts them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, FaceSet, align
from deidframe.models import Network, read_graph, weights_path
from deidframe_attributes.plugin import AgeSexParams

_CHIP = np.array([(46.76, 48.71), (106.78, 48.74), (77.19, 80.41), (50.60, 106.13), (101.96, 106.48)]) / 150
"""Five landmarks on dlib's chips with a padding of 0.25, as fractions of the side; measured on real faces."""
_TEMPLATE = (_CHIP * 1.5 - 0.25 + 0.2) / 1.4
"""The same with the padding of 0.2 that these networks were trained on."""
_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
_AGES = np.concatenate([[0.25], np.arange(1, 81)]).astype(np.float32)
"""Years that each output class of the age network stands for."""
AGE_SIZE, SEX_SIZE = 64, 32


class AgeSex:
    """Encoder `age-sex`.

    Args:
        params: none. context: gives access to the weights.
    """

    def __init__(self, params: AgeSexParams, context: Context) -> None:
        def network(name: str, size: int) -> Network:
            return Network(read_graph(weights_path("deidframe_attributes", name, context).read_bytes()), [(-1, 3, size, size)])

        self._age, self._sex = network("age-v1", AGE_SIZE), network("gender-v1", SEX_SIZE)

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, 2)` float32: the probability of male, and the expected age in years over 100."""

        def sex(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
            return self._sex(_prepared(chips))[0][:, 1:]

        def age(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
            return self._age(_prepared(chips))[0] @ _AGES[:, None] / 100

        male = align.encode_aligned(faces, _TEMPLATE * SEX_SIZE, SEX_SIZE, sex, 1)
        years = align.encode_aligned(faces, _TEMPLATE * AGE_SIZE, AGE_SIZE, age, 1)
        return Embeddings(faces.ids, np.concatenate([male, years], axis=1), "age-sex")


def _prepared(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    return align.channels_first(chips) / 256 - (_MEAN / 256)[:, None, None]
