"""The explorer: what a run keeps for it, its page, and the page in a real browser with ten thousand people."""

from __future__ import annotations

import json
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import PROGRAM, Page, opened
from examples import RECIPE, planned

from deidframe.cli.main import main
from deidframe.contract import UsageError
from deidframe.engine.run import run
from deidframe.report.explorer import HOME, write_explorer

JUDGED = RECIPE.replace("count = 12", "count = 30").replace("[[method]]", '[quality]\nencoders = ["colour"]\n\n[[method]]', 1)
browsed = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("explorer")
    run(planned(scratch, recipe=JUDGED), scratch / "run")
    return scratch / "run"


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    out: dict[str, Any] = json.loads(found[1])
    return out


def test_the_page_lies_under_private_and_holds_no_original_of_real_people(made: Path) -> None:
    assert main(["explore", str(made), "--no-tsne"]) == 0
    page = made / "private" / "explore.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert not (made / "explore.html").exists()
    data = data_of(page)
    assert len(data["people"]) == 30
    flat = next(one for one in data["methods"] if one["name"] == "flat")
    assert flat["originals"] is None
    assert max(flat["shown"]) < len(data["pictures"])
    assert len(set(flat["shown"])) == len(set(flat["group"])), "a group shows one picture"
    guess = flat["attacks"][0]["of"]
    assert len(guess) == 30
    assert all(0 <= one[0] < 30 for one in guess.values())


def test_originals_are_there_where_the_owner_asked_or_nobody_exists(tmp_path: Path) -> None:
    run(planned(tmp_path, recipe=JUDGED), tmp_path / "asked", with_originals=True)
    (page,) = write_explorer(tmp_path / "asked", maps=False)
    assert all(one["originals"] for one in data_of(page)["methods"])
    run(planned(tmp_path, recipe=JUDGED.replace('use = "noise"', 'use = "noise"\nfictitious = true')), tmp_path / "nobody")
    pages = write_explorer(tmp_path / "nobody", maps=False)
    assert [page.name for page in pages] == ["explore.html"] * 2
    assert pages[1].parent == tmp_path / "nobody"


def test_places_and_figures_are_those_of_the_encodings(made: Path) -> None:
    data = data_of(write_explorer(made)[0])
    for one in data["methods"]:
        slug = {"flat": "flat", "grey": "grey"}[one["name"]]
        held = np.load(made / HOME / f"{slug}.npz")
        before, after = held["before_colour"].astype(float), held["after_colour"].astype(float)
        assert one["spaces"][0]["moved"] == pytest.approx(np.linalg.norm(before - after, axis=1), abs=2e-3)
        for kind in ("pca", "tsne"):
            places = one["spaces"][0][kind]
            assert len(places["before"]) == len(places["after"]) == 2 * len(places["rows"]) == 60
            assert 0 <= min(places["before"] + places["after"]) <= max(places["before"] + places["after"]) <= 999


def test_what_cannot_be_explored(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "run")
    path = tmp_path / "run" / HOME / "flat.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UsageError, match="is damaged"):
        write_explorer(tmp_path / "run", maps=False)
    with np.load(made / HOME / "grey.npz") as held:
        arrays = {name: held[name] for name in held.files}
    np.savez(path, **{**arrays, "group": arrays["group"][:3]})
    with pytest.raises(UsageError, match="different lengths"):
        write_explorer(tmp_path / "run", maps=False)
    np.savez(path, **{**arrays, "after_colour": np.full_like(arrays["after_colour"], np.nan)})
    with pytest.raises(UsageError, match="not finite"):
        write_explorer(tmp_path / "run", maps=False)
    shutil.rmtree(tmp_path / "run" / "private")
    with pytest.raises(UsageError, match="kept nothing to explore"):
        write_explorer(tmp_path / "run", maps=False)


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, opened(Path(scratch)) as page:
        yield page


@browsed
@pytest.mark.parametrize("width", [1280, 400])
def test_in_a_browser(tab: Page, made: Path, width: int) -> None:
    (page,) = write_explorer(made)
    tab.open(page, width)
    assert tab.complaints == []
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("document.querySelectorAll('#table tbody tr').length") == 30
    tab.run("document.getElementById('canvas').focus()")
    tab.press("ArrowRight", 39)
    assert tab.run("document.querySelector('#person h3').textContent") == tab.run(
        "document.querySelector('#table tr[aria-selected=true] td').textContent"
    )
    tab.run("(f => { f.value = 'noise-7'; f.dispatchEvent(new Event('input')); })(document.getElementById('find'))")
    assert tab.run("document.querySelectorAll('#table tbody tr').length") == 1
    tab.run("document.querySelector('#table tbody button').click()")
    assert tab.run("document.querySelector('#person h3').textContent") == "noise-7"
    tab.run("(s => { s.value = '1'; s.dispatchEvent(new Event('change')); })(document.getElementById('method'))")
    assert tab.run("document.querySelector('#person h3').textContent") == "noise-7", "another method shows the same person"


@browsed
def test_ten_thousand_people_stay_fluid(tab: Page, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "run")
    rng, people = np.random.default_rng(0), 10_000
    table = rng.normal(size=(people, 16)).astype(np.float16)
    held = {
        "people": np.array([f"person {n:05d}" for n in range(people)]),
        "encoders": np.array(["colour"]),
        "before_colour": table,
        "after_colour": np.repeat(table[::5], 5, axis=0),
        "spread_before_colour": np.ones(people, np.float32),
        "spread_after_colour": np.zeros(people, np.float32),
        "group": np.arange(people) // 5,
    }
    shutil.rmtree(tmp_path / "run" / HOME)
    (tmp_path / "run" / HOME).mkdir()
    np.savez(tmp_path / "run" / HOME / "flat.npz", **held)
    (page,) = write_explorer(tmp_path / "run", maps=False)
    assert page.stat().st_size < 3e6
    tab.open(page)
    assert tab.complaints == []
    assert "10000 people" in tab.run("document.getElementById('numbers').textContent")
    tab.run("document.getElementById('canvas').focus()")
    tab.press("ArrowLeft", 37)
    assert tab.run("document.querySelector('#person h3').textContent") == "person 09999"
