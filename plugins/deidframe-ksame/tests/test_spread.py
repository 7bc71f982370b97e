from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deidframe.contract import Context, Embeddings, Partition, PluginError
from deidframe_ksame import generated
from deidframe_ksame.plugin import SpreadParams, formal
from deidframe_ksame.spread import Spread, shaped, within

COUNT, K = 60, 5
IDS = tuple(f"token-{n:03d}" for n in range(COUNT))
LABELS = np.repeat(np.arange(COUNT // K), K)
GROUPS = Partition(IDS, LABELS)


def people(space: str, width: int, seed: int) -> Embeddings:
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((COUNT, width)) * np.linspace(1, 0.1, width)
    return Embeddings(IDS, table.astype(np.float32), space)


def context(secret: bytes = b"key") -> Context:
    return Context(seed=1, scratch=Path(), secret=secret)


def spread(secret: bytes = b"key", **params: object) -> Spread:
    return Spread(SpreadParams.model_validate(params), context(secret))


def test_members_share_a_target_that_lies_as_far_from_their_mean_as_was_asked() -> None:
    crowd = people("s", 16, 3)
    squares = []
    for secret in range(40):
        made = spread(str(secret).encode(), spread=0.7).anonymize(crowd, GROUPS)
        means = np.stack([crowd.vectors[g].mean(axis=0) for g in LABELS.reshape(-1, K) * 0 + np.arange(COUNT).reshape(-1, K)])
        for group, rows in made.rows_of().items():
            assert (made.targets[list(rows)] == made.targets[rows[0]]).all()
            squares.append(float(((made.targets[rows[0]] - means[group]) ** 2).sum()))
    plain = spread(spread=1e-6).anonymize(crowd, GROUPS)
    size = within(crowd.vectors.astype(np.float64), plain)
    # 480 draws of some 8 effective dimensions: their mean is within 10 % of its expectation by five standard errors
    assert np.mean(squares) == pytest.approx(0.7**2 * size, rel=0.1)


def test_the_same_key_and_people_give_the_same_draw_whatever_the_others_and_their_order() -> None:
    crowd = people("s", 16, 3)
    made = spread().anonymize(crowd, GROUPS)
    assert np.array_equal(made.targets, spread().anonymize(crowd, GROUPS).targets)
    assert not np.array_equal(made.targets, spread(b"other").anonymize(crowd, GROUPS).targets)
    turned = np.arange(COUNT)[::-1]
    back = spread().anonymize(
        Embeddings(tuple(IDS[n] for n in turned), crowd.vectors[turned], "s"),
        Partition(tuple(IDS[n] for n in turned), LABELS[turned]),
    )
    weights = spread()._weights(IDS[:K], COUNT)
    assert np.array_equal(weights, spread()._weights(IDS[:K][::-1], COUNT))
    assert not np.array_equal(weights, spread()._weights(IDS[1 : K + 1], COUNT))
    assert back.targets.shape == made.targets.shape


def test_one_draw_moves_a_group_alike_in_every_encoder() -> None:
    """Seen through a rotation of the same space the moved target is the rotated moved target."""
    crowd = people("s", 16, 3)
    turn = np.linalg.qr(np.random.default_rng(9).standard_normal((16, 16)))[0]
    other = Embeddings(IDS, (crowd.vectors @ turn).astype(np.float32), "t")
    one, two = (spread().anonymize(seen, GROUPS) for seen in (crowd, other))
    # float32 targets of length about 3, sums of 60 terms
    assert np.allclose(one.targets @ turn, two.targets, atol=1e-3)


def test_the_draw_has_the_square_root_of_peoples_covariance() -> None:
    differences = people("s", 6, 1).vectors.astype(np.float64)
    differences -= differences.mean(axis=0)
    rows = shaped(differences, 2.0)
    made, wanted = rows.T @ rows, differences.T @ differences
    values, axes = np.linalg.eigh(wanted)
    root = (axes * np.sqrt(values)) @ axes.T
    assert np.trace(made) == pytest.approx(2.0)
    assert np.allclose(made, root * 2.0 / np.trace(root))


def test_whoever_knows_all_the_others_no_longer_finds_the_last_member() -> None:
    """The finding in small: from the mean he is found always; from a draw of one deviation in few cases, whitening or not."""
    crowd = people("s", 16, 3)
    table = crowd.vectors.astype(np.float64)
    right = {0.0: 0, 1.0: 0}
    for amount in right:
        targets = spread(spread=amount or 1e-9).anonymize(crowd, GROUPS).targets.astype(np.float64)
        for row in range(COUNT):
            known = np.setdiff1d(np.flatnonzero(LABELS[row] == LABELS), [row])
            left = K * targets[row] - table[known].sum(axis=0)
            candidates = np.setdiff1d(np.arange(COUNT), known)
            best = candidates[((table[candidates] - left) ** 2).sum(axis=1).argmin()]
            right[amount] += int(best == row)
    assert right[0.0] == COUNT
    assert right[1.0] <= COUNT * 0.4


def test_people_without_differences_are_moved_along_generated_ones() -> None:
    same = Embeddings(IDS, np.ones((COUNT, 4), np.float32), "s")
    with pytest.raises(PluginError, match="needs a recognizer"):
        spread().anonymize(same, GROUPS)
    seen = Context(seed=1, scratch=Path(), secret=b"key", recognizer=_Sees(4))  # type: ignore[arg-type]
    made = Spread(SpreadParams(), seen).anonymize(same, GROUPS)
    assert len(np.unique(made.targets, axis=0)) == COUNT // K


def test_generated_faces_are_there_and_need_a_recognizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = generated.faces()
    assert len(held) == 1000
    assert held.images[np.array([0, 999])].shape == (2, 112, 112, 3)
    assert held.landmarks is not None
    assert held.landmarks.min() > 0
    assert held.landmarks.max() < 112
    with pytest.raises(PluginError, match="needs a recognizer"):
        spread(of="generated").anonymize(people("s", 16, 3), GROUPS)
    monkeypatch.setattr(generated, "FACES", tmp_path / "gone.npz")
    with pytest.raises(PluginError, match="reinstall"):
        generated.faces()


class _Sees:
    """A recogniser that sees random encodings."""

    def __init__(self, width: int) -> None:
        self._width = width

    def encode(self, faces: object) -> Embeddings:
        table = np.random.default_rng(4).standard_normal((1000, self._width)).astype(np.float32)
        return Embeddings(tuple(f"g{n}" for n in range(1000)), table, "s")


def test_a_public_draw_does_not_follow_from_the_database_and_members_are_clipped() -> None:
    seen = Context(seed=1, scratch=Path(), secret=b"key", recognizer=_Sees(16))  # type: ignore[arg-type]
    crowd = people("s", 16, 3)
    far = np.array(crowd.vectors)
    far[0] *= 1000
    made = Spread(SpreadParams(of="generated"), seen)
    near, wild = made.anonymize(crowd, GROUPS).targets, made.anonymize(Embeddings(IDS, far, "s"), GROUPS).targets
    assert np.array_equal(near[K:], wild[K:])  # the draws of other groups are what they were
    # one member in five is clipped to sqrt(D) deviations of some 1/4: it moves the mean by no more than twice that over k
    assert np.linalg.norm(near[0] - wild[0]) <= 2 * np.sqrt(16) * np.sqrt(2 / 16) / K * 1.5


def test_the_formal_bound_says_how_weak_it_is() -> None:
    assert "rho = 10.2" in formal(5, 1.0)
    assert "weak" in formal(5, 1.0)
    assert "at most half of the cases where more than 6 people" in formal(20, 2.0)
    assert "no formal bound" in SpreadParams().beyond_k(5)
    assert "rho" in SpreadParams(of="generated").beyond_k(5)
