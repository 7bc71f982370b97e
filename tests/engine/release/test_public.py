"""What lies outside `private` says nothing of people: no name, no file, no path, no value, no order of what came in."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deidframe.contract import Context
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse
from deidframe.record.check import read_checked
from deidframe.report.across.contenders import compared
from deidframe.report.across.page import write_comparison
from deidframe.report.explorer import write_explorer
from deidframe.report.page import write_report

PEOPLE, PICTURES = 24, 2
RECIPE = """
schema = 1
name = "planted"
[source]
use = "folder"
subjects = "labelled"
params = { path = "PATH" }
[detector]
use = "yunet"
[quality]
attributes = "age-sex"
expression = "expression"
utility = ["ward", "kind", "sex"]
[[method]]
name = "pixel"
k = 4
encoder = { use = "dlib-resnet" }
clusterer = { use = "fixed-size" }
outliers = { use = "nearest-group" }
anonymizer = { use = "centroid" }
synthesizer = { use = "pixel-mean" }
[[method]]
name = "blur"
redactor = { use = "gaussian-blur" }
[[method]]
name = "grouping"
k = 3
encoder = { use = "dlib-resnet" }
clusterer = { use = "fixed-size" }
outliers = { use = "nearest-group" }
[[method]]
name = "fails"
redactor = { use = "solid-mask", params = {} }
[[attack]]
name = "naive"
use = "nearest-face"
encoders = ["sface"]
threat = "naive"
gallery = "exact"
"""


def token(n: int) -> str:
    """Return a name that occurs nowhere by chance; in the order of n it is neither rising nor falling."""
    return "Zq" + hashlib.sha256(f"planted {n}".encode()).hexdigest()[:10]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Run real methods over people under planted names and return the run folder and all that must not be found."""
    root = tmp_path_factory.mktemp("machine") / token(900) / "data"
    found = Catalogue().load("source", "synthetic-people")
    params = found.component.params.model_validate({"people": PEOPLE, "pictures": PICTURES})
    scratch = tmp_path_factory.mktemp("scratch")
    photos = found.make(params, Context(seed=1, scratch=scratch)).load()
    rows = ["path,person,ward,kind"]
    planted = [token(900)]
    for n, photo in enumerate(photos.ids):
        person, file, ward = token(100 + n // PICTURES), f"{token(200 + n)}.png", token(300 + n)
        (root / person).mkdir(parents=True, exist_ok=True)
        Image.fromarray(photos.open(photo)).save(root / person / file)
        kind = token(400) if n == 0 else "day" if n // PICTURES % 2 else "night"  # of one who is told with nobody else: planted
        rows.append(f"{person}/{file},{person},{ward},{kind}")
        planted += [person, file.removesuffix(".png"), ward]
    planted.append(token(400))
    broken = token(500)
    (root / f"{broken}.png").write_bytes(b"no picture")
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(root / f"{token(501)}.png")
    rows += [f"{broken}.png,{token(502)},x,day", f"{token(501)}.png,{token(503)},x,day"]
    (root / "list.csv").write_text("\n".join(rows))
    planted += [broken, token(501), token(502), token(503)]
    folder = tmp_path_factory.mktemp("runs") / "run"
    recipe = RECIPE.replace("PATH", str(root / "list.csv"))
    outcome = run(plan(parse(recipe, str(root / "r.toml")), Catalogue(), scratch), folder)
    assert {c.status for c in outcome.cells} == {"ok"}, [c.reason for c in outcome.cells]
    write_report(folder)
    assert all(page.parent.name == "private" for page in write_explorer(folder, maps=False))
    write_comparison(compared([read_checked(folder)]), folder / "compared-runs", "deidframe compare")
    return folder, planted


def public(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and "private" not in path.relative_to(folder).parts]


def test_no_name_file_path_or_value_is_public(ran: tuple[Path, list[str]]) -> None:
    folder, planted = ran
    hashed = [hashlib.new(kind, one.encode()).hexdigest() for one in planted for kind in ("md5", "sha1", "sha256")]
    wanted = [one.encode() for one in (*planted, *hashed)]
    for path in public(folder):
        body = path.read_bytes()
        assert not [one for one in wanted if one in body], path
        assert not [one for one in planted if one in str(path.relative_to(folder))], path


def test_no_path_of_the_machine_is_public(ran: tuple[Path, list[str]]) -> None:
    folder, _ = ran
    for path in public(folder):
        if path.suffix in {".json", ".jsonl", ".html", ".txt", ".md", ".toml", ".csv", ".svg"}:
            assert not re.findall(rb"(?<![\w:/.<])/(?:tmp|home|root|work|usr)/[\w./-]+", path.read_bytes()), path


def test_the_names_are_there_in_private(ran: tuple[Path, list[str]]) -> None:
    folder, planted = ran
    mapping = (folder / "private" / "mapping" / "pixel.json").read_text()
    assert sum(one in mapping for one in planted) >= 2 * PEOPLE
    withheld = (folder / "private" / "withheld.csv").read_text()
    assert planted[-4] in withheld


def test_public_rows_are_not_in_the_order_of_people(ran: tuple[Path, list[str]]) -> None:
    """Who knows the folder's order must not read off a public list who is grouped with whom."""
    folder, _ = ran
    data = json.loads((folder / "figures" / "groupings" / "grouping.json").read_text())
    rows = (folder / "private" / "groups" / "grouping.csv").read_text().splitlines()[1:]
    order, labels = {}, []
    for row in rows:
        face, group = row.split(",")
        if order.setdefault(face.split("/")[0], len(order)) == len(labels):
            labels.append(int(group))
    told = data["labels"]
    assert sorted(np.bincount(told).tolist()) == sorted(np.bincount(labels).tolist())
    same = np.equal.outer(labels, labels) == np.equal.outer(told, told)
    assert same.mean() < 0.95  # the same grouping in the same order agrees in all pairs


def test_sheets_of_real_people_are_in_no_order_that_two_methods_share(ran: tuple[Path, list[str]]) -> None:
    folder, _ = ran
    assert not list((folder / "figures" / "sheet").glob("*/*-*.jpg"))  # no original is shown
    mapping = json.loads((folder / "private" / "mapping" / "blur.json").read_text())
    people = list(dict.fromkeys(row["person"] for row in mapping))
    files = {row["file"]: row["person"] for row in mapping}
    shown = []
    for path in sorted((folder / "figures" / "sheet" / "blur").glob("[0-9]*.jpg")):
        small = np.asarray(Image.open(path).resize((16, 16)), float)
        far = {
            name: np.abs(np.asarray(Image.open(folder / "compared" / "blur" / name).resize((16, 16)), float) - small).mean()
            for name in files
        }
        shown.append(files[min(far, key=lambda name: far[name])])
    assert shown != people[: len(shown)]


def test_kinds_of_people_are_told_and_what_is_rare_is_not(ran: tuple[Path, list[str]]) -> None:
    folder, _ = ran
    rows = [json.loads(line) for line in (folder / "cells.jsonl").read_text().splitlines()]
    told = next(row["by"] for row in rows if row["method"] == "pixel" and row["attack"])
    assert set(told["kind"]) == {"day", "night"}
    assert all(figure["n"] >= 10 for kinds in told.values() for kind in kinds.values() for figure in kind.values())
    assert "ward" not in told
    facts = json.loads((folder / "run.json").read_text())["attributes"]
    assert "make no classes" in facts["ward"]["unfit"]
