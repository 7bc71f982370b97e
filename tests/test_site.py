"""The documentation site: every page is in it, nothing in it is missing, and it builds where MkDocs is there."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_site_has_every_page_and_no_other() -> None:
    named = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert len(named) == len(set(named))
    assert set(named) == pages


def test_the_page_of_plugins_names_every_distribution_and_what_it_brings() -> None:
    page = (ROOT / "docs" / "reference" / "plugins.md").read_text("utf-8")
    for folder in (ROOT / "plugins").iterdir():
        text = (folder / "pyproject.toml").read_text("utf-8")
        for point in re.findall(r'^"([a-z-]+\.[a-z0-9-]+)" = ', text, flags=re.MULTILINE):
            assert re.search(rf"^\| {folder.name} \|.*`{re.escape(point)}`", page, flags=re.MULTILINE), point


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="MkDocs is not installed")
def test_it_builds(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "deidframe" in page
    outside = r'(?:src|href)="https?://[^"]*(?:googleapis|gstatic|jsdelivr|unpkg)'
    assert not re.search(outside, page), "nothing is loaded from elsewhere"
