"""A new plugin works as it is written: built, installed from its wheel in a fresh environment, tested, and run by a recipe."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import tomli

from deidframe.cli.main import main
from deidframe.contract import ROLES
from deidframe.host.discover import Listed
from deidframe.testing.conform import Catalogue, conform
from deidframe.testing.scaffold import EXAMPLES, LEARNT, scaffold


@pytest.mark.parametrize("role", ROLES)
def test_what_is_written_for_a_role_conforms(tmp_path: Path, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = scaffold(f"try-{role}", role, tmp_path / "made")
    monkeypatch.syspath_prepend(str(tmp_path / "made"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "made"))  # a check imports the module in a process of its own
    package = f"deidframe_try_{role.replace('-', '_')}"
    listed = Listed(role, f"try-{role}", f"{package}.plugin", f"deidframe-try-{role}", "0.1.0", "")
    done = list(conform(f"deidframe-try-{role}", None, Catalogue((*Catalogue().listed, listed))))
    assert len(done) > 5
    assert [f"{one.check.name}: {one.problem}" for one in done if one.problem] == []
    about = tomli.loads((tmp_path / "made" / "pyproject.toml").read_text())["project"]
    assert about["entry-points"]["deidframe"] == {f"{role}.try-{role}": f"{package}.plugin"}
    assert about["dependencies"][0].startswith("deidframe>=")
    assert ((tmp_path / "made" / "MODEL_CARD.md") in files) == (role in LEARNT)
    assert "TryRedactor" in (tmp_path / "made" / package / "plugin.py").read_text() or role != "redactor"


def test_every_role_has_an_example() -> None:
    assert tuple(EXAMPLES) == ROLES


def test_from_the_shell_to_a_run_in_a_fresh_environment(tmp_path: Path) -> None:
    made = tmp_path / "deidframe-first"
    assert main(["new", "plugin", "first", "--role", "clusterer", "-o", str(made)]) == 0
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(built, cwd=made, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "fresh")], check=True)
    python = str(tmp_path / "fresh" / "bin" / "python")
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    parent = sysconfig.get_path("purelib")  # what is installed here stands in for an index
    (Path(own) / "parent.pth").write_text(f"import site; site.addsitedir({parent!r})\n")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    tested = subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=made, capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout
    ran = [python, "-m", "deidframe", "run", "recipe.toml", "--out", str(tmp_path / "run")]
    done = subprocess.run(ran, cwd=made, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["plugin", "x", "--role", "wizard"], "expected one of source"),
        (["plugin", "No Good", "--role", "encoder"], "is no name of a component"),
        (["plugin", "../up", "--role", "encoder"], "is no name of a component"),
    ],
)
def test_bad_words(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", *words]) == 2
    assert says in capsys.readouterr().err


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    assert main(["new", "plugin", "x", "--role", "encoder", "-o", str(tmp_path / "here")]) == 2
    assert list((tmp_path / "here").iterdir()) == []
