"""Any recogniser that comes as an ONNX file."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, FaceSet, TorchEncoder, WeightsError, align
from deidframe.models import Network, read_graph
from deidframe.models.differentiable import torch_module
from deidframe.models.fold import fold
from deidframe_encoders.plugin import OnnxParams


class OnnxFile:
    """Encoder `onnx`.

    Raises:
        WeightsError: the file is missing, of another hash, no network, or of another shape than the parameters say.
    """

    def __init__(self, params: OnnxParams, context: Context) -> None:
        path = params.path.expanduser()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise WeightsError(f"encoder onnx: cannot read {str(path)!r}: {error.strerror}; set params.path") from None
        digest = hashlib.sha256(data).hexdigest()
        if params.sha256 is not None and digest != params.sha256:
            raise WeightsError(f"encoder onnx: {path.name} has sha256 {digest}, expected {params.sha256}")
        context.log(f"  onnx: {path.name}, sha256 {digest}")
        self._params = params
        side = params.size
        shape = [-1, 3, side, side] if params.layout == "nchw" else [-1, side, side, 3]
        try:
            self._model = fold(data)
            graph = read_graph(self._model)
        except WeightsError:
            raise
        except Exception as error:  # onnx's parser has no error class of its own
            raise WeightsError(f"encoder onnx: {path.name} is not an ONNX network ({type(error).__name__})") from None
        if len(graph.inputs) != 1 or graph.inputs[0].partial_shape.rank.get_length() != 4:
            raise WeightsError(f"encoder onnx: {path.name} has {len(graph.inputs)} inputs, expected one of four dimensions")
        try:
            self._network = Network(graph, [shape], params.precision, stream=True)
            one = self._network(np.zeros([1, *shape[1:]], np.float32))[0]
        except Exception as error:
            wanted = graph.inputs[0].partial_shape
            raise WeightsError(
                f"encoder onnx: {path.name} does not take {shape} (its input is {wanted}); check size and layout"
            ) from error
        if one.ndim != 2 or not np.isfinite(one).all():
            raise WeightsError(
                f"encoder onnx: {path.name} gives shape {one.shape} for one picture, expected (1, D) finite numbers"
            )
        self._dim = one.shape[1]
        if params.template == "arcface":
            self._target = align.ARCFACE * side
        elif params.template == "ffhq":
            self._target = align.TEMPLATE * side
        else:
            self._target = np.array(params.template, np.float64) * side

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, D)` float32 as the network gives them."""
        vectors = self._network.stacked(map(self._ready, align.chips(faces, self._target, self._params.size)))
        return Embeddings(faces.ids, vectors.reshape(len(faces), self._dim), "onnx")

    def as_torch(self) -> TorchEncoder:
        """Return the network for following gradients; needs torch."""
        p, run = self._params, torch_module(self._model)

        def prepared(chips: Any) -> Any:
            x = chips.flip(1) if p.colour == "bgr" else chips
            x = (x - p.mean) / p.scale
            return run(x if p.layout == "nchw" else x.permute(0, 2, 3, 1))

        return TorchEncoder(prepared, self._target, p.size)

    def _ready(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        p = self._params
        batch = ((chips[..., ::-1] if p.colour == "bgr" else chips).astype(np.float32) - p.mean) / p.scale
        if p.layout == "nchw":
            batch = batch.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(batch, np.float32)
