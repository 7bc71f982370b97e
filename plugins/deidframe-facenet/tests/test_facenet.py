from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from float32 import RECOGNISER, apart

torch = pytest.importorskip("torch")

from deidframe.contract import Context, FaceSet, Photos, WeightsError, align  # noqa: E402
from deidframe_facenet.encoder import FaceNet, load_model, openvino_runner, torch_runner  # noqa: E402
from deidframe_facenet.mtcnn import Mtcnn  # noqa: E402
from deidframe_facenet.plugin import FaceNetParams, MtcnnParams  # noqa: E402
from deidframe_facenet.release import FILES, released_weights  # noqa: E402
from deidframe_people.plugin import PeopleParams  # noqa: E402
from deidframe_people.source import SyntheticPeople  # noqa: E402

TEST = FaceNetParams(purpose="test")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def photos(context: Context) -> Photos:
    return SyntheticPeople(PeopleParams(people=4, pictures=2), context).load()


def test_the_exported_graph_equals_torch(context: Context) -> None:
    model = load_model(TEST, context)
    batch = np.random.default_rng(1).standard_normal((3, 3, 160, 160)).astype(np.float32)
    by_torch, by_graph = torch_runner(model, "cpu")(batch), openvino_runner(model, TEST)(batch)
    assert by_torch.shape == (3, 512)
    size = np.abs(by_graph).max()
    assert np.abs(by_torch - by_graph).max() < apart(*RECOGNISER, size)
    assert np.allclose(np.linalg.norm(by_graph, axis=1), 1, atol=1e-4)


def test_encodings_keep_their_rows(context: Context, photos: Photos) -> None:
    marks = np.repeat(align.template(256)[None], len(photos), axis=0)
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), marks)
    encoder = FaceNet(TEST, context)
    whole = encoder.encode(faces)
    assert (whole.ids, whole.space, whole.vectors.shape) == (photos.ids, "facenet", (8, 512))
    assert np.allclose(
        encoder.encode(faces.slice(5, 6)).vectors[0], whole.vectors[5], atol=apart(*RECOGNISER, np.abs(whole.vectors).max())
    )


def test_without_weights_it_refuses(context: Context) -> None:
    with pytest.raises(WeightsError, match="PyPI carries none"):
        FaceNet(FaceNetParams(), context)


def test_weights_by_path_and_hash(context: Context, tmp_path: Path) -> None:
    model = load_model(TEST, context)
    path = tmp_path / "weights.pt"
    state = dict(model.state_dict())
    state["logits.weight"] = torch.zeros(10, 512)  # what the releases hold besides
    torch.save(state, path)
    said: list[str] = []
    listening = Context(seed=2, scratch=tmp_path, log=said.append)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    again = load_model(FaceNetParams(weights=path, sha256=digest), listening)
    assert digest in said[0]
    assert torch.equal(again.state_dict()["last_linear.weight"], state["last_linear.weight"])
    with pytest.raises(WeightsError, match="expected 0000"):
        load_model(FaceNetParams(weights=path, sha256="0" * 64), context)
    with pytest.raises(WeightsError, match="cannot read"):
        load_model(FaceNetParams(weights=tmp_path / "absent.pt"), context)
    del state["last_linear.weight"]
    torch.save(state, path)
    with pytest.raises(WeightsError, match=r"lacks 1 weights of the network, 'last_linear\.weight' first"):
        load_model(FaceNetParams(weights=path), context)


class Gadget:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.trace), "w")


def test_a_malicious_file_runs_nothing(context: Context, tmp_path: Path) -> None:
    torch.save({"last_linear.weight": Gadget(tmp_path / "trace")}, tmp_path / "bad.pt")
    with pytest.raises(WeightsError, match="holds no such weights"):
        load_model(FaceNetParams(weights=tmp_path / "bad.pt"), context)
    assert not (tmp_path / "trace").exists()
    (tmp_path / "text.pt").write_text("nothing")
    with pytest.raises(WeightsError, match="holds no such weights"):
        load_model(FaceNetParams(weights=tmp_path / "text.pt"), context)


def test_released_weights_are_fetched_once_and_hold_their_hash(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEIDFRAME_CACHE", str(tmp_path / "cache"))
    served = tmp_path / "served"
    served.mkdir()
    address = served.as_uri() + "/"
    offline = Context(seed=1, scratch=tmp_path, offline=True)
    with pytest.raises(WeightsError, match="without --offline"):
        released_weights("vggface2", offline, None, address)
    with pytest.raises(WeightsError, match="cannot be fetched"):
        released_weights("vggface2", context, None, address)
    upstream = served / FILES["vggface2"]
    torch.save(dict(load_model(TEST, context).state_dict()), upstream)
    digest = hashlib.sha256(upstream.read_bytes()).hexdigest()
    with pytest.raises(WeightsError, match="nothing was kept"):
        released_weights("vggface2", context, "0" * 64, address)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    path = released_weights("vggface2", context, digest, address)
    upstream.unlink()
    assert released_weights("vggface2", offline, None, address) == path
    assert load_model(FaceNetParams(release="vggface2"), offline) is not None
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsError, match="has changed since"):
        released_weights("vggface2", offline, None, address)


def test_mtcnn_finds_faces_where_they_are(context: Context, photos: Photos) -> None:
    found = Mtcnn(MtcnnParams(), context).detect(photos)
    assert found.looked_at == photos.ids
    assert set(found.photo_ids) == set(photos.ids)
    best = [found.photo_ids.index(i) for i in photos.ids]
    assert np.abs(found.landmarks[best] - align.template(256)).mean() < 8
    large = np.full((700, 900, 3), 127, np.uint8)
    large[100:612, 200:712] = np.repeat(np.repeat(photos.open(photos.ids[0]), 2, axis=0), 2, axis=1)
    out = Mtcnn(MtcnnParams(min_face=60), context).detect(Photos.from_arrays(["large"], [large]))
    expected = found.landmarks[best[0]] * 2 + np.array([200, 100])
    assert np.abs(out.landmarks[0] - expected).max() < 12


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (12, 300), (21, 19), (64, 64)])
def test_mtcnn_is_safe_on_small_and_empty_pictures(context: Context, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    out = Mtcnn(MtcnnParams(), context).detect(Photos.from_arrays(["a", "b"], [picture, np.zeros((*shape, 3), np.uint8)]))
    assert out.looked_at == ("a", "b")
    assert len(Mtcnn(MtcnnParams(), context).detect(Photos.from_arrays([], []))) == 0


def test_listing_it_imports_no_torch() -> None:
    code = "import sys; from deidframe.host.catalogue import Catalogue; Catalogue().load('encoder', 'facenet')"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
