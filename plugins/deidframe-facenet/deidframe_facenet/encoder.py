"""FaceNet: InceptionResnetV1 of facenet-pytorch, run by OpenVINO or by torch."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, FaceSet, WeightsError, align
from deidframe.models import Network, import_openvino, reproducible_torch
from deidframe_facenet.plugin import FaceNetParams
from deidframe_facenet.release import released_weights
from deidframe_facenet.upstream import module

SIZE = 160
"""Side of its input in pixels."""
TEMPLATE = ((align.TEMPLATE - align.TEMPLATE.mean(axis=0)) * 1.45 + np.array([0.5, 0.52])) * SIZE
"""Five landmarks in a crop as MTCNN with its usual margin makes them: brow to chin, a little cheek."""
DIM = 512


class FaceNet:
    """Encoder `facenet`.

    Args:
        params: weights and engine.
        context: device, and the log that is told the hash of the weights.

    Raises:
        WeightsError: no weights, and the purpose is not a test; or the file is missing, of another hash, or of another network.
    """

    def __init__(self, params: FaceNetParams, context: Context) -> None:
        model = load_model(params, context)
        self._run = (
            openvino_runner(model, params) if params.engine == "openvino" else torch_runner(model, params.device or best_device())
        )

    def encode(self, faces: FaceSet) -> Embeddings:
        """Return `(N, 512)` float32 encodings of length 1."""
        vectors = align.encode_aligned(
            faces, TEMPLATE, SIZE, lambda chips: self._run((align.channels_first(chips) - 127.5) / 128.0), DIM
        )
        return Embeddings(faces.ids, vectors, "facenet")


def load_model(params: FaceNetParams, context: Context) -> Any:
    """Return the torch module with its weights, ready to encode."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(context.seed % 2**31)
        model = module("models.inception_resnet_v1").InceptionResnetV1(pretrained=None).eval()
    given = params.weights
    if given is None and params.release is not None:
        given = released_weights(params.release, context, params.sha256)
    if given is None:
        if params.purpose != "test":
            raise WeightsError(
                "encoder facenet: no weights are given, and PyPI carries none; fetch 20180402-114759-vggface2.pt from the"
                " releases of facenet-pytorch and set params.weights (and params.sha256), or let params.release fetch them"
            )
        context.log("  facenet: random weights, for a test only")
        return model
    path = given.expanduser()
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"encoder facenet: cannot read {str(path)!r}: {error.strerror}") from None
    if params.sha256 is not None and digest != params.sha256:
        raise WeightsError(f"encoder facenet: {path.name} has sha256 {digest}, expected {params.sha256}")
    context.log(f"  facenet: {path.name}, sha256 {digest}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        kept = {name: value for name, value in state.items() if not name.startswith("logits.")}
        model.load_state_dict(kept, strict=False)
        missing = [name for name in model.state_dict() if name not in kept and not name.startswith("logits.")]
    except (RuntimeError, pickle.UnpicklingError, AttributeError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(f"encoder facenet: {path.name} holds no such weights: {str(error).splitlines()[0][:200]}") from error
    if missing:
        raise WeightsError(f"encoder facenet: {path.name} lacks {len(missing)} weights of the network, {missing[0]!r} first")
    return model


def best_device() -> str:
    """Return `cuda` or `mps` where torch has one, else `cpu`."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def torch_runner(model: Any, device: str) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what runs a batch in torch on this device."""
    import torch

    placed = model.to(device)

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with reproducible_torch(), torch.inference_mode():
            return np.asarray(placed(torch.from_numpy(batch).to(device)).cpu().numpy(), np.float32)

    return run


def openvino_runner(model: Any, params: FaceNetParams) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what runs a batch in OpenVINO, exported from the module here and now."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of a shape that is constant, as it should be
        graph = import_openvino().convert_model(model, example_input=torch.zeros(1, 3, SIZE, SIZE))
    network = Network(graph, [(-1, 3, SIZE, SIZE)], params.precision)
    return lambda batch: network(batch)[0]
