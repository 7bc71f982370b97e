"""Plugins in virtual environments of their own: two that need incompatible versions of one package work in one run."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import sys
import sysconfig
import threading
import time
import venv
from pathlib import Path

import examples
import numpy as np
import pytest
from examples import docstring_code

from deidframe.cli.main import main
from deidframe.contract import ArtifactError, FaceSet, IndexedStack, Partial, PluginError, RecipeError, UnreadablePhoto
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import Outcome, run
from deidframe.host.catalogue import Catalogue
from deidframe.host.venv import wire
from deidframe.host.venv.far import Environments
from deidframe.host.venv.link import Link
from deidframe.recipe.parse import parse
from deidframe.testing.scaffold import EXAMPLES

ROOT = Path(__file__).parents[2]
SHADES = {
    "1.0": "def grey(pictures):\n    return pictures.mean(axis=3, keepdims=True).astype('uint8')\n",
    "2.0": "def shade(pictures, *, dark):\n    return (pictures.mean(axis=3, keepdims=True) / dark).astype('uint8')\n",
}
REDACTOR = docstring_code("redactor")
OLD = REDACTOR.replace("grey = np.asarray(faces.images[:]).mean(axis=3, keepdims=True).astype(np.uint8)", "import shades; CODE")
CALLS = {
    "1.0": "grey = shades.grey(np.asarray(faces.images[:]))",
    "2.0": "grey = shades.shade(np.asarray(faces.images[:]), dark=2)",
}
RECIPE = """\
schema = 1
name = "apart"

[source]
use = "synthetic-people"
subjects = "labelled"
params = { people = 6, pictures = 2 }

[detector]
use = "yunet"

