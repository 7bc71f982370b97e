from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from real_recognizer import RealRecognizer

from deidframe.contract import Context, FaceSet, PluginError, align
from deidframe_cloaks.cloak import MiFgsm, Pgd, TiDim, TipIm
from deidframe_cloaks.plugin import MomentumParams, PgdParams, TiDimParams, TipImParams
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    bare = Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))
    return replace(bare, recognizers={"sface": RealRecognizer("sface", bare)})


@pytest.fixture(scope="module")
def faces(context: Context) -> FaceSet:
    photos = SyntheticPeople(PeopleParams(people=3, pictures=1), context).load()
    shown = np.stack([photos.open(one) for one in photos])
    return FaceSet(photos.ids, shown, np.repeat(align.template(256)[None], len(shown), axis=0))


class FewTargets(TipImParams):
    targets: int = 2


CLOAKS = ((Pgd, PgdParams), (MiFgsm, MomentumParams), (TiDim, TiDimParams), (TipIm, FewTargets))


@pytest.mark.parametrize(("kind", "params"), CLOAKS, ids=lambda one: one.__name__)
def test_the_recogniser_is_fooled_within_the_bound(context: Context, faces: FaceSet, kind: type, params: type) -> None:
    made = kind(params(epsilon=8, steps=4), context).redact(faces)
    change = np.abs(np.asarray(made.images[:], int) - np.asarray(faces.images[:], int))
    assert 0 < change.max() <= 8
    seen = context.recognizers["sface"]
    alike = (seen.encode(faces).vectors * seen.encode(made).vectors).sum(axis=1)
    assert alike.max() < 0.5, "far below what it gives two pictures of one person"
    one = kind(params(epsilon=8, steps=4), context).redact(faces.slice(1, 2))
    apart = np.abs(np.asarray(one.images[0], int) - np.asarray(made.images[1], int))
    assert np.mean(apart > 1) < 0.01, "a picture does not depend on its batch"


def test_noise_of_the_same_size_fools_nobody(context: Context, faces: FaceSet) -> None:
    noise = np.random.default_rng(0).choice((-8, 8), faces.images.shape)
    noisy = FaceSet(faces.ids, np.clip(np.asarray(faces.images[:], int) + noise, 0, 255).astype(np.uint8), faces.landmarks)
    seen = context.recognizers["sface"]
    assert (seen.encode(faces).vectors * seen.encode(noisy).vectors).sum(axis=1).min() > 0.7


def test_what_cannot_be_followed_is_said(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="has no network that torch can follow"):
        Pgd(PgdParams(against="dlib-resnet"), Context(seed=1, scratch=tmp_path))


def test_every_cloak_is_told_to_be_no_protection() -> None:
    assert all("no protection" in params().caution for _, params in CLOAKS)


def test_tip_im_goes_towards_one_of_its_targets(context: Context, faces: FaceSet) -> None:
    made = TipIm(FewTargets(epsilon=12, steps=3), context)
    shown = made.redact(faces.slice(0, 1))
    seen = context.recognizers["sface"]
    before, after = (seen.encode(one).vectors @ made._targets.numpy().T for one in (faces.slice(0, 1), shown))
    assert after.max() > before.max() + 0.1, (before, after)
    own = (seen.encode(shown).vectors * seen.encode(faces.slice(0, 1)).vectors).sum()
    assert own < after.max(), "more like a target than like itself"
    plain, natural = (
        TipIm(FewTargets(epsilon=12, steps=2, targets=1, gamma=gamma), context).redact(faces.slice(0, 1)) for gamma in (0, 50)
    )
    assert not np.array_equal(natural.images[0], plain.images[0])


@pytest.mark.parametrize("wrong", [{"targets": 0}, {"targets": 9}, {"gamma": -1.0}])
def test_what_is_no_parameter(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"greater than or equal|less than or equal"):
        TipImParams(**wrong)
