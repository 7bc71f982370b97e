from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from examples import planned

from deidframe.contract import LinkScores
from deidframe.engine.evaluate import kept_scores
from deidframe.engine.evaluate.kept_scores import KeptScores
from deidframe.engine.run import run
from deidframe.measure.rank import rank_hits, rank_rates


def test_a_metric_comes_out_of_the_file_as_out_of_the_run(tmp_path: Path) -> None:
    outcome = run(planned(tmp_path), tmp_path / "run")
    attacked = [cell for cell in outcome.cells if cell.attack]
    assert attacked
    for cell in attacked:
        path = tmp_path / "run" / "private" / "scores" / cell.slug / f"{cell.attack}.npz"
        assert path.stat().st_mode & 0o077 == 0
        held = np.load(path, allow_pickle=False)
        assert held["scores"].dtype == np.float32 and (np.diff(held["scores"], axis=1) <= 0).all()
        whole = np.zeros((len(held["probes"]), len(held["gallery"])), np.float32)
        np.put_along_axis(whole, held["columns"].astype(np.int64), held["scores"], axis=1)
        probes, gallery = held["probes"].tolist(), held["gallery"].tolist()
        person = {face: face for face in (*probes, *gallery)}  # in the examples each picture is another person's
        figure = rank_rates(*rank_hits(LinkScores(tuple(probes), tuple(gallery), whole), person))[1]
        assert figure.value == pytest.approx(cell.metrics["rank1"]["value"])


def test_of_a_large_gallery_the_best_and_the_own_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_scores, "BEST", 3)
    rng = np.random.default_rng(1)
    gallery = tuple(f"g{n}" for n in range(10))
    person_of = {**{f"p{n}": str(n) for n in range(4)}, **{face: str(n % 5) for n, face in enumerate(gallery)}}
    kept, parts = KeptScores(), []
    for first in (0, 2):  # in two slices, the second without one face of the gallery, in another order
        there = gallery if first == 0 else gallery[:0:-1]
        part = LinkScores((f"p{first}", f"p{first + 1}"), there, rng.random((2, len(there))).astype(np.float32))
        parts.append(part)
        kept.add(part, person_of)
    held = np.load(io.BytesIO(kept.npz()), allow_pickle=False)
    assert held["columns"].shape == held["scores"].shape == (4, 3)
    names = held["gallery"]
    for row, part in enumerate(p for p in parts for _ in range(2)):
        scores = part.scores[row % 2]
        assert np.allclose(held["scores"][row], np.sort(scores)[::-1][:3])
        assert [part.gallery_ids[n] for n in np.argsort(-scores)[:3]] == names[held["columns"][row]].tolist()
    own = {(held["probes"][row], names[column]) for row, column in held["own"]}
    assert own == {(f"p{n}", f"g{m}") for n in range(4) for m in (n, n + 5)}
    assert len(held["own_scores"]) == len(held["own"])


def test_without_a_gallery_every_probe_is_missed() -> None:
    kept = KeptScores()
    kept.add(LinkScores((), (), np.zeros((0, 0), np.float32), ("a",), ("b",)), {"a": "x", "b": "x"})
    held = np.load(io.BytesIO(kept.npz()), allow_pickle=False)
    assert held["missed"].tolist() == ["a"] and held["scores"].shape == (0, 0)


def test_of_many_probes_fewer_scores_each_are_kept_and_the_own_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_scores, "MOST", 100)
    monkeypatch.setattr(kept_scores, "FEWEST", 2)
    gallery = tuple(f"g{n}" for n in range(30))
    person_of = {"p": "29", **{face: str(n) for n, face in enumerate(gallery)}}
    scores = np.linspace(1, 0, 30, dtype=np.float32)[None]  # the own one is the last
    for probes, width in ((1, 30), (10, 10), (1000, 2)):
        kept = KeptScores(probes)
        kept.add(LinkScores(("p",), gallery, scores), person_of)
        held = np.load(io.BytesIO(kept.npz()), allow_pickle=False)
        assert held["columns"].tolist() == [list(range(width))]
        assert held["own"].tolist() == [[0, 29]]