"""


def made(home: Path, name: str, code: str, version: str, *, core: bool = True) -> Path:
    """Make a virtual environment with one plugin and one version of `shades`; its other libraries are those of this one."""
    venv.create(home, with_pip=False, symlinks=True)
    (own,) = (home / "lib").glob("python*/site-packages")
    (own / "shades.py").write_text(SHADES[version])
    (own / f"{name.replace('-', '_')}.py").write_text(code)
    announced = f"[deidframe]\nredactor.{name} = {name.replace('-', '_')}\n"
    for distribution, number, entry in (
        ("shades", version, ""),
        (name, "0.1", announced),
    ):
        facts = own / f"{distribution.replace('-', '_')}-{number}.dist-info"
        facts.mkdir()
        needs = "" if distribution == "shades" else f"Requires-Dist: shades=={version}\n"
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {number}\nSummary: made\n{needs}")
        (facts / "entry_points.txt").write_text(entry)
    if core:
        (own / "beside.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{ROOT}\n")
    return home


def redactor(name: str, body: str, **replaced: str) -> str:
    code = OLD.replace('Component("grey"', f'Component("{name}"').replace("CODE", body)
    for old, new in replaced.items():
        code = code.replace(old, new)
    return code


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("apart")
    made(room / "old", "pale", redactor("pale", CALLS["1.0"]), "1.0")
    made(room / "new", "dusk", redactor("dusk", CALLS["2.0"]), "2.0")
    (room / "here.py").write_text(REDACTOR.replace('Component("grey"', 'Component("here"'))
    return room


def ran(room: Path, methods: str, out: str, top: str = "") -> Outcome:
    text = RECIPE.replace('name = "apart"\n', f'name = "apart"\n{top}') + methods
    (room / f"{out}.toml").write_text(text)
    (room / f"scratch-{out}").mkdir()
    return run(plan(parse(text, str(room / f"{out}.toml")), Catalogue(), room / f"scratch-{out}"), room / out)


def method(name: str, table: str) -> str:
    return f'[[method]]\nname = "{name}"\nredactor = {{ {table} }}\n\n'


def test_two_plugins_whose_dependencies_clash_work_in_one_run(room: Path) -> None:
    methods = (
        method("old", 'use = "pale", environment = "venv:old"')
        + method("new", 'use = "dusk", environment = "venv:new"')
        + method("here", 'use = "here"')
    )
    outcome = ran(room, methods, "both", 'plugins = ["here.py"]\n')
    assert [(cell.method, cell.status, cell.released) for cell in outcome.cells] == [
        (name, "ok", 12) for name in ("old", "new", "here")
    ]
    shown = {}
    for name in ("old", "new", "here"):
        files = sorted(path.read_bytes() for path in (room / "both" / "compared" / name).glob("*.jpg"))
        shown[name] = files
    assert shown["old"] == shown["here"], "the same code does the same in the core's process"
    assert shown["new"] != shown["old"]
    facts = json.loads((room / "both" / "run.json").read_text())
    assert facts["plugins"]["pale@old"] == "0.1"
    assert str(room) not in (room / "both" / "run.json").read_text()
    assert "shades" not in sys.modules


def test_all_of_an_environment_is_known_by_name(room: Path) -> None:
    found = Environments(room).listed("venv:old")
    assert [one.qualified for one in found if one.name == "pale"] == ["pale@old:pale"]
    text = RECIPE.replace('name = "apart"', 'name = "apart"\nplugins = ["venv:old"]') + method("old", 'use = "pale"')
    planned = plan(parse(text, str(room / "named.toml")), Catalogue(), room)
    assert planned.methods[0].steps["redactor"].loaded.qualified == "pale@old:pale"
    qualified = plan(parse(text.replace('use = "pale"', 'use = "pale@old:pale"'), str(room / "q.toml")), Catalogue(), room)
    assert qualified.methods[0].steps["redactor"].loaded.listed.environment == "venv:old"
    (room / "deeper").mkdir()
    other = text.replace('"venv:old"', '"venv:../old"')
    again = plan(parse(other, str(room / "deeper" / "named.toml")), Catalogue(), room)
    assert again.methods[0].steps["redactor"].loaded.qualified == "pale@old:pale", "the same one by another way"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('use = "pale", environment = "venv:nowhere"', "is no virtual environment; python -m venv nowhere makes one"),
        ('use = "pale", environment = "venv:new"', "no redactor is called \"pale\" in 'venv:new'"),
        ('use = "pale", environment = "conda:old"', "should match pattern"),
        ('use = "pale", environment = "venv:old", params = { paler = 3 }', "unknown key"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(room: Path, table: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        plan(parse(RECIPE + method("x", table), str(room / "r.toml")), Catalogue(), tmp_path)
    assert any(says in one for one in caught.value.complaints), caught.value.complaints


def test_an_environment_without_deidframe_says_so(tmp_path: Path) -> None:
    made(tmp_path / "bare", "pale", redactor("pale", CALLS["1.0"]), "1.0", core=False)
    with pytest.raises(PluginError, match="this deidframe does not run in it"):
        Environments(tmp_path).listed("venv:bare")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("import os; os._exit(7)", "environment 'rude': its process ended (code 7)"),
        ("raise KeyError('no such shade')", "KeyError: 'no such shade'"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "no connection"),
        ("np.random.seed(1); grey = np.zeros((len(faces), *faces.size, 1), np.uint8)", "random numbers"),
        ("return FaceSet(faces.ids[:-1], np.zeros((len(faces) - 1, 8, 8, 3), np.uint8))", "the same 12 rows"),
        ("return 'nothing'", "expected FaceSet, got str"),
        ("return np.array(['a'])", "an array of <U1 cannot be sent"),
    ],
)
def test_what_a_plugin_does_there_fails_its_own_method_alone(tmp_path: Path, body: str, says: str) -> None:
    made(tmp_path / "rude", "rude", redactor("rude", body), "1.0")
    (tmp_path / "here.py").write_text(REDACTOR.replace('Component("grey"', 'Component("here"'))
    methods = method("rude", 'use = "rude", environment = "venv:rude"') + method("here", 'use = "here"')
    rude, here = ran(tmp_path, methods, "run", 'plugins = ["here.py"]\n').cells
    assert rude.status == "failed"
    assert says in rude.reason
    assert (here.status, here.released) == ("ok", 12)
    assert not list((tmp_path / "run").glob("*/rude/*"))


def test_a_component_of_a_process_that_ended_is_no_other_component(tmp_path: Path) -> None:
    """The process dies in one method; another one's component of the same environment was made before that."""
    body = "import os; os._exit(3) if self.__class__.__name__ == 'Dies' else None; " + CALLS["1.0"]
    code = (
        redactor("first", body)
        .replace("class Grey:", "class Grey:\n    kept = []\n")
        .replace("return [Component(", "return [Component('dies', f'{__name__}:Dies', Settings, 'dies', contract=2), Component(")
    )
    made(tmp_path / "rude", "first", code + "\n\nclass Dies(Grey):\n    pass\n", "1.0")
    (own,) = (tmp_path / "rude" / "lib").glob("python*/site-packages")
    (own / "first-0.1.dist-info" / "entry_points.txt").write_text("[deidframe]\nredactor.first = first\nredactor.dies = first\n")
    table = 'use = "{}", environment = "venv:rude"'
    methods = method("one", table.format("first")) + method("two", table.format("dies")) + method("three", table.format("first"))
    one, two, three = ran(tmp_path, methods, "run").cells
    assert (one.status, two.status) == ("ok", "failed")
    assert "its process ended (code 3)" in two.reason
    assert three.status == "failed"
    assert "made in a process that ended" in three.reason


