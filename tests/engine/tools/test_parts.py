"""A database looked at in parts and brought together is the run on one machine, and a part that does not fit is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.contract import UsageError
from deidframe.engine.cache import shards
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.planning.plan import Plan
from deidframe.engine.run import run
from deidframe.engine.runtime.progress import Quiet
from deidframe.engine.tools.parts import Part, PartDone, check_cut, forget, look_at_part, merge
from deidframe.host.discover import Listed

PICTURES = """
import numpy as np
from deidframe.contract import Params as Base
from deidframe.contract import Component, Photos, hookimpl

class Params(Base):
    count: int = 4

def opened(photo_id):
    rng = np.random.default_rng(int(photo_id) + FIRST)
    return np.repeat(np.repeat(rng.integers(0, 256, (16, 16, 3)).astype(np.uint8), 16, 0), 16, 1)

FIRST = 0
CALLS = []

class Pictures:
    def __init__(self, params, context):
        self.count = params.count

    def load(self):
        ids = tuple(str(n) for n in range(self.count))
        return Photos(ids, opened, ids, fingerprint=lambda one: f"{one} of {FIRST}")

@hookimpl
def deidframe_sources():
    return [Component("noise", f"{__name__}:Pictures", Params, "pictures that can say when they change", contract=2)]
"""
TEXT = RECIPE.replace("count = 12", "count = 24")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MOST", 4)


class Site:
    """One machine: its plugins, its cache and its pictures."""

    def __init__(self, root: Path, *, first: int = 0, version: str = "1.0") -> None:
        root.mkdir()
        self.root, self.cache = root, DiskCache(root / "stages")
        source = listed("source", "noise", PICTURES.replace("FIRST = 0", f"FIRST = {first}"))
        encoder = listed("encoder", "colour", docstring_code("encoder"))
        self.plugins = (source, Listed(encoder.role, encoder.name, encoder.module, encoder.distribution, version, ""))

    def plan(self, text: str = TEXT) -> Plan:
        return planned(self.root, *self.plugins, recipe=text)

    def look(self, part: str, text: str = TEXT) -> PartDone:
        scratch = self.root / part.replace("/", "-")
        scratch.mkdir()
        return look_at_part(self.plan(text), Part.parse(part), self.cache, scratch, Quiet())


def released(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("release/**/*"))
        if path.is_file()
    }


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/5", "a/b", "1/ 3"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="such as 1/8"):
        Part.parse(text)


@pytest.mark.parametrize("of", [1, 2, 3, 7, 40])
def test_parts_are_neighbours_and_together_everything(of: int) -> None:
    cut = [range(n, n + 1) for n in range(23)]
    parts = [Part(n, of).of_list(cut) for n in range(1, of + 1)]
    assert [one for part in parts for one in part] == cut
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_parts_of_two_machines_make_the_run_of_one(tmp_path: Path) -> None:
    one, two, home = (Site(tmp_path / name) for name in ("one", "two", "home"))
    assert [one.look("1/3").faces, two.look("2/3").faces] == [8, 8]
    with pytest.raises(UsageError, match="missing parts: 3/3;"):
        merge(home.plan(), home.cache, [one.cache.root, two.cache.root])
    assert two.look("3/3").encoders == ("colour",)
    merged = merge(home.plan(), home.cache, [one.cache.root, two.cache.root])
    assert (merged.of, merged.gone) == (3, 0)
    run(home.plan(), tmp_path / "whole", cache=home.cache, names_key=b"k" * 32)
    alone = Site(tmp_path / "alone")
    run(alone.plan(), tmp_path / "local", names_key=b"k" * 32)
    alone.look("1/1")
    run(alone.plan(), tmp_path / "again", cache=alone.cache, names_key=b"k" * 32)
    assert released(tmp_path / "whole") == released(tmp_path / "local") != {}
    found = [json.loads((tmp_path / name / "run.json").read_text()).get("kept", {}) for name in ("whole", "again")]
    assert found[0] == found[1] != {}  # as much as a run finds that comes second on one machine


def test_a_cache_that_all_share_needs_no_other(tmp_path: Path) -> None:
    site = Site(tmp_path / "one")
    with pytest.raises(UsageError, match="no part of this run was looked at yet"):
        merge(site.plan(), site.cache, [])
    for part in ("2/2", "1/2"):
        site.look(part)
    assert merge(site.plan(), site.cache, []).copied == 0
    forget(site.cache)
    with pytest.raises(UsageError, match="no part"):
        merge(site.plan(), site.cache, [])


def test_more_parts_than_shards_leave_some_with_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path / "one")
    seen = [site.look(f"{n}/9").pictures for n in range(1, 10)]
    assert 0 in seen
    assert sum(seen) == 24
    assert merge(site.plan(), site.cache, []).of == 9


def test_an_entry_that_is_damaged_or_gone_is_counted_and_seen_again(tmp_path: Path) -> None:
    site, home = Site(tmp_path / "one"), Site(tmp_path / "home")
    site.look("1/1")
    entries = sorted(site.root.glob("stages/??/*"))
    entries[0].write_bytes(b"damaged")
    entries[1].unlink()
    merged = merge(home.plan(), home.cache, [site.cache.root])
    assert merged.gone == 2
    assert merged.copied == len(entries) - 2
    outcome = run(home.plan(), tmp_path / "whole", cache=home.cache)
    assert outcome.exit_code == 0


def test_what_a_list_of_keys_may_not_name_is_not_touched(tmp_path: Path) -> None:
    site, home = Site(tmp_path / "one"), Site(tmp_path / "home")
    site.look("1/1")
    (listed_keys,) = site.root.glob("stages/parts/*.keys")
    with listed_keys.open("a") as stream:
        stream.write("../../../etc/passwd\n" + "g" * 64 + "\n")
    assert merge(home.plan(), home.cache, [site.cache.root]).gone == 0


def test_a_part_of_other_pictures_or_another_version_is_named(tmp_path: Path) -> None:
    home, other, newer = Site(tmp_path / "home"), Site(tmp_path / "other", first=7), Site(tmp_path / "newer", version="2.0")
    home.look("1/2")
    for site, told in (
        (other, "part 2/2 in .*other.* is of other pictures"),
        (newer, r"part 2/2 in .*newer.* another version of encoder examples:colour \(2.0, here 1.0\)"),
    ):
        site.look("2/2")
        with pytest.raises(UsageError, match=f"(?s)missing parts: 2/2.*{told}"):
            merge(home.plan(), home.cache, [site.cache.root])


def test_a_part_of_another_recipe_does_not_count(tmp_path: Path) -> None:
    home = Site(tmp_path / "home")
    home.look("1/1", TEXT.replace("seed = 3", "seed = 4"))
    with pytest.raises(UsageError, match="no part of this run"):
        merge(home.plan(), home.cache, [])


def test_a_folder_that_holds_no_part_or_a_broken_one_is_said(tmp_path: Path) -> None:
    home, site = Site(tmp_path / "home"), Site(tmp_path / "one")
    with pytest.raises(UsageError, match="holds no part"):
        merge(home.plan(), home.cache, [tmp_path / "nowhere"])
    site.look("1/1")
    (ledger,) = site.root.glob("stages/parts/*.json")
    for text in ("", "[]", "{}", '{"facts": {"steps": 3}}', '{"facts": {"steps": {}}, "part": "x", "of": 1}'):
        ledger.write_text(text)
        with pytest.raises(UsageError, match="cannot be read"):
            merge(home.plan(), home.cache, [site.cache.root])
    shutil.rmtree(site.cache.root / "parts")


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    home = Site(tmp_path / "home").plan()
    with pytest.raises(UsageError, match="whole photos and videos are not cut"):
        check_cut(replace(home, scene=object()))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="gives encodings, so there is nothing to look at"):
        check_cut(replace(home, detector=None))
    plain = planned(tmp_path)  # the example's source cannot say when a picture changes
    with pytest.raises(UsageError, match="cannot say when a picture changes"):
        look_at_part(plain, Part(1, 2), DiskCache(tmp_path / "stages"), tmp_path, Quiet())
