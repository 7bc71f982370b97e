"""FaceNet: InceptionResnetV1 with the weights of its first public releases, run by OpenVINO from the arrays."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, FaceSet, PluginError, TorchEncoder, WeightsError, align
from deidframe.models import Network, read_graph, weights_path
from deidframe.models.differentiable import torch_module
from deidframe.models.quantise import in_precision
from deidframe_facenet.arrays import Arrays, read_frozen, read_keras, read_state
from deidframe_facenet.graph import SIZE, build
from deidframe_facenet.plugin import CASIA, MS_CELEB, FaceNetParams
from deidframe_facenet.release import released_weights

TEMPLATE = ((align.TEMPLATE - align.TEMPLATE.mean(axis=0)) * 1.3 + np.array([0.5, 0.58])) * SIZE
"""Where the five landmarks lie in its input: the scale and place at which both networks tell people apart best."""
Prepare = Callable[[Any], Any]


class FaceNet:
    """Encoder `facenet`.

    Args:
        params: which weights.
        context: gives access to them, and is told the hash of a file of one's own.

    Raises:
        WeightsError: the weights cannot be had, are of another hash, or of another network.
    """

    def __init__(self, params: FaceNetParams, context: Context) -> None:
        arrays, self._per_picture = load_arrays(params, context)
        self._model, self._dim = build(arrays), arrays.last.shape[1]
        graph = in_precision(read_graph(self._model), params.precision, "deidframe_facenet", MS_CELEB)
        self._network = Network(graph, [(-1, 3, SIZE, SIZE)], params.precision, stream=True)
        self._unit = params.normalise

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, 128)` float32 encodings, `(N, 512)` with the weights of CASIA, of length 1 unless asked otherwise."""

        def ready(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
            return prepared(align.channels_first(chips).astype(np.float32), per_picture=self._per_picture)

        vectors = self._network.stacked(map(ready, align.chips(faces, TEMPLATE, SIZE))).reshape(len(faces), self._dim)
        if self._unit:
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return Embeddings(faces.ids, vectors.astype(np.float32), "facenet")

    def as_torch(self) -> TorchEncoder:
        """Return the network for following gradients; needs torch."""
        network, per_picture = torch_module(self._model), self._per_picture

        def run(x: Any) -> Any:
            if not per_picture:
                return network((x - 127.5) / 128.0)
            mean = x.mean((1, 2, 3), keepdim=True)
            spread = x.std((1, 2, 3), keepdim=True, unbiased=False).clamp(min=LEAST)
            return network((x - mean) / spread)

        return TorchEncoder(run, TEMPLATE, SIZE)


LEAST = 1.0 / np.sqrt(3 * SIZE * SIZE)
"""Least standard deviation that a picture is divided by, so that one of a single colour stays finite."""


def prepared(batch: NDArray[np.float32], *, per_picture: bool) -> NDArray[np.float32]:
    """Return `(N, 3, H, W)` pixels, 0 to 255, as the weights want them.

    Args:
        per_picture: each picture less its mean, by its standard deviation (D. Sandberg's `prewhiten`); else less 127.5, by 128.
    """
    if not per_picture:
        return np.asarray((batch - 127.5) / 128, np.float32)
    mean = batch.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64)
    spread = np.maximum(batch.std(axis=(1, 2, 3), keepdims=True, dtype=np.float64), LEAST)
    return np.asarray((batch - mean) / spread, np.float32)


def load_arrays(params: FaceNetParams, context: Context) -> tuple[Arrays, bool]:
    """Return the arrays, and whether pictures are scaled each by itself."""
    if params.weights is None and params.release is None:
        return _own(MS_CELEB, context), True
    if params.weights in (MS_CELEB, CASIA):
        return _own(str(params.weights), context), params.weights == MS_CELEB
    path = released_weights(params.release, context, params.sha256) if params.release else Path(str(params.weights)).expanduser()
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        known = f"; the names are {MS_CELEB} and {CASIA}" if "." not in path.name else ""
        raise WeightsError(f"encoder facenet: cannot read {str(path)!r}: {error.strerror}{known}") from None
    if params.sha256 is not None and digest != params.sha256:
        raise WeightsError(f"encoder facenet: {path.name} has sha256 {digest}, expected {params.sha256}")
    context.log(f"  facenet: {path.name}, sha256 {digest}")
    if path.suffix == ".h5":
        return read_keras(path), True
    if path.suffix == ".pb":
        return read_frozen(path), False
    return read_state(_state(path), path.name), False


def _own(name: str, context: Context) -> Arrays:
    path = weights_path("deidframe_facenet", f"facenet-{name}", context)
    return read_keras(path) if name == MS_CELEB else read_frozen(path)


def _state(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a state dictionary of torch, read as plain tensors and nothing else."""
    try:
        import torch
    except ImportError:
        raise PluginError(f"{path.name} is a file of torch: python -m pip install torch") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: value.float().numpy() for name, value in state.items() if hasattr(value, "float")}
    except (RuntimeError, pickle.UnpicklingError, AttributeError, EOFError, ValueError, KeyError) as error:
        words = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise WeightsError(f"encoder facenet: {path.name} holds no such weights: {words}") from error