def test_what_is_printed_there_breaks_nothing(tmp_path: Path) -> None:
    body = "print('x' * 100000); import sys; sys.stdout.flush(); " + CALLS["1.0"]
    made(tmp_path / "loud", "loud", redactor("loud", body), "1.0")
    (cell,) = ran(tmp_path, method("loud", 'use = "loud", environment = "venv:loud"'), "run").cells
    assert (cell.status, cell.released) == ("ok", 12), cell.reason


def test_one_that_hangs_there_is_stopped(tmp_path: Path) -> None:
    made(tmp_path / "slow", "slow", redactor("slow", "import time; time.sleep(60)"), "1.0")
    text = RECIPE + method("slow", 'use = "slow", environment = "venv:slow"')
    (tmp_path / "scratch").mkdir()
    planned = plan(parse(text, str(tmp_path / "r.toml")), Catalogue(), tmp_path / "scratch")
    began = time.monotonic()
    outcome = run(planned, tmp_path / "run", timeout=20)
    assert "did not end within 20 s" in outcome.cells[0].reason
    assert time.monotonic() - began < 55


def test_the_command_line_knows_environments(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (room / "check.toml").write_text(RECIPE + method("old", 'use = "pale", environment = "venv:old"'))
    assert main(["check", str(room / "check.toml")]) == 0


def test_every_role_but_a_source_works_from_there(tmp_path: Path) -> None:
    """All examples of the contract, the attacker with its briefing among them."""
    venv.create(tmp_path / "all", with_pip=False, symlinks=True)
    (own,) = (tmp_path / "all" / "lib").glob("python*/site-packages")
    (own / "beside.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{ROOT}\n")
    facts = own / "all-0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: all\nVersion: 0.1\nSummary: all\n")
    entries = []
    for role, name in EXAMPLES.items():
        module = f"all_{name.replace('-', '_')}"
        (own / f"{module}.py").write_text(docstring_code(role))
        entries.append(f"{role}.{name} = {module}\n")
    (facts / "entry_points.txt").write_text("[deidframe]\n" + "".join(entries))
    text = re.sub(
        r'use = "(whole|colour|in-order|drop|first-member|flat|grey)"', r'use = "\1", environment = "venv:all"', examples.RECIPE
    )
    text = re.sub(r'^use = "(whole|guess|lighter)".*$', r'use = "\1"\nenvironment = "venv:all"', text, flags=re.MULTILINE)
    source = examples.listed("source", "noise", docstring_code("source"))
    (tmp_path / "scratch").mkdir()
    planned = plan(parse(text, str(tmp_path / "r.toml")), Catalogue((source,)), tmp_path / "scratch")
    assert {step.loaded.listed.environment for step in planned.steps() if step.role != "source"} == {"venv:all"}
    cells = {(cell.method, cell.attack): cell for cell in run(planned, tmp_path / "run").cells}
    assert {cell.status for cell in cells.values()} == {"ok"}, [cell.reason for cell in cells.values()]
    assert cells["flat", ""].k_counted == 3
    assert cells["flat", "guess"].metrics["rank1"]
    with pytest.raises(RecipeError) as caught:
        plan(
            parse(text.replace('use = "noise"', 'use = "noise"\nenvironment = "venv:all"'), str(tmp_path / "r.toml")),
            Catalogue(),
            tmp_path,
        )
    assert any("a source works in the core's own environment" in one for one in caught.value.complaints)


