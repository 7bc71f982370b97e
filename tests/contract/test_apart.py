"""A child process that reads what cannot be trusted: every way in which it can go wrong is one error of the caller's kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from deidframe.contract import WeightsError
from deidframe.contract.apart import read_apart

GOOD = "import sys; open(sys.argv[2], 'w').write(open(sys.argv[1]).read() + sys.argv[3])"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import sys; sys.exit('it names os.system')", "in.pkl: is not a list that can be trusted: it names os.system"),
        ("import os; os.kill(os.getpid(), 9)", "the child process ended with -9"),
        ("pass", "the child process ended with 0"),
        ("raise SystemExit('x' * 5000)", "x" * 300),
        ("import time; time.sleep(60)", "was not read within 1 s; it is not a list"),
    ],
)
def test_a_child_that_fails_is_one_clear_error(tmp_path: Path, script: str, says: str) -> None:
    source, target, code = tmp_path / "in.pkl", tmp_path / "out", tmp_path / "child.py"
    source.write_text("data")
    code.write_text(script)
    with pytest.raises(WeightsError) as error:
        read_apart(
            code, source, target, wanted="a list", raises=WeightsError, memory_mb=64, seconds=1 if "sleep" in script else 60
        )
    assert says in str(error.value)
    assert "x" * 301 not in str(error.value)


def test_a_child_gets_its_files_and_its_limit(tmp_path: Path) -> None:
    source, target, code = tmp_path / "in.pkl", tmp_path / "out", tmp_path / "child.py"
    source.write_text("data ")
    code.write_text(GOOD)
    read_apart(code, source, target, wanted="a list", raises=WeightsError, memory_mb=64, seconds=60)
    assert target.read_text() == "data 64"
