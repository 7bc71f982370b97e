"""AROC on more rows than are compared with all others."""

from __future__ import annotations

import numpy as np
import pytest

from deidframe.contract import near
from deidframe.measure.grouping import against_labels
from deidframe_identities import aroc as module
from deidframe_identities.unit import unit


def pictures(people: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(people), each)
    rows = unit(rng.standard_normal((people, 32)))[who] + 0.08 * rng.standard_normal((len(who), 32))
    order = rng.permutation(len(who))
    return unit(rows[order]), who[order]


def test_many_are_told_apart_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, who = pictures(800, 6)
    whole = module.aroc(rows)
    for place in (near, module):
        monkeypatch.setattr(place, "EXACT", 2_000)
    monkeypatch.setattr(module, "JUDGED", 3_000)
    cut = module.aroc(rows)
    for labels, *_ in (whole, cut):
        assert against_labels(labels, [str(one) for one in who])["pairwise_f"] > 0.98
