"""Each face is decoded and cut once for all encoders of a run, and an encoder that fails fails where it is asked for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.contract.photos import Photos
from deidframe.engine.intake import crops
from deidframe.engine.run import run
from deidframe.record.write import write_json

TWO = RECIPE.replace('gallery = "exact"\n', 'gallery = "exact"\nencoders = ["second"]\n').replace("count = 12", "count = 60")
MATCH = """
import numpy as np
from deidframe.contract import Component, LinkScores, Need, Params, hookimpl

class Match:
    def __init__(self, params, context):
        self._seen = context.recognizer

    def prepare(self, briefing):
        self._gallery = briefing.gallery
        self._known = self._seen.encode(briefing.gallery).vectors

    def attack(self, probes):
        return LinkScores(probes.ids, self._gallery.ids, self._seen.encode(probes).vectors @ self._known.T)

@hookimpl
def deidframe_attackers():
    return [Component("guess", f"{__name__}:Match", Params, "matches", needs=frozenset({Need.RECOGNIZER}), contract=2)]
"""


def second(more: str = "") -> str:
    """Return the code of an encoder of its own space."""
    code = docstring_code("encoder").replace('"colour"', '"second"')
    return code.replace("def encode(self, faces):", f"def encode(self, faces):\n        {more}") if more else code


def test_a_face_is_opened_once_for_two_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "CACHE_BYTES", 0)
    opened: Counter[str] = Counter()
    before = Photos.open

    def counted(self: Photos, photo_id: str) -> np.ndarray:
        opened[photo_id] += 1
        return before(self, photo_id)

    plan = planned(tmp_path, listed("encoder", "second", second()), listed("attacker", "guess", MATCH), recipe=TWO)
    monkeypatch.setattr(Photos, "open", counted)
    from deidframe.engine.components.pool import ComponentPool
    from deidframe.engine.intake.encode_all import encode_all, encoders_of
    from deidframe.engine.intake.find_faces import find_faces
    from deidframe.engine.runtime.progress import Quiet

    pool = ComponentPool(3, plan.detector, tmp_path, Quiet())
    intake = find_faces(plan, pool, Quiet())
    opened.clear()
    encode_all(plan, pool, intake.faces, Quiet())
    assert [step.name for step in encoders_of(plan)] == ["colour", "second"]
    names = [photo for photo in opened if not photo.isdigit()]
    assert len(names) == 60
    assert {opened[photo] for photo in names} == {1}
    for step in encoders_of(plan):
        pool.encode(step, intake.faces)
    assert {opened[photo] for photo in names} == {1}


def test_an_encoder_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    broken = listed("encoder", "second", second('raise ValueError("out of order")'))
    done = run(planned(tmp_path, broken, listed("attacker", "guess", MATCH), recipe=TWO), tmp_path / "run")
    by = {(cell.method, cell.attack): cell for cell in done.cells}
    assert any(cell.status == "failed" and "out of order" in cell.reason for cell in by.values())


@pytest.mark.parametrize("died", [True, False])
def test_where_the_process_died_in_it_each_method_encodes_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, died: bool
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("deidframe.engine.run.encode_all", lambda plan, pool, faces, reporter: asked.append(len(faces)))
    if died:
        write_json(tmp_path / "run" / "private" / "crashes.json", {"at": "(encoding)", "deaths": {}, "kept": 0})
    done = run(planned(tmp_path, recipe=RECIPE), tmp_path / "run")
    assert asked == ([] if died else [12])
    assert all(cell.status == "ok" for cell in done.cells)
