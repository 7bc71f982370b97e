"""AROC on more rows than are compared with all others."""

from __future__ import annotations

import numpy as np

from deidframe.measure.grouping import against_labels
from deidframe_identities import aroc as module
from deidframe_identities.cuts import LEAF, near_together, nearest_by_cuts
from deidframe_identities.neighbours import nearest, unit


def pictures(people: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(people), each)
    rows = unit(rng.standard_normal((people, 32)))[who] + 0.08 * rng.standard_normal((len(who), 32))
    order = rng.permutation(len(who))
    return unit(rows[order]), who[order]


def test_cuts_find_nearly_all_neighbours() -> None:
    rows, _ = pictures(900, 8)
    assert len(rows) > 2 * LEAF
    found, true = nearest_by_cuts(rows, 10), nearest(rows, 10)
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), true.tolist(), strict=True)])
    assert kept > 0.85
    assert (found >= 0).all() and (found != np.arange(len(rows))[:, None]).all()
    assert sorted(near_together(rows).tolist()) == list(range(len(rows)))


def test_many_are_told_apart_as_few_are(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    rows, who = pictures(800, 6)
    whole = module.aroc(rows)
    monkeypatch.setattr(module, "MANY", 2_000)
    monkeypatch.setattr(module, "JUDGED", 3_000)
    cut = module.aroc(rows)
    for labels, *_ in (whole, cut):
        assert against_labels(labels, [str(one) for one in who])["pairwise_f"] > 0.98
