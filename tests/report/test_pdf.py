from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from deidframe.contract import StoreError, UsageError
from deidframe.report import pdf


def test_without_a_browser_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no Chromium is there to print with"):
        pdf.print_page(tmp_path / "report.html")


def test_a_browser_that_prints_nothing_leaves_no_pdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    false = tmp_path / "chromium"
    false.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    false.chmod(false.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(shutil.which('sh') or '/bin/sh').parent}")
    page = tmp_path / "report.html"
    page.write_text("<p>page</p>")
    with pytest.raises(StoreError, match="printed nothing: no display"):
        pdf.print_page(page)
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.skipif(pdf.browser() is None, reason="no Chromium on this machine")
def test_it_prints(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("<p>page</p>")
    assert pdf.print_page(page).read_bytes().startswith(b"%PDF-")
