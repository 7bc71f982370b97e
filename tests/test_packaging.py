"""What every distribution carries: a licence, its types, and bounds between core and plugins."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).parents[1]
PLUGINS = sorted((ROOT / "plugins").iterdir())
CORE_ONLY = {"deidframe"}


def project(folder: Path) -> dict[str, object]:
    return dict(tomli.loads((folder / "pyproject.toml").read_text("utf-8"))["project"])


@pytest.mark.parametrize("folder", [ROOT, *PLUGINS], ids=lambda folder: folder.name)
def test_licence_and_types_travel(folder: Path) -> None:
    assert (folder / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in (folder / "LICENSE").read_text("utf-8")
    (package,) = [path for path in folder.glob("deidframe*") if (path / "__init__.py").is_file()]
    assert (package / "py.typed").is_file()
    assert project(folder)["license"] == "Apache-2.0"


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_says_for_which_core_it_is(folder: Path) -> None:
    wanted = project(folder)["dependencies"]
    assert isinstance(wanted, list)
    assert [one for one in wanted if one.startswith("deidframe>") or one == "deidframe"] == ["deidframe>=0.1,<0.2"]


DISTRIBUTIONS = {"cv2": "opencv-python-headless", "PIL": "pillow", "sklearn": "scikit-learn"}
OPTIONAL = {"torch", "pytest", "av", "pyarrow", "ray", "numba"}
"""Imported only when asked for, behind an error that says what to install; the pytest plugin is for whoever has pytest, and what
`numba` compiles (`deidframe.contract.near`) is imported by plugins that declare it."""


def test_nothing_of_the_core_imports_what_plugins_bring_numba_for() -> None:
    for path in (ROOT / "deidframe").rglob("*.py"):
        text = path.read_text("utf-8")
        assert "contract.near" not in text and "contract import near" not in text, path
        assert ("\nimport numba" in text) == (path.name == "near.py"), path
    for path in ROOT.glob("plugins/*/pyproject.toml"):
        uses = any("contract.near" in one.read_text("utf-8") for one in path.parent.glob("deidframe_*/*.py"))
        assert not uses or "numba" in path.read_text("utf-8"), path


def test_the_core_declares_whatever_it_imports() -> None:
    """After the README's first command `groups` failed with "No module named 'sklearn'"."""
    declared = {str(one).split(">")[0].split("[")[0] for one in project(ROOT)["dependencies"]}  # type: ignore[attr-defined]
    imported: set[str] = set()
    for path in (ROOT / "deidframe").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.split(".")[0])
    foreign = {DISTRIBUTIONS.get(name, name) for name in imported - OPTIONAL - CORE_ONLY if name not in sys.stdlib_module_names}
    assert foreign <= declared, foreign - declared
