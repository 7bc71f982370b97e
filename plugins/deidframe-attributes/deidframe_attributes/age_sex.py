"""dlib's age and gender networks, run by OpenVINO on chips cut as dlib cuts them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, FaceSet, TorchEncoder, align
from deidframe.models import Network, read_graph, weights_path
from deidframe.models.differentiable import torch_module
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
        params: none.
        context: gives access to the weights.
    """

    def __init__(self, params: AgeSexParams, context: Context) -> None:
        self._models = tuple(weights_path("deidframe_attributes", name, context).read_bytes() for name in ("age-v1", "gender-v1"))
        self._age, self._sex = (
            Network(read_graph(model), [(-1, 3, size, size)])
            for model, size in zip(self._models, (AGE_SIZE, SEX_SIZE), strict=True)
        )

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, 4)` float32: probabilities of female and of male, the expected age in years over 100, and one less that.

        Each pair sums to one, so that both can be read off again whatever the vector was scaled by.
        """

        def sex(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
            return self._sex(_prepared(chips))[0]

        def age(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
            return np.asarray(self._age(_prepared(chips))[0] @ _AGES[:, None] / 100, np.float32)

        sexes = align.encode_aligned(faces, _TEMPLATE * SEX_SIZE, SEX_SIZE, sex, 2)
        years = align.encode_aligned(faces, _TEMPLATE * AGE_SIZE, AGE_SIZE, age, 1)
        return Embeddings(faces.ids, np.concatenate([sexes, years, 1 - years], axis=1), "age-sex")

    def as_torch(self) -> TorchEncoder:
        """Return both networks as one for following gradients; needs torch."""
        import torch
        from torch.nn import functional

        age, sex = torch_module(self._models[0]), torch_module(self._models[1])
        mean, years = torch.from_numpy(_MEAN)[:, None, None], torch.from_numpy(_AGES) / 100

        def run(chips: torch.Tensor) -> torch.Tensor:
            x = (chips - mean.to(chips.device)) / 256
            aged = (age(x) * years.to(chips.device)).sum(1, keepdim=True)
            return torch.cat([sex(functional.avg_pool2d(x, AGE_SIZE // SEX_SIZE)), aged, 1 - aged], dim=1)

        return TorchEncoder(run, _TEMPLATE * AGE_SIZE, AGE_SIZE)


def _prepared(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(align.channels_first(chips) / 256 - (_MEAN / 256)[:, None, None], np.float32)
