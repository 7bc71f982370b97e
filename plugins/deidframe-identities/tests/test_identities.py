from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aroc_reference import reference
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deidframe.contract import Context, Embeddings, UsageError
from deidframe.contract.near import nearest
from deidframe_identities.aroc import Aroc, aroc
from deidframe_identities.density import Dbscan, Hdbscan, KMeans, Optics
from deidframe_identities.kernel import components, rank_order_distances
from deidframe_identities.linkage import MOST, AverageLinkage
from deidframe_identities.plugin import ArocParams, AverageLinkageParams, DbscanParams, HdbscanParams, KMeansParams, OpticsParams
from deidframe_identities.unit import unit

CONTEXT = Context(seed=1, scratch=Path())
ALL = [
    Aroc(ArocParams(), CONTEXT),
    KMeans(KMeansParams(clusters=8), CONTEXT),
    Dbscan(DbscanParams(), CONTEXT),
    Optics(OpticsParams(), CONTEXT),
    Hdbscan(HdbscanParams(), CONTEXT),
    AverageLinkage(AverageLinkageParams(cosine=0.75), CONTEXT),
]


@settings(deadline=None, max_examples=60)
@given(st.integers(4, 60), st.integers(2, 12), st.sampled_from([0.02, 0.3, 0.7, 1.0, 1.6]), st.integers(0, 2**32 - 1))
@example(n=19, k=10, threshold=0.7, seed=98)  # a distance that is the threshold exactly
def test_aroc_gives_the_labels_of_a_plain_reference(n: int, k: int, threshold: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, 6)) + 3 * rng.standard_normal((5, 6))[rng.integers(0, 5, n)]
    lists = nearest(unit(vectors), min(k, n - 1))
    got = components(lists, rank_order_distances(lists), threshold)
    assert got.tolist() == reference(lists, threshold).tolist()


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 80), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_neighbours_are_exact(n: int, count: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((n, 5)).astype(np.float32)
    rows = unit(vectors)
    alike = rows.astype(np.float64) @ rows.T
    np.fill_diagonal(alike, -np.inf)
    expected = -np.sort(-alike, axis=1)[:, : min(count, n - 1)]
    found = nearest(rows, count)
    assert all(len(set(row)) == len(row) for row in found.tolist())
    # two that are equally near but for rounding may change places
    assert np.allclose(np.take_along_axis(alike, found.astype(np.int64), axis=1), expected, atol=1e-5)


def crowd(people: int = 8, pictures: int = 6, seed: int = 1) -> tuple[Embeddings, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(people), pictures)
    vectors = rng.standard_normal((people, 16))[truth] + 0.15 * rng.standard_normal((people * pictures, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Embeddings(tuple(f"f{n}" for n in range(len(truth))), vectors.astype(np.float32), "test"), truth


@pytest.mark.parametrize("clusterer", ALL, ids=lambda c: type(c).__name__)
def test_clear_people_are_found(clusterer: Aroc) -> None:
    faces, truth = crowd()
    labels = clusterer.cluster(faces, 1).labels
    kept = labels >= 0
    assert kept.mean() > 0.7
    for person in range(8):
        assert len(set(labels[kept & (truth == person)].tolist())) == 1
    assert len(set(labels[kept].tolist())) == 8


@pytest.mark.parametrize("clusterer", ALL, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("n", [0, 1, 2, 5, 30])
def test_few_and_equal_rows(clusterer: Aroc, n: int) -> None:
    faces = Embeddings(tuple(map(str, range(n))), np.ones((n, 4), np.float32), "test")
    if isinstance(clusterer, KMeans) and n < 8:
        with pytest.raises(UsageError, match="larger than the number of rows"):
            clusterer.cluster(faces, 1)
        return
    out = clusterer.cluster(faces, 1)
    assert out.ids == faces.ids
    assert set(out.labels.tolist()) <= set(range(-1, n))


def test_aroc_makes_no_giant_cluster_when_it_chooses_for_itself() -> None:
    faces, truth = crowd(60, 8, 3)
    labels, neighbours, _ = aroc(faces.vectors)
    assert np.bincount(labels).max() < 3 * 8
    assert neighbours <= 20
    assert (labels[:, None] == labels[None])[truth[:, None] == truth[None]].mean() > 0.95


def test_what_k_means_needs() -> None:
    faces, _ = crowd()
    with pytest.raises(UsageError, match=r"set params\.clusters"):
        KMeans(KMeansParams(), CONTEXT).cluster(faces, 1)
    assert len(KMeans(KMeansParams(), CONTEXT).cluster(faces, 6).sizes()) == 8


def test_a_zero_vector_has_no_cosine() -> None:
    faces = Embeddings(tuple("abcdef"), np.eye(6, 4, dtype=np.float32), "test")
    for clusterer in (Dbscan(DbscanParams(metric="cosine"), CONTEXT), Optics(OpticsParams(metric="cosine"), CONTEXT)):
        with pytest.raises(UsageError, match="zero vector"):
            clusterer.cluster(faces, 1)


LFW = Path(__file__).parents[4] / "shared" / "data" / "lfw-100x6"


@pytest.mark.skipif(not LFW.is_dir(), reason="needs the research set beside the project")
def test_real_people_are_found_without_being_told_how_many(tmp_path: Path) -> None:
    from deidframe.engine.planning.planner import plan
    from deidframe.engine.run import run
    from deidframe.host.catalogue import Catalogue
    from deidframe.recipe.parse import parse

    text = f"""
schema = 1
name = "identities"
source = {{ use = "folder", subjects = "labelled", params = {{ path = "{LFW}" }} }}
detector = {{ use = "yunet" }}
[[method]]
name = "aroc"
encoder = {{ use = "dlib-resnet" }}
clusterer = {{ use = "aroc" }}
"""
    outcome = run(plan(parse(text, "r.toml"), Catalogue(), tmp_path), tmp_path / "run")
    (cell,) = outcome.cells
    assert cell.status == "ok", cell.reason
    assert cell.metrics["pairwise_f"] > 0.95
    assert 95 <= cell.groups <= 130


def test_average_linkage_joins_while_the_mean_cosine_lies_above_its_number() -> None:
    angles = np.radians([0, 20, 80, 100, 200])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    people = Embeddings(tuple("abcde"), rows, "test")
    apart = AverageLinkage(AverageLinkageParams(cosine=0.5), CONTEXT).cluster(people, 1).labels
    assert apart[0] == apart[1] != apart[2] == apart[3] != apart[4]
    mean = float(np.mean([np.cos(np.radians(d)) for d in (80, 100, 60, 80)]))
    for cosine, joined in ((mean - 0.01, True), (mean + 0.01, False)):
        labels = AverageLinkage(AverageLinkageParams(cosine=cosine), CONTEXT).cluster(people, 1).labels
        assert bool(labels[0] == labels[2]) is joined
    assert AverageLinkage(AverageLinkageParams(), CONTEXT).cluster(people.take([0]), 1).labels.tolist() == [0]


def test_average_linkage_says_what_it_cannot_do() -> None:
    clusterer = AverageLinkage(AverageLinkageParams(), CONTEXT)
    many = Embeddings(tuple(map(str, range(MOST + 1))), np.ones((MOST + 1, 2), np.float32), "test")
    with pytest.raises(UsageError, match="use aroc"):
        clusterer.cluster(many, 1)
    with pytest.raises(UsageError, match="no direction"):
        clusterer.cluster(Embeddings(("a", "b"), np.zeros((2, 2), np.float32), "test"), 1)
