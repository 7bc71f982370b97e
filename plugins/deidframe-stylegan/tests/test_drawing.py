"""Faces drawn in strips: the published network's, and the same bits however many threads there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from float32 import GENERATOR, apart
from threadpoolctl import threadpool_limits

from deidframe.contract import Context
from deidframe.models import Network, read_graph, weights_path
from deidframe_stylegan.arrays import STYLES, read_arrays
from deidframe_stylegan.drawing import Drawing
from deidframe_stylegan.generator import Generator


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def generator(context: Context) -> Generator:
    return Generator(context)


@pytest.fixture(scope="module")
def drawing(context: Context) -> Drawing:
    return Drawing(read_arrays(context))


def test_it_draws_what_the_published_network_draws(context: Context, generator: Generator, drawing: Drawing) -> None:
    parts = ("mobilestylegan-synthesis-graph", "mobilestylegan-synthesis")
    published = Network(read_graph(*(weights_path("deidframe_stylegan", part, context) for part in parts)), [(1, 512)])
    for w in generator.draws(2, 5):
        wanted = np.clip((published(w[None])[0][0].transpose(1, 2, 0) + 1) * 127.5, 0, 255)
        made = drawing.draw(np.repeat(w[None], STYLES, axis=0), half=False)
        assert made.shape == (1024, 1024, 3)
        assert np.abs(made - wanted).max() < apart(*GENERATOR, 127.5)
        assert wanted.std() > 20


@pytest.mark.parametrize("size", [64, 100, 256, 512, 1024])
def test_a_small_picture_is_the_large_one_averaged(generator: Generator, size: int) -> None:
    layers = generator.draws(STYLES, 3)
    large = generator._drawing.draw(layers, half=False)
    wanted = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    made = generator.picture(layers, size)
    assert made.shape == (size, size, 3)
    assert np.abs(made - wanted).max() < 0.51
    assert large.min() >= 0 and large.max() <= 255


def test_bits_do_not_depend_on_threads(context: Context, drawing: Drawing, generator: Generator) -> None:
    points = np.repeat(generator.draws(1, 9), STYLES, axis=0)
    wanted = drawing.draw(points, half=True)
    other = Drawing(read_arrays(context))
    for threads, blas in ((1, 1), (3, 2), (8, 1)):
        other._strips.pool = ThreadPoolExecutor(threads)
        with threadpool_limits(blas, user_api="blas"):
            assert np.array_equal(other.draw(points, half=True), wanted)
