"""Networks in eight bits see who they saw before, whatever the batch, and only with bounds of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

from deidframe.contract import Context, FaceSet, PluginError, WeightsError, align
from deidframe.host.catalogue import Catalogue
from deidframe.models import Network, read_graph
from deidframe.models.processor import has_int8
from deidframe.models.quantise import bounds_in, bounds_of, quantised

INTEGER = pytest.mark.skipif(not has_int8(), reason="this processor does not sum products of bytes")


def small(seed: int) -> bytes:
    """Return a convolution, a rectifier, and a product with a matrix, of random weights."""
    rng = np.random.default_rng(seed)
    kernel, matrix = (rng.normal(size=size).astype(np.float32) for size in ((8, 3, 3, 3), (8, 4)))
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["seen"], ["kept"]),
        helper.make_node("GlobalAveragePool", ["kept"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
        helper.make_node("MatMul", ["row", "matrix"], ["y"]),
    ]
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    held = [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(matrix, "matrix")]
    graph = helper.make_graph(nodes, "small", [picture], [out], held)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


def test_what_is_multiplied_is_rounded_within_what_was_seen() -> None:
    batch = np.random.default_rng(1).normal(size=(6, 3, 16, 16)).astype(np.float32)
    bounds = bounds_of(read_graph(small(0)), [batch[:2], batch[2:]])
    assert len(bounds) == 2 and (batch.min(), batch.max()) in [pytest.approx(ends) for ends in bounds.values()]
    plain = Network(read_graph(small(0)))(batch)[0]
    rounded = Network(quantised(read_graph(small(0)), bounds), precision="int8")(batch)[0]
    assert not np.array_equal(rounded, plain)
    assert np.abs(rounded - plain).max() < 0.05 * np.abs(plain).max()
    with pytest.raises(WeightsError, match="another network"):
        quantised(read_graph(small(2)), bounds)


def test_a_network_without_bounds_says_what_to_take() -> None:
    with pytest.raises(PluginError, match=r'no bounds of nothing .* take precision = "f32"'):
        bounds_in("deidframe_dlib", "nothing")
    loaded = Catalogue().load("encoder", "facenet")
    with pytest.raises(ValidationError, match="of the weights ms-celeb-128 alone"):
        loaded.component.params(weights="casia-512", precision="int8")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> FaceSet:
    loaded = Catalogue().load("source", "synthetic-people")
    context = Context(seed=0, scratch=tmp_path_factory.mktemp("faces"))
    photos = loaded.make(loaded.component.params(people=12, pictures=2), context).load()
    pictures = np.stack([photos.open(one) for one in photos.ids])
    return FaceSet(photos.ids, pictures, np.repeat(align.template(256)[None], len(photos), 0).astype(np.float32))


@INTEGER
@pytest.mark.parametrize(("name", "least"), [("sface", 0.9), ("dlib-resnet", 0.99), ("facenet", 0.97)])
def test_a_recogniser_sees_who_it_saw_in_integers(faces: FaceSet, tmp_path: Path, name: str, least: float) -> None:
    loaded = Catalogue().load("encoder", name)

    def encoder(precision: str) -> object:
        return loaded.make(loaded.component.params(precision=precision), Context(seed=0, scratch=tmp_path))

    plain, rounded = (encoder(precision).encode(faces).vectors for precision in ("f32", "int8"))  # type: ignore[attr-defined]
    unit = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in (plain, rounded)]
    assert (unit[0] * unit[1]).sum(axis=1).min() > least
    first, second = np.arange(0, 24, 2), np.arange(1, 24, 2)
    named = [(one[second] @ one[first].T).argmax(axis=1) == np.arange(12) for one in unit]
    assert named[1].sum() >= named[0].sum() - 1
    alone = encoder("int8").encode(faces.take([3])).vectors  # type: ignore[attr-defined]
    np.testing.assert_allclose(alone[0], rounded[3], rtol=1e-4, atol=1e-4 * np.abs(rounded).max())
