"""Speed, never a pass or a fail: `python -m pytest --benchmark-only`. Compare ratios within one run; machines differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aroc_reference import reference
from pytest_benchmark.fixture import BenchmarkFixture

from deidframe.contract import Context, Embeddings, FaceSet
from deidframe.contract.near import nearest
from deidframe.engine.intake.take_in import take_in
from deidframe.engine.runtime.progress import Quiet
from deidframe.host.catalogue import Catalogue
from deidframe.measure.loss import sse
from deidframe_identities.kernel import components, rank_order_distances
from deidframe_ksame.fixed_size import fixed_size
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
        faces = take_in(photos, photos.subjects, detector.detect, Quiet()).faces  # type: ignore[attr-defined]
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


def lowrank(n: int, seed: int = 1) -> np.ndarray:
    """Return unit rows whose spectrum falls as rank^-0.7."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, 128)) * (1 + np.arange(128)) ** -0.35
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.mark.parametrize("method", ["mdav", "fixed-size"])
def test_grouping_a_thousand_people(benchmark: BenchmarkFixture, tmp_path: Path, method: str) -> None:
    """`extra_info` holds the SSE; compare both methods in one run."""
    vectors = lowrank(1000)
    people = Embeddings(tuple(map(str, range(1000))), vectors.astype(np.float32), "lowrank")
    clusterer = made("clusterer", method, tmp_path)
    labels = benchmark.pedantic(lambda: clusterer.cluster(people, 5).labels, rounds=3, warmup_rounds=1)  # type: ignore[attr-defined]
    benchmark.extra_info["sse"] = round(sse(vectors, labels), 2)


@pytest.mark.parametrize("n", [10_000, 100_000])
def test_fixed_size_of_many(benchmark: BenchmarkFixture, n: int) -> None:
    """k = 10; `extra_info` holds the loss for each row."""
    vectors = lowrank(n).astype(np.float32)
    fixed_size(vectors[:500], 10)
    labels = benchmark.pedantic(lambda: fixed_size(vectors, 10), rounds=1)
    benchmark.extra_info["sse_per_row"] = round(sse(vectors, labels) / n, 4)


def identities(n: int, seed: int = 2) -> np.ndarray:
    """Return unit rows of people with 1 + Poisson(7) pictures each, at a cosine of 0.7 to 0.9 to their person's mean."""
    rng = np.random.default_rng(seed)
    sizes = 1 + rng.poisson(7, n)
    people = lowrank(int(np.searchsorted(np.cumsum(sizes), n)) + 1, seed)
    who = np.repeat(np.arange(len(people)), sizes[: len(people)])[:n]
    near = rng.uniform(0.7, 0.9, len(people))[who][:, None]
    noise = rng.standard_normal((len(who), 128))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return np.asarray(near * people[who] + np.sqrt(1 - near**2) * noise)


@pytest.mark.parametrize("way", ["compiled", "plain"])
@pytest.mark.parametrize("n", [2000, 10_000])
def test_rank_order_clustering(benchmark: BenchmarkFixture, way: str, n: int) -> None:
    """50 neighbours, their search excluded; compare both ways in one run."""
    lists = nearest(identities(n), 50)
    components(lists[:100] % 100, rank_order_distances(lists[:100] % 100), 1.0)
    if way == "plain":
        benchmark.pedantic(lambda: reference(lists, 1.0), rounds=1)
    else:
        labels = benchmark.pedantic(lambda: components(lists, rank_order_distances(lists), 1.0), rounds=3, warmup_rounds=1)
        benchmark.extra_info["largest_group"] = int(np.bincount(labels).max())


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_facenet_engines(benchmark: BenchmarkFixture, tmp_path: Path, engine: str) -> None:
    """The same network in both engines; compare in one run."""
    from deidframe.contract import align

    encoder = made("encoder", "facenet", tmp_path)
    photos = SyntheticPeople(PeopleParams(people=16, pictures=1), Context(seed=1, scratch=tmp_path)).load()
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), np.repeat(align.template(256)[None], 16, axis=0))
    if engine == "torch":
        torch = pytest.importorskip("torch")
        network = encoder.as_torch()  # type: ignore[attr-defined]
        batch = torch.zeros(16, 3, network.size, network.size)
        benchmark.pedantic(lambda: network.run(batch), rounds=5, warmup_rounds=1)
    else:
        benchmark.pedantic(encoder.encode, (faces,), rounds=5, warmup_rounds=1)  # type: ignore[attr-defined]
    benchmark.extra_info["pictures_a_second"] = round(16 / benchmark.stats.stats.min, 1)
