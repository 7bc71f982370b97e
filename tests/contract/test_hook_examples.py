from __future__ import annotations

from pathlib import Path

import pytest
from examples import NAMES, catalogue, planned

from deidframe.contract.component import ROLES
from deidframe.engine.run import run


@pytest.mark.parametrize("role", ROLES)
def test_each_docstring_is_a_whole_plugin(role: str) -> None:
    loaded = catalogue().load(role, NAMES[role])
    assert loaded.component.name == NAMES[role]


def test_they_run_together(tmp_path: Path) -> None:
    outcome = run(planned(tmp_path), tmp_path / "run")
    assert [(c.method, c.attack, c.status) for c in outcome.cells] == [
        ("flat", "", "ok"),
        ("flat", "guess", "ok"),
        ("grey", "", "ok"),
        ("grey", "guess", "ok"),
    ], [c.reason for c in outcome.cells]
    assert outcome.exit_code == 0
    assert len(list((tmp_path / "run" / "release" / "flat").glob("*.jpg"))) == 12
