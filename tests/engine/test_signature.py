"""A run is this very run only while everything that its recipe names is what it was: files, tables, answers, others' releases."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.shards import fingerprints_of
from deidframe.engine.components.identity import code_of, files_in
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.engine.run_folder import signature
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse
from deidframe_people.source import FACES

TEXT = """
schema = 1
name = "signed"
[source]
use = "folder"
subjects = "labelled"
params = { path = "HOME/people.csv" }
same_person = { decisions = "HOME/answers.csv" }
[detector]
use = "yunet"
[[method]]
name = "mean"
k = 3
encoder     = { use = "onnx", params = { path = "HOME/mean.onnx", size = 32 } }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "pixel-mean" }
[[method]]
name = "theirs"
released = { use = "folder", params = { path = "HOME/theirs" } }
map = "HOME/pairs.csv"
[[attack]]
name = "own"
use = "parrot"
threat = "parrot"
encoders = ["sface"]
own = { use = "folder", params = { path = "HOME/own" } }
[release]
before = ["HOME/before"]
"""


def network(path: Path, gain: float) -> None:
    """Write an encoder whose encodings are the mean colours, times a gain for red."""
    scale = helper.make_tensor("gain", TensorProto.FLOAT, [1, 3, 1, 1], np.array([gain, 1, 1], np.float32))
    nodes = [
        helper.make_node("Mul", ["x", "gain"], ["scaled"]),
        helper.make_node("GlobalAveragePool", ["scaled"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["y"]),
    ]
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])
    colour = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "mean", [picture], [colour], [scale])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home, rows = tmp_path / "home", ["path,person,ward"]
    for number, person in enumerate(sorted(FACES.iterdir())[:9]):
        for picture in sorted(person.iterdir())[:2]:
            kind = "theirs" if number >= 6 else "faces"
            target = home / kind / person.name / picture.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, target)
            if kind == "faces":
                rows.append(f"{target.relative_to(home)},{person.name},north")
    shutil.copytree(home / "theirs", home / "own")
    (home / "people.csv").write_text("\n".join(rows) + "\n")
    (home / "answers.csv").write_text("one,other,same\n")
    (home / "pairs.csv").write_text("released,original\n")
    network(home / "mean.onnx", 1.0)
    for part in ("release/mean", "private/mapping"):
        (home / "before" / part).mkdir(parents=True)
    (home / "before" / "release" / "mean" / "RELEASE.json").write_text("{}")
    (home / "before" / "private" / "mapping" / "mean.json").write_text("{}")
    return home


def appended(path: str) -> Callable[[Path], None]:
    def change(home: Path) -> None:
        with (home / path).open("a") as stream:
            stream.write("\n")

    return change


def another_ward(home: Path) -> None:
    table = home / "people.csv"
    table.write_text(table.read_text().replace("north", "south", 1))


def another_picture(folder: str) -> Callable[[Path], None]:
    def change(home: Path) -> None:
        one, other = sorted((home / folder).rglob("*.jpg"))[:2]
        shutil.copy(one, other)

    return change


@pytest.mark.parametrize(
    "change",
    [
        another_ward,
        another_picture("faces"),
        another_picture("theirs"),
        another_picture("own"),
        appended("answers.csv"),
        appended("pairs.csv"),
        appended("before/release/mean/RELEASE.json"),
        appended("before/private/mapping/mean.json"),
        lambda home: network(home / "mean.onnx", 2.0),
    ],
)
def test_whatever_a_recipe_names_is_part_of_what_a_run_is(tmp_path: Path, home: Path, change: Callable[[Path], None]) -> None:
    def signed() -> str:
        planned = plan(parse(TEXT.replace("HOME", str(home)), "r.toml"), Catalogue(), tmp_path)
        return signature(planned, fingerprints_of(planned.photos))

    before = signed()
    assert before and signed() == before
    change(home)
    assert signed() != before


def test_encodings_of_another_network_in_the_same_file_are_not_taken(tmp_path: Path, home: Path) -> None:
    text = TEXT[: TEXT.index('[[method]]\nname = "theirs"')].replace("HOME", str(home))
    text = text.replace(f'same_person = {{ decisions = "{home}/answers.csv" }}', 'same_person = "apart"')

    def encoded(out: str) -> np.ndarray:
        folder = tmp_path / out
        done = run(plan(parse(text, "r.toml"), Catalogue(), tmp_path), folder, cache=DiskCache(tmp_path / "stages"))
        assert {cell.status for cell in done.cells} == {"ok"}
        with np.load(next((folder / "private" / "encodings").glob("*.npz"))) as held:
            return np.asarray(held["vectors"])

    first = encoded("one")
    network(home / "mean.onnx", 3.0)
    assert not np.allclose(encoded("two"), first)


def test_files_are_found_wherever_parameters_name_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    named = {"one": str(tmp_path / "a"), "more": [tmp_path / "a", {"deep": str(tmp_path / "a")}]}
    assert len(files_in(named)) == 3 and len(set(files_in(named))) == 1
    assert files_in({"folder": str(tmp_path), "none": str(tmp_path / "b"), "nul": "\0", "long": "x" * 5000, "n": 3, "": ""}) == []
    assert files_in({"home": "~nobody-of-that-name/a"}) == []


def test_what_a_package_ships_besides_code_is_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "ships_a_bank"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bank.json").write_text("[1]")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = code_of.__wrapped__("ships_a_bank")
    (package / "bank.json").write_text("[2]")
    assert code_of.__wrapped__("ships_a_bank") != before
