"""Seconds a group of every synthesizer, against k and against the number of groups; never a pass or a fail."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from real_recognizer import RealRecognizer

from deidframe.contract import Context, FaceSet, Surrogates, align
from deidframe.host.catalogue import Catalogue
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople

METHODS: list[tuple[str, dict[str, Any]]] = [
    ("pixel-mean", {}),
    ("eigen", {}),
    ("aam", {}),
    ("furthest", {}),
    ("gnn", {}),
    ("stylegan", {}),
    ("stylegan", {"aim": "gradient"}),
]


@pytest.mark.parametrize(("groups", "k"), [(2, 5), (8, 5), (4, 2), (4, 10)])
@pytest.mark.parametrize(("name", "params"), METHODS, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v.values())))
def test_seconds_a_group(
    benchmark: BenchmarkFixture, tmp_path: Path, name: str, params: dict[str, Any], groups: int, k: int
) -> None:
    """`extra_info` says seconds a group, the looking at finished faces included."""
    if params.get("aim") == "gradient":
        pytest.importorskip("torch")
    base = Context(seed=1, scratch=tmp_path)
    people = groups * k
    photos = SyntheticPeople(PeopleParams(people=people, pictures=2), base).load()
    pictures = np.stack([photos.open(i) for i in photos])
    marks = np.repeat(align.template(256)[None], len(pictures), axis=0)
    faces = FaceSet(photos.ids, pictures, marks, photos.subjects)
    recognizer = {space: RealRecognizer(space, base) for space in ("sface", "dlib-resnet")}
    number = np.unique(np.array(photos.subjects), return_inverse=True)[1] % groups
    seen = recognizer["sface"].encode(faces).vectors
    targets = np.stack([seen[number == g].mean(axis=0) for g in range(groups)])[number]
    weights = 1 / np.bincount(number)[number]
    surrogates = Surrogates(photos.ids, targets, number.astype(np.int64), weights, "sface")
    loaded = Catalogue().load("synthesizer", name)
    context = dataclasses.replace(base, recognizer=recognizer["sface"], recognizers=recognizer)
    made = loaded.make(loaded.component.params(**params), context)

    def work() -> int:
        return len(np.asarray(made.synthesize(faces, surrogates).images[:]))

    rounds = 1 if name == "stylegan" else 3
    benchmark.pedantic(work, rounds=rounds, warmup_rounds=int(name != "stylegan"))
    benchmark.extra_info["seconds_a_group"] = round(benchmark.stats.stats.min / groups, 3)


@pytest.mark.parametrize("encode", [False, True], ids=["drawn", "drawn, found and encoded"])
def test_full_size_faces_a_second(benchmark: BenchmarkFixture, tmp_path: Path, encode: bool) -> None:
    """MobileStyleGAN at 1024 pixels; `extra_info` says faces a second."""
    pytest.importorskip("deidframe_stylegan")
    from deidframe_stylegan.generator import Generator

    context = Context(seed=1, scratch=tmp_path)
    generator, recognizer = Generator(context), RealRecognizer("sface", context)
    points = generator.draws(8, 1)

    def work() -> int:
        pictures = np.stack([generator.picture(w, 1024) for w in points])
        if not encode:
            return len(pictures)
        small = np.stack([np.asarray(cv2.resize(one, (256, 256), interpolation=cv2.INTER_AREA), np.uint8) for one in pictures])
        return len(recognizer.recognize(FaceSet(tuple(str(n) for n in range(len(small))), small)).embeddings)

    benchmark.pedantic(work, rounds=3, warmup_rounds=1)
    benchmark.extra_info["faces_a_second"] = round(len(points) / benchmark.stats.stats.min, 2)


@pytest.mark.parametrize("by", ["strips", "openvino"])
@pytest.mark.benchmark(group="one face of 1024 pixels")
def test_drawing_against_an_engine(benchmark: BenchmarkFixture, tmp_path: Path, by: str) -> None:
    """The same face by our strips and by the published graph in OpenVINO."""
    pytest.importorskip("deidframe_stylegan")
    from deidframe.models import Network, read_graph, weights_path
    from deidframe_stylegan.generator import Generator

    context = Context(seed=1, scratch=tmp_path)
    generator = Generator(context)
    w = generator.draws(1, 1)[0]
    if by == "strips":
        benchmark.pedantic(lambda: generator.picture(w, 1024), rounds=20, warmup_rounds=2)
        return
    parts = ("mobilestylegan-synthesis-graph", "mobilestylegan-synthesis")
    network = Network(read_graph(*(weights_path("deidframe_stylegan", part, context) for part in parts)), [(1, 512)])
    benchmark.pedantic(lambda: network(w[None]), rounds=20, warmup_rounds=2)


@pytest.mark.parametrize("side", [128, 256])
@pytest.mark.parametrize("by", ["loops", "torch"])
def test_the_proxy_and_its_gradient(benchmark: BenchmarkFixture, tmp_path: Path, by: str, side: int) -> None:
    """What aiming on a CPU does in each step, by our loops and by torch's operations."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("deidframe_stylegan")
    from deidframe_stylegan.arrays import STYLES
    from deidframe_stylegan.differentiable import TorchGenerator

    benchmark.group = f"gradient at {side} pixels"
    model = TorchGenerator(Context(seed=1, scratch=tmp_path))
    points = torch.zeros(1, STYLES, 512, requires_grad=True)

    def work() -> None:
        styles = [model._style(points, n) for n in range(STYLES)] if by == "torch" else []
        made = model.in_torch(styles, side) if by == "torch" else model(points, side)
        made.sum().backward()

    benchmark.pedantic(work, rounds=10, warmup_rounds=2)
