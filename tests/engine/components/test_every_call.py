"""What no component may do, in any role and by any door: draw from the process's numbers, move it, or work without end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from examples import NAMES, docstring_code, listed, planned

from deidframe.cli.main import main
from deidframe.contract import ROLES, DeidframeError, Embeddings
from deidframe.contract.encodings import encodings_bytes
from deidframe.contract.roles import VERBS
from deidframe.engine.run import run
from deidframe.engine.runtime.timeout import limit_calls
from deidframe.environment import contain_libraries
from deidframe.host import catalogue as host
from deidframe.host.discover import Listed, list_plugins

SINS = {
    "draws": ("__import__('numpy').random.random()", "random numbers"),
    "draws plainly": ("__import__('random').random()", "random numbers"),
    "moves": ("__import__('os').chdir('/')", "working directory"),
    "sets": ("__import__('os').environ.update(HOME='/nowhere')", "environment"),
    "sleeps": ("__import__('time').sleep(60)", "did not end within 1 s"),
    "ends": ("raise SystemExit(0)", "SystemExit"),
    "ends otherwise": ("raise GeneratorExit", "GeneratorExit"),
    "hides files": ("__import__('os').umask(0o011)", "umask"),
    "goes deaf": ("__import__('signal').signal(15, __import__('signal').SIG_IGN)", "signal handlers"),
    "takes the stream": ("setattr(__import__('sys'), 'stdout', None)", "standard streams"),
    "connects": ("__import__('socket').create_connection(('127.0.0.1', 9))", "no connection"),
    "asks for a name": ("__import__('socket').getaddrinfo('example.org', 80)", "no connection"),
}


def planted(role: str, body: str) -> Listed:
    """Return the example of a role that does something else first."""
    code, head = docstring_code(role), f"    def {VERBS[role][1]}("
    before, found, after = code.partition(head)
    assert found
    signature, _, rest = after.partition("\n")
    return listed(role, NAMES[role], f"{before}{head}{signature}\n        {body}\n{rest}")


@dataclass(frozen=True)
class Process:
    """What must be as it was."""

    folder: str
    environment: dict[str, str]
    drawn: float
    others: tuple[object, ...]

    @classmethod
    def now(cls) -> Process:
        state = np.random.get_state()
        drawn = float(np.random.random())
        np.random.set_state(state)
        mask = os.umask(0)
        os.umask(mask)
        environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
        return cls(os.getcwd(), environment, drawn, (mask, signal.getsignal(signal.SIGTERM), sys.stdout))  # noqa: PTH109


@pytest.fixture(scope="module", autouse=True)
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Some libraries set variables when they are first imported, whoever does it."""
    scratch = tmp_path_factory.mktemp("first")
    run(planned(scratch), scratch / "run")


@pytest.fixture(autouse=True)
def same_process() -> Iterator[None]:
    contain_libraries()
    before = Process.now()
    yield
    assert Process.now() == before


@pytest.mark.parametrize("sin", SINS)
@pytest.mark.parametrize("role", [role for role in ROLES if role != "landmarker"])  # which only scenes call
def test_by_a_recipe(tmp_path: Path, role: str, sin: str) -> None:
    body, words = SINS[sin]
    if role in ("source", "detector"):  # without them there is no run
        with pytest.raises(DeidframeError, match=words), limit_calls(1.0):
            run(planned(tmp_path, planted(role, body)), tmp_path / "run", timeout=1.0)
        assert not list(tmp_path.glob("run/release/*"))
        return
    outcome = run(planned(tmp_path, planted(role, body)), tmp_path / "run", timeout=1.0)
    if role == "measure":  # what is released was judged by the gates, whatever a figure does
        assert all(words in cell.unmeasured["lighter"] for cell in outcome.cells if not cell.attack)
        assert {cell.status for cell in outcome.cells} == {"ok"}
        return
    failed = [cell for cell in outcome.cells if cell.status == "failed"]
    assert failed and all(words in cell.reason for cell in failed), outcome.cells
    method = {"attacker": "", "redactor": "grey"}.get(role, "flat")
    assert not (tmp_path / "run" / "release" / method).exists() or not method


LAZY = """
class Lazy:
    def __init__(self, pictures):
        self.pictures, self.shape = pictures, pictures.shape

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, key):
        BODY
        return self.pictures[key]

"""


