"""Speed, never a pass or a fail: `python -m pytest --benchmark-only`. Compare ratios within one run; machines differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from deidframe.contract import Context, FaceSet
from deidframe.engine.intake import take_in
from deidframe.engine.progress import Quiet
from deidframe.host.catalogue import Catalogue
from deidframe_ksame.fixed_size import improve, mdav
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople

LFW = Path(__file__).parents[3] / "shared" / "data" / "lfw-100x6"


def made(role: str, name: str, scratch: Path, **params: object) -> object:
    loaded = Catalogue().load(role, name)
    return loaded.make(loaded.component.params(**params), Context(seed=1, scratch=scratch))


def database(scratch: Path) -> object:
    """Return real faces when they are there, else people who do not exist."""
    if LFW.is_dir():
        return made("source", "folder", scratch, path=LFW).load()  # type: ignore[attr-defined]
    return SyntheticPeople(PeopleParams(), Context(seed=1, scratch=scratch)).load()


@pytest.mark.parametrize("encoder", ["sface", "dlib-resnet"])
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_from_files_to_encodings(benchmark: BenchmarkFixture, tmp_path: Path, encoder: str, precision: str) -> None:
    """Read, detect, cut and encode; the name says what, `extra_info` says pictures a second."""
    photos, detector = database(tmp_path), made("detector", "yunet", tmp_path)
    network = made("encoder", encoder, tmp_path, precision=precision)

    def work() -> int:
        faces = take_in(photos, photos.subjects, detector, "yunet", Quiet()).faces  # type: ignore[attr-defined]
        return sum(len(network.encode(batch)) for batch in faces.batches(32))  # type: ignore[attr-defined]

    count = benchmark.pedantic(work, rounds=3, warmup_rounds=1)
    benchmark.extra_info["pictures_a_second"] = round(count / benchmark.stats.stats.min, 1)


@pytest.mark.parametrize("encoder", ["sface", "dlib-resnet"])
def test_encoder_alone(benchmark: BenchmarkFixture, tmp_path: Path, encoder: str) -> None:
    """The part of the pipeline that nothing of ours can make faster."""
    network = made("encoder", encoder, tmp_path)
    photos = SyntheticPeople(PeopleParams(people=32, pictures=1), Context(seed=1, scratch=tmp_path)).load()
    from deidframe.contract import align

    marks = np.repeat(align.template(256)[None], 32, axis=0)
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), marks)
    benchmark(network.encode, faces)  # type: ignore[attr-defined]
    benchmark.extra_info["pictures_a_second"] = round(32 / benchmark.stats.stats.min, 1)


@pytest.mark.parametrize("method", ["mdav", "fixed-size"])
def test_grouping_a_thousand_people(benchmark: BenchmarkFixture, method: str) -> None:
    """`extra_info` holds the SSE beside MDAV's, in the same run."""
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((1000, 128)) * (1 + np.arange(128)) ** -0.35
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    group: Callable[[], np.ndarray] = (
        (lambda: mdav(vectors, 5)) if method == "mdav" else (lambda: improve(vectors, mdav(vectors, 5), 5))
    )
    labels = benchmark.pedantic(group, rounds=3)
    sse = sum(((vectors[labels == g] - vectors[labels == g].mean(axis=0)) ** 2).sum() for g in np.unique(labels))
    benchmark.extra_info["sse"] = round(float(sse), 2)
