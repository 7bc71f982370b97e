from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deidframe.contract import Context, FaceSet, WeightsError, align
from deidframe.models import weights_path
from deidframe_dlib.encoder import DlibResNet
from deidframe_dlib.plugin import DlibParams
from deidframe_dlib.serial import read_resnet
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def data(context: Context) -> bytes:
    return weights_path("deidframe_dlib", "dlib-resnet", context).read_bytes()


@pytest.fixture(scope="module")
def faces(context: Context) -> FaceSet:
    """Six people, three pictures each; StyleGAN's pictures are aligned, so the template's landmarks are theirs."""
    photos = SyntheticPeople(PeopleParams(people=6, pictures=3), context).load()
    pictures = np.stack([photos.open(i) for i in photos])
    marks = np.repeat(align.template(256)[None], len(pictures), axis=0)
    return FaceSet(photos.ids, pictures, marks, photos.subjects)


def test_people_are_told_apart(context: Context, faces: FaceSet) -> None:
    out = DlibResNet(DlibParams(), context).encode(faces)
    assert (out.ids, out.space, out.vectors.shape) == (faces.ids, "dlib-resnet", (18, 128))
    distances = np.linalg.norm(out.vectors[:, None] - out.vectors[None], axis=2)
    people = np.array(faces.subjects)
    same = (people[:, None] == people[None]) & ~np.eye(18, dtype=bool)
    assert distances[same].max() < 0.6
    assert distances[people[:, None] != people[None]].mean() > 0.6
    # encodings of this network are about 1.3 to 1.5 long; it does not normalise
    assert 1.1 < np.linalg.norm(out.vectors, axis=1).mean() < 1.7


def test_batches_and_order_change_no_bit(context: Context, faces: FaceSet) -> None:
    encoder = DlibResNet(DlibParams(), context)
    whole = encoder.encode(faces).vectors
    one = np.concatenate([encoder.encode(faces.slice(n, n + 1)).vectors for n in range(len(faces))])
    assert np.array_equal(whole, one)
    assert np.array_equal(encoder.encode(faces.take(range(17, -1, -1))).vectors[::-1], whole)


@pytest.mark.parametrize("damage", ["cut", "flip", "more", "empty", "other"])
def test_a_damaged_file_is_refused(data: bytes, damage: str) -> None:
    broken = {
        "cut": data[: len(data) // 2],
        "flip": data[:5] + bytes([data[5] ^ 0xFF]) + data[6:],
        "more": data + b"\x00",
        "empty": b"",
        "other": b"\x89PNG" * 100,
    }[damage]
    with pytest.raises(WeightsError, match="dlib file"):
        read_resnet(broken)


def test_the_shapes_of_the_network(data: bytes) -> None:
    net = read_resnet(data)
    assert len(net.blocks) == 14
    assert net.first.weight.shape == (32, 3, 7, 7)
    assert net.blocks[-1][1].weight.shape == (256, 256, 3, 3)
    assert net.fc.shape == (256, 128)
    assert np.allclose(net.mean, (122.782, 117.001, 104.298), atol=1e-3)


LFW = Path(__file__).parents[4] / "shared" / "data" / "lfw-100x6"


@pytest.mark.skipif(not LFW.is_dir(), reason="needs the research set beside the project")
def test_on_real_faces(context: Context) -> None:
    from PIL import Image

    from deidframe.contract import Photos
    from deidframe_opencv_zoo.plugin import YuNetParams
    from deidframe_opencv_zoo.yunet import YuNet

    paths = sorted(LFW.glob("p00[1-9]/[12].jpg"))
    pictures = [np.asarray(Image.open(p).convert("RGB")) for p in paths]
    ids = tuple(str(p) for p in paths)
    found = YuNet(YuNetParams(), context).detect(Photos.from_arrays(ids, pictures))
    best = {photo: row for row, photo in reversed(list(enumerate(found.photo_ids)))}
    faces = FaceSet(ids, np.stack(pictures), found.landmarks[[best[i] for i in ids]])
    vectors = DlibResNet(DlibParams(), context).encode(faces).vectors
    distances = np.linalg.norm(vectors[0::2, None] - vectors[None, 1::2], axis=2)
    assert (distances.argmin(axis=1) == np.arange(len(distances))).mean() >= 8 / 9
