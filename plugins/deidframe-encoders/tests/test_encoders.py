from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from float32 import apart
from onnx import TensorProto, helper, numpy_helper

from deidframe.contract import Context, FaceSet, PluginError, WeightsError, align
from deidframe.models import weights_path
from deidframe_encoders.onnx_file import OnnxFile
from deidframe_encoders.pca import Eigenfaces
from deidframe_encoders.pixels import GreyPixels
from deidframe_encoders.plugin import OnnxParams, PcaParams, PixelsParams
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def faces(context: Context) -> FaceSet:
    photos = SyntheticPeople(PeopleParams(people=6, pictures=4), context).load()
    marks = np.repeat(align.template(256)[None], len(photos), axis=0)
    return FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), marks, photos.subjects)


def test_sface_drops_in_as_a_file(context: Context, faces: FaceSet) -> None:
    """The shipped file of another plugin, named by its parameters alone, gives that plugin's encodings."""
    from deidframe_opencv_zoo.plugin import SFaceParams
    from deidframe_opencv_zoo.sface import SFace

    path = weights_path("deidframe_opencv_zoo", "sface", context)
    by_file = OnnxFile(OnnxParams(path=path, mean=0, scale=1), context).encode(faces)
    by_name = SFace(SFaceParams(), context).encode(faces).vectors
    assert np.allclose(by_file.vectors, by_name, atol=apart(12544, 29, np.abs(by_name).max()))  # fc: 256 x 7 x 7, 28 before
    other = OnnxFile(OnnxParams(path=path, mean=0, scale=1, colour="bgr"), context).encode(faces)
    assert not np.allclose(by_file.vectors, other.vectors, atol=0.1)


def network(path: Path, shape: list[int | str], channels: int = 3) -> Path:
    """Write a network that averages over the picture."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    weight = numpy_helper.from_array(np.eye(channels, 4, dtype=np.float32), "w")
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], [weight])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())
    return path


def test_a_network_gets_what_its_parameters_say(context: Context, tmp_path: Path) -> None:
    path = network(tmp_path / "mean.onnx", ["n", 3, 32, 32])
    red = np.zeros((2, 64, 64, 3), np.uint8)
    red[..., 0] = 200
    faces = FaceSet(("a", "b"), red, np.repeat(align.template(64)[None], 2, axis=0))
    out = OnnxFile(OnnxParams(path=path, size=32, mean=100, scale=50), context).encode(faces)
    assert np.allclose(out.vectors, [[2, -2, -2, 0]] * 2, atol=1e-5)


def test_bad_networks_say_what_is_wrong(context: Context, tmp_path: Path) -> None:
    path = network(tmp_path / "mean.onnx", ["n", 3, 32, 32])
    with pytest.raises(WeightsError, match="cannot read"):
        OnnxFile(OnnxParams(path=tmp_path / "absent.onnx"), context)
    with pytest.raises(WeightsError, match="sha256"):
        OnnxFile(OnnxParams(path=path, size=32, sha256="0" * 64), context)
    (tmp_path / "text.onnx").write_text("no network at all")
    with pytest.raises(WeightsError, match=r"text\.onnx|OpenVINO"):
        OnnxFile(OnnxParams(path=tmp_path / "text.onnx"), context)
    four = network(tmp_path / "four.onnx", ["n", 4, 32, 32], 4)
    with pytest.raises(WeightsError, match="check size and layout"):
        OnnxFile(OnnxParams(path=four, size=32), context)
    with pytest.raises(ValueError, match="template"):
        OnnxParams(path=path, template=((0.1, 0.2),) * 4)


@pytest.mark.parametrize("kind", ["pca", "pixels"])
def test_the_classical_ones_know_people_better_than_chance(context: Context, faces: FaceSet, kind: str) -> None:
    encoder = Eigenfaces(PcaParams(components=20), context) if kind == "pca" else GreyPixels(PixelsParams(), context)
    if isinstance(encoder, Eigenfaces):
        encoder.fit(faces.without_subjects())
    vectors = encoder.encode(faces).unit().vectors
    assert vectors.shape == (24, 20 if kind == "pca" else 576)
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -1)
    people = np.array(faces.subjects)
    assert (people[alike.argmax(axis=1)] == people).mean() > 0.5
    assert np.allclose(encoder.encode(faces.slice(3, 4)).unit().vectors[0], vectors[3], atol=1e-5)


def test_eigenfaces_need_to_learn_first(context: Context, faces: FaceSet) -> None:
    with pytest.raises(PluginError, match="have not learned"):
        Eigenfaces(PcaParams(), context).encode(faces)
    with pytest.raises(PluginError, match="at least two faces"):
        Eigenfaces(PcaParams(), context).fit(faces.slice(0, 1))
    encoder = Eigenfaces(PcaParams(components=500), context)
    encoder.fit(faces)
    assert encoder.encode(faces).vectors.shape == (24, 23)
