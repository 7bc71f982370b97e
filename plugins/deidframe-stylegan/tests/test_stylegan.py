from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from real_recognizer import RealRecognizer

from deidframe.contract import Context, FaceSet, PluginError, Surrogates
from deidframe_stylegan.bank import SPACES, load_bank
from deidframe_stylegan.generator import Generator
from deidframe_stylegan.plugin import StyleGanParams
from deidframe_stylegan.surrogate import StyleGan


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    base = Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))
    return Context(seed=1, scratch=base.scratch, recognizer=RealRecognizer("dlib-resnet", base))


def task(targets: np.ndarray, space: str = "dlib-resnet") -> tuple[FaceSet, Surrogates]:
    """Two faces for each target."""
    groups = np.repeat(np.arange(len(targets), dtype=np.int64), 2)
    ids = tuple(f"f{n}" for n in range(len(groups)))
    faces = FaceSet(ids, np.zeros((len(ids), 256, 256, 3), np.uint8))
    return faces, Surrogates(ids, targets[groups].astype(np.float32), groups, np.full(len(ids), 0.5), space)


def test_a_found_face_nearer_than_a_random_one_and_different_for_each_group(context: Context) -> None:
    bank = load_bank("dlib-resnet")
    rng = np.random.default_rng(5)
    targets = np.stack([bank.encodings[rng.choice(len(bank.encodings), 5)].mean(axis=0) for _ in range(2)])
    targets = np.concatenate([targets, targets[:1]])  # two groups want the very same face
    faces, surrogates = task(targets)
    made = StyleGan(StyleGanParams(candidates=4), context)
    out = made.synthesize(faces, surrogates)
    assert out.ids == faces.ids
    assert context.recognizer is not None
    recognition = context.recognizer.recognize(FaceSet(faces.ids, np.asarray(out.images[:])))
    assert recognition.scores.min() > 0.8
    far = ((recognition.embeddings.vectors - surrogates.targets) ** 2).sum(axis=1)
    random = ((bank.encodings[None] - targets[:, None]) ** 2).sum(axis=2).mean(axis=1)
    assert (far[::2] < 0.75 * random).all()
    assert np.array_equal(out.images[0:1], out.images[1:2])
    again = StyleGan(StyleGanParams(candidates=4), context).synthesize(faces, surrogates)
    assert np.array_equal(np.asarray(again.images[:]), np.asarray(out.images[:]))


def test_the_bank_knows_its_own_faces(context: Context) -> None:
    assert context.recognizer is not None
    bank = load_bank("dlib-resnet")
    picture = Generator(context).picture(bank.w[17], 256)
    seen = context.recognizer.recognize(FaceSet(("one",), picture[None])).embeddings.vectors[0]
    assert float(seen @ bank.encodings[17]) > 0.99
    assert bank.nearest(bank.encodings[17], 1).tolist() == [17]


@pytest.mark.parametrize("space", SPACES)
def test_predictions_stay_where_faces_are(space: str) -> None:
    bank = load_bank(space)
    axes = np.linalg.pinv(bank.basis)
    for row in range(0, 3000, 601):
        q = (bank.predict(bank.encodings[row], 50.0) - bank.w_mean) @ axes
        assert np.sqrt((q**2).mean()) < 0.61


def test_wrong_use_is_refused(context: Context) -> None:
    with pytest.raises(PluginError, match="needs a recognizer"):
        StyleGan(StyleGanParams(), Context(seed=1, scratch=Path()))
    with pytest.raises(PluginError, match="not of 'pixels'"):
        load_bank("pixels")
    with pytest.raises(PluginError, match="reinstall"):
        load_bank("sface", Path("no-such-file.npz"))
    with pytest.raises(PluginError, match="the targets are of 'sface'"):
        StyleGan(StyleGanParams(), context).synthesize(*task(np.zeros((1, 128)), "sface"))
