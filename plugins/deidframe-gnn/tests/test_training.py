from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch")

SCRIPTS = Path(__file__).parents[1] / "scripts"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"gnn_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for start in (0, 100):
        np.savez(
            tmp_path / f"{start:06d}.npz",
            pictures=np.repeat(np.repeat(rng.integers(0, 256, (70, 16, 16, 3)).astype(np.uint8), 8, 1), 8, 2),
            identities=np.eye(200, dtype=np.float32)[rng.integers(0, 200, 70)],
            poses=rng.standard_normal((70, 4)).astype(np.float32),
        )
    return tmp_path


def test_training_learns_keeps_a_checkpoint_and_goes_on_from_it(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = script("train")
    data = train.Data(shards)
    assert data.pictures.shape == (140, 3, 128, 128)
    assert abs(float(data.poses.mean())) < 1e-5
    model, _ = train.train(data, shards / "checkpoint.pt", 4.0)
    rows = np.arange(8)
    with torch.inference_mode():
        identities, pose, wanted = data.batch(rows)
        learned = float(train.loss_of(model(identities, pose), wanted))
        fresh = float(train.loss_of(train.Gnn()(identities, pose), wanted))
    assert learned < fresh
    first = torch.load(shards / "checkpoint.pt", weights_only=True)
    assert first["step"] > 0
    train.train(data, shards / "checkpoint.pt", 6.0)
    assert f"going on from step {first['step']}" in capsys.readouterr().out
    second = torch.load(shards / "checkpoint.pt", weights_only=True)
    assert second["step"] > first["step"]
    assert second["spent"] >= 6


def test_the_exported_network_draws_what_the_trained_one_does(shards: Path) -> None:
    from deidframe_gnn.surrogate import Drawer

    train = script("train")
    model = train.Gnn()
    train.export(model, train.Data(shards), shards / "out.xml")
    identity = np.eye(200, dtype=np.float32)[:2]
    drawn = Drawer(shards / "out.xml").draw(identity, 128)
    with torch.inference_mode():
        wanted = model(torch.from_numpy(identity), torch.zeros(2, 4)).permute(0, 2, 3, 1).numpy() * 255
    assert np.abs(drawn - wanted).max() < 3


def test_the_plan_of_proxies_is_people_in_poses_and_mixtures_that_sum_to_one() -> None:
    identities, moves = script("make_proxies").plan_of()
    assert identities.shape == (2000, 200)
    assert np.allclose(identities.sum(axis=1), 1)
    counts = (identities > 0).sum(axis=1)
    assert (counts == 1).sum() == 1000
    assert sorted(set(counts[counts > 1].tolist())) == list(range(2, 11))
    assert moves.shape == (2000, 4)
    assert (moves == 0).all(axis=1).sum() == 200


def test_without_pictures_training_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"make_proxies\.py"):
        script("train").Data(tmp_path)
