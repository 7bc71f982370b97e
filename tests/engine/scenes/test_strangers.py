"""Strangers: another face for everybody where there are too few people for k, and nobody who only says that it is blind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from examples import docstring_code, listed, planned

pytest.importorskip("deidframe_people")
pytest.importorskip("deidframe_mesh")

from clips import faces

from deidframe.cli.main import main
from deidframe.contract import Context, FaceSet
from deidframe.contract.errors import ReleaseRefused
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.guard.scene import SceneCount, StrangerCount, certify_scenes, scene_statement
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse
from deidframe_people.plugin import StrangerParams
from deidframe_people.stranger import Stranger

RECIPE = """\
schema = 1
name = "few"
[source]
use = "folder"
subjects = { use = "average-linkage", encoder = "sface" }
params = { path = "PATH", layout = "flat" }
[detector]
use = "yunet"
[scene]
landmarker = { use = "face-mesh" }
[[method]]
name = "stranger"
redactor = { use = "stranger" }
"""


def faces_of(names: list[str], seed: int = 0, size: int = 64) -> FaceSet:
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (len(names), size, size, 3), np.uint8)
    return FaceSet(tuple(f"{n}" for n in range(len(names))), pictures, None, tuple(names))


def test_a_stranger_follows_from_the_secret_and_the_person_alone(tmp_path: Path) -> None:
    names = ["ann", "bob", "ann", "cy"]
    one = Stranger(StrangerParams(), Context(1, tmp_path, secret=b"a" * 32))
    first, noise = (np.asarray(one.redact(faces_of(names, seed)).images[:]) for seed in (0, 1))
    assert np.array_equal(first, noise) and np.array_equal(first[0], first[2]) and first.shape == (4, 64, 64, 3)
    other = Stranger(StrangerParams(), Context(1, tmp_path, secret=b"b" * 32))
    many = [f"person {n}" for n in range(40)]
    there, here = (np.asarray(each.redact(faces_of(many)).images[:]) for each in (one, other))
    assert sum(not np.array_equal(a, b) for a, b in zip(there, here, strict=True)) > 30  # who has no secret knows nothing
    assert len({picture.tobytes() for picture in there}) > 15
    assert len(one.redact(faces_of([]))) == 0


def test_one_photo_of_two_people_is_released(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = faces()
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "two.png"), np.concatenate([pictures[0], pictures[4]], axis=1))
    recipe = parse(RECIPE.replace("PATH", str(tmp_path / "in")), "recipe.toml")
    outs = []
    for name in ("one", "same"):
        outcome = run(plan(recipe, Catalogue(), tmp_path), tmp_path / name, names_key=b"k" * 32)
        outs.append((outcome.folder / "release" / "stranger" / "two.jpg").read_bytes())
    assert outs[0] == outs[1]
    said = json.loads((tmp_path / "one" / "release" / "stranger" / "RELEASE.json").read_text())
    assert said["certificate"]["surrogates"] == {
        "method": "stranger",
        "scope": "the face",
        "people": 2,
        "checked": 2,
        "faces": 2,
    }
    assert said["certificate"]["count"]["drawn"] == 2 and "chosen by a secret" in said["statement"]["sharing"]
    assert any("each has one stranger's face in all files" in one for one in said["certificate"]["holds_not"])
    assert main(["certify", str(tmp_path / "one")]) == 0
    assert main(["report", str(tmp_path / "one")]) == 0
    assert "one stranger&#39;s face in all files" in (tmp_path / "one" / "report.html").read_text()


LIAR = """
schema = 1
name = "liar"
[source]
use = "noise"
subjects = { use = "in-order", encoder = "colour" }
params = { count = 12 }
[detector]
use = "whole"
[scene]
landmarker = { use = "corners" }
allow_faceless = true
[[method]]
name = "grey"
redactor = { use = "grey" }
"""


HANDED = "        return FaceSet(faces.ids, 255 - faces.images[:], faces.landmarks)\n"
KEPT = """
        held = self.__dict__.setdefault("held", {})
        own = [held.setdefault(name, 255 - picture) for name, picture in zip(faces.subjects, faces.images[:])]
        return FaceSet(faces.ids, np.stack(own), faces.landmarks)
"""


@pytest.mark.parametrize(("body", "words"), [(HANDED, ""), (KEPT, "depends on pixels")], ids=["handed back", "kept for later"])
def test_who_only_says_that_it_is_blind_releases_nothing(tmp_path: Path, body: str, words: str) -> None:
    code = docstring_code("redactor").replace(
        "class Settings(Params):", "class Settings(Params):\n    @property\n    def per_subject(self):\n        return True\n"
    )
    assert "per_subject" in code
    code = code.replace("def redact(self, faces):", f"def redact(self, faces):\n{body}")
    code = code.replace(
        'takes the colour away", contract=2)', 'takes the colour away", contract=2, needs=frozenset({Need.SUBJECTS}))'
    )
    code = code.replace("import Component,", "import Component, Need,")
    assert "255 - " in code and code.count("Need") == 2
    mesh = """
import numpy as np
from deidframe.contract import Component, Params, Points, hookimpl
class Mesh:
    def __init__(self, params, context):
        self.rng = context.rng()
    def mark(self, faces):
        points = np.repeat(self.rng.uniform(20, 40, (1, 468, 3)), len(faces), axis=0).astype(np.float32)
        return Points(faces.ids, points, np.ones(len(faces), np.float32))
@hookimpl
def deidframe_landmarkers():
    return [Component("corners", f"{__name__}:Mesh", Params, "any points", contract=2)]
"""
    plan_of = planned(tmp_path, listed("redactor", "grey", code), listed("landmarker", "corners", mesh), recipe=LIAR)
    outcome = run(plan_of, tmp_path / "run")
    (row,) = [cell for cell in outcome.cells if not cell.attack]
    assert row.status == "refused" and ("depends on pixels" in row.reason or "two pictures" in row.reason), row
    assert words in row.reason
    assert not list((tmp_path / "run").glob("release/*")) and not list((tmp_path / "run").glob("compared/*"))


def test_strangers_are_certified_only_where_all_were_looked_at() -> None:
    count = SceneCount(1, 1, sighted=2, covered=2, looked_again=1, blind=True, checked=2, bare=1, drawn=2, found_again=2)
    who = StrangerCount("stranger", "the face", 2, 2, 2)
    assert scene_statement(certify_scenes(count, "stranger", ("yunet",), (), who)).promised
    with pytest.raises(ReleaseRefused, match="noise was laid"):
        certify_scenes(count, "stranger", ("yunet",), (), replace(who, checked=1))
    with pytest.raises(ReleaseRefused, match="reads the faces beneath"):
        certify_scenes(replace(count, blind=False), "stranger", ("yunet",), (), who)