@pytest.mark.parametrize("sin", SINS)
def test_pictures_that_are_made_when_they_are_asked_for_are_guarded_too(tmp_path: Path, sin: str) -> None:
    body, words = SINS[sin]
    code = docstring_code("synthesizer").replace("IndexedStack(pictures,", "IndexedStack(Lazy(pictures),")
    head, hook, tail = code.rpartition("@hookimpl")
    assert "Lazy(pictures)" in head
    lazy = listed("synthesizer", "flat", head + LAZY.replace("BODY", body) + hook + tail)
    outcome = run(planned(tmp_path, lazy), tmp_path / "run", timeout=1.0)
    (row,) = [cell for cell in outcome.cells if cell.method == "flat" and not cell.attack]
    assert row.status == "failed" and words in row.reason
    assert not (tmp_path / "run" / "release" / "flat").exists()


def test_such_pictures_are_checked_when_they_come(tmp_path: Path) -> None:
    code = docstring_code("synthesizer").replace("IndexedStack(pictures,", "IndexedStack(Lazy(pictures),")
    head, hook, tail = code.rpartition("@hookimpl")
    wrong = LAZY.replace("BODY", "return self.pictures[key].astype(float)")
    outcome = run(planned(tmp_path, listed("synthesizer", "flat", head + wrong + hook + tail)), tmp_path / "run")
    (row,) = [cell for cell in outcome.cells if cell.method == "flat" and not cell.attack]
    assert row.status == "failed" and "expected uint8" in row.reason


GROUPING = """\
schema = 1
name = "groupings"
source = { use = "noise", subjects = "labelled", params = { count = 12 } }
detector = { use = "whole" }

[[method]]
name = "settled"
k = 3
encoder = { use = "colour" }
clusterer = { use = "in-order" }
outliers = { use = "drop" }
"""


@pytest.mark.parametrize("sin", SINS)
@pytest.mark.parametrize("role", ["encoder", "clusterer", "outlier-handler"])
def test_by_a_grouping(tmp_path: Path, role: str, sin: str) -> None:
    body, words = SINS[sin]
    outcome = run(planned(tmp_path, planted(role, body), recipe=GROUPING), tmp_path / "run", timeout=1.0)
    (cell,) = outcome.cells
    assert (cell.status, outcome.exit_code) == ("failed", 1)
    assert words in cell.reason


@pytest.fixture
def portraits(tmp_path: Path) -> Path:
    folder = tmp_path / "portraits"
    folder.mkdir()
    for name in "ab":
        cv2.imwrite(str(folder / f"{name}.png"), np.random.default_rng(ord(name)).integers(0, 256, (256, 256, 3), np.uint8))
    return folder


COMMANDS = {
    "detector": "encode portraits --use colour --detector whole -o out.npz",
    "encoder": "encode portraits --use colour --detector whole -o out.npz",
    "clusterer": "cluster enc.npz --use in-order -k 3 --outliers drop",
    "outlier-handler": "cluster enc.npz --use in-order -k 3 --outliers drop",
    "synthesizer": "morph portraits/a.png portraits/b.png --use flat --encoder colour --detector whole",
}


@pytest.mark.parametrize("sin", SINS)
@pytest.mark.parametrize("role", COMMANDS)
def test_by_a_command(
    tmp_path: Path,
    portraits: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    role: str,
    sin: str,
) -> None:
    body, words = SINS[sin]
    examples = {one: listed(one, NAMES[one], docstring_code(one)) for one in ROLES} | {role: planted(role, body)}
    every = (*list_plugins(), *examples.values())
    monkeypatch.setattr(host, "list_plugins", lambda: every)
    rows = np.random.default_rng(1).standard_normal((12, 4)).astype(np.float32)
    enc = Embeddings(tuple(f"e{n}" for n in range(12)), rows, "any", tuple(f"e{n}" for n in range(12)))
    (tmp_path / "enc.npz").write_bytes(encodings_bytes(enc))
    command = [str(tmp_path / word) if "." in word or word == "portraits" else word for word in COMMANDS[role].split()]
    assert main([*command, "--timeout", "1"]) in (1, 4)
    assert words in capfd.readouterr().err
