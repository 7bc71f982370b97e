"""The report in a real browser: light, dark, narrow, printed, by keyboard; nothing on the console, nothing asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PROGRAM, Page, opened
from examples import RECIPE, planned

from deidframe.engine.run import run
from deidframe.report.page import write_report

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("browser")
    more = "".join(f'[[method]]\nname = "grey {n}"\nredactor = {{ use = "grey" }}\n\n' for n in range(8))
    run(planned(scratch, recipe=RECIPE.replace("[[attack]]", more + "[[attack]]", 1)), scratch / "run")
    return write_report(scratch / "run")


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, opened(Path(scratch)) as page:
        yield page


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1200, 400])
def test_the_page_fits_and_is_silent(tab: Page, report: Path, width: int, *, dark: bool) -> None:
    tab.open(report, width, dark=dark)
    assert tab.complaints == []
    assert tab.run("document.documentElement.scrollWidth") <= width
    paper, ink = tab.run("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    shades = [sum(map(int, one[4:-1].split(","))) for one in (paper, ink)]
    assert (shades[0] < 200 < 500 < shades[1]) if dark else (shades[1] < 200 < 500 < shades[0])


def test_the_first_table_needs_no_scrolling_on_a_desk(tab: Page, report: Path) -> None:
    tab.open(report, 1200)
    assert tab.run("(box => box.scrollWidth - box.clientWidth)(document.querySelector('.wide'))") <= 0


def test_a_table_is_sorted_by_keyboard(tab: Page, report: Path) -> None:
    tab.open(report)
    labels = "[...document.querySelector('.wide tbody').rows].map(row => row.cells[0].textContent)"
    before = tab.run(labels)
    tab.run("document.querySelector('.wide th button').focus()")
    tab.press("Enter", 13, "\r")
    assert tab.run("document.querySelector('.wide th').getAttribute('aria-sort')") == "ascending"
    assert tab.run(labels) == sorted(before, key=str.lower)
    tab.press("Enter", 13, "\r")
    assert tab.run(labels) == sorted(before, key=str.lower, reverse=True)
    tab.press("Enter", 13, "\r")
    assert tab.run(labels) == before


def test_a_long_table_is_filtered(tab: Page, report: Path) -> None:
    tab.open(report)
    tab.run("(f => { f.value = 'GREY 3'; f.dispatchEvent(new Event('input')); })(document.querySelector('.filter input'))")
    shown = tab.run("[...document.querySelector('.wide tbody').rows].filter(r => !r.hidden).map(r => r.cells[0].textContent)")
    assert len(shown) == 1
    assert "grey 3" in shown[0]


def test_no_other_script_runs(tab: Page, report: Path, tmp_path: Path) -> None:
    hurt = tmp_path / "hurt.html"
    hurt.write_text(report.read_text("utf-8").replace("</main>", "<script>document.title = 'taken'</script></main>"), "utf-8")
    tab.open(hurt)
    assert tab.run("document.title") != "taken"
    assert any("Content Security Policy" in one for one in tab.complaints)


def test_print_shows_what_is_folded(tab: Page, report: Path) -> None:
    tab.open(report)
    assert tab.pdf().startswith(b"%PDF-")