class Kept:
    """A keeper of one process: what is held is found again."""

    def __init__(self) -> None:
        self.things: list[object] = []

    def hold(self, thing: object) -> int:
        self.things.append(thing)
        return len(self.things) - 1

    def held(self, number: int) -> object:
        return self.things[number]

    def stand_in(self, kind: str, number: int, facts: object) -> object:
        return self.things[number]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, 2.5, "a", True, (1, "b"), {"k": [1]}, {3: "x"}, b"\x00\xff", "\udcff"],
        float("inf"),
        Path("/a/b"),
    ],
)
def test_plain_values_come_out_as_they_went_in(value: object) -> None:
    stream = io.BytesIO()
    wire.write(stream, value, Kept())
    stream.seek(0)
    assert wire.read(stream, Kept()) == value


def test_arrays_and_artifacts_come_out_as_they_went_in() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    faces = FaceSet(("a", "b"), IndexedStack(pictures, np.array([2, 0])), np.ones((2, 5, 2), np.float32), ("p", "q"))
    stream, keeper = io.BytesIO(), Kept()
    wire.write(stream, [Partial(faces, {"a": "why"}), np.arange(6, dtype=">i2").reshape(2, 3)], keeper)
    stream.seek(0)
    partial, array = wire.read(stream, keeper)
    assert partial.withheld == {"a": "why"}
    assert np.array_equal(partial.faces.images[:], faces.images[:])
    assert partial.faces.subjects == ("p", "q")
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("data", [b"", b"\x00" * 5, b"\xff" * 40, b"\x02" + b"\x00" * 11 + b"{}"])
def test_what_is_no_message_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(wire.Broken):
        wire.read(io.BytesIO(data), Kept())


def test_a_pickle_is_never_read() -> None:
    with pytest.raises(wire.Broken):
        wire.read(io.BytesIO(pickle.dumps({"ask": "list"})), Kept())
    with pytest.raises(TypeError, match="cannot be sent"):
        wire.write(io.BytesIO(), np.array([object()]), Kept())


def there_asks(link: Link, verb: str, rest: list[object]) -> object:
    """Do what the other end would be done for."""
    return link._do(verb, [1, *rest])


def test_calls_nest_and_errors_keep_their_kind() -> None:
    ends = []
    for _ in range(2):
        ends.append(os.pipe())
    (r1, w1), (r2, w2) = ends

    def far(verb: str, *given: object) -> object:
        if verb == "apply":
            return given[0](given[1]) + 1  # type: ignore[operator]
        raise {"artifact": ArtifactError("s", "f", "e", "g"), "photo": UnreadablePhoto("torn"), "own": KeyError("x")}[verb]

    there = Link(os.fdopen(r1, "rb"), os.fdopen(w2, "wb"), far)
    here = Link(os.fdopen(r2, "rb"), os.fdopen(w1, "wb"), far)
    thread = threading.Thread(target=there.serve, daemon=True)
    thread.start()
    assert here.ask("apply", lambda x: 2 * x, 20) == 41
    with pytest.raises(ArtifactError, match="s: f: expected e, got g"):
        here.ask("artifact")
    with pytest.raises(UnreadablePhoto, match="torn"):
        here.ask("photo")
    with pytest.raises(RuntimeError) as caught:
        here.ask("own")
    assert type(caught.value).__name__ == "KeyError"
    here.hold([1])
    for verb, rest in (("invoke", ["__len__", [], {}]), ("value", ["__class__"])):
        with pytest.raises(PluginError, match="nothing that can be asked for"):
            there_asks(here, verb, rest)
    for link in (here, there):
        link._writer.close()
    thread.join(5)
    for link in (here, there):
        link._reader.close()
