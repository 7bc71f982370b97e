"""A surrogate that was kept is taken again for the same group, with the same targets in all encoders, and for no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from deidframe.contract import FaceSet, IndexedStack, Surrogates
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.surrogates import synthesize_cached
from deidframe.engine.runtime.progress import Quiet


def test_a_target_moved_in_another_encoder_is_another_surrogate(tmp_path: Path) -> None:
    faces = FaceSet(("a", "b"), np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3))
    aims = Surrogates(("a", "b"), np.ones((2, 3), np.float32), np.zeros(2, np.int64), np.full(2, 0.5), "s")
    asked: list[Surrogates] = []

    def draw(given: FaceSet, surrogates: Surrogates) -> FaceSet:
        asked.append(surrogates)
        return FaceSet(given.ids, IndexedStack(np.full((1, 4, 4, 3), len(asked), np.uint8), np.zeros(2, np.int64)))

    def shown(surrogates: Surrogates) -> int:
        made = synthesize_cached(DiskCache(tmp_path), draw, "one", 1, {}, faces, surrogates, Quiet())
        return int(np.asarray(made.images[:])[0, 0, 0, 0])

    moved = replace(aims, elsewhere={"t": np.full((2, 5), 0.25, np.float32)})
    further = replace(aims, elsewhere={"t": np.full((2, 5), 0.5, np.float32)})
    assert [shown(one) for one in (aims, moved, further, aims, moved, further)] == [1, 2, 3, 1, 2, 3]
    assert [sorted(one.elsewhere) for one in asked] == [[], ["t"], ["t"]]
    assert asked[2].elsewhere["t"].shape == (2, 5)


def test_taking_rows_takes_the_targets_of_all_encoders() -> None:
    aims = Surrogates(
        ("a", "b", "c", "d"),
        np.arange(8, dtype=np.float32).reshape(4, 2),
        np.array([0, 0, 1, 1]),
        np.full(4, 0.5),
        "s",
        {"t": np.arange(12, dtype=np.float32).reshape(4, 3)},
    )
    taken = aims.take([2, 3])
    assert taken.ids == ("c", "d")
    assert taken.elsewhere["t"].tolist() == [[6, 7, 8], [9, 10, 11]]
