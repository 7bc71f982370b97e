"""Components that hang, crash the process or find no memory: a recorded row or a clean stop, and the same command goes on."""

from __future__ import annotations

import errno
import json
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from examples import REAL, docstring_code, listed, planned

from deidframe.cli.main import main
from deidframe.contract import PluginError
from deidframe.engine.planning.planner import plan
from deidframe.engine.release.verify import verify
from deidframe.engine.run import Outcome, run
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse
from deidframe.record.release import release_folders

SUPPORT = Path(__file__).parents[2] / "support"
SLEEPS = "__import__('time').sleep(99)"
SWALLOWS = """while True:
            try:
                __import__('time').sleep(99)
            except Exception:
                pass"""
AT = {
    "redactor": ("grey", "grey = np"),
    "encoder": ("colour", "vectors = np"),
    "clusterer": ("in-order", "labels = "),
    "synthesizer": ("flat", "groups, rows"),
    "attacker": ("guess", "shape = "),
    "detector": ("whole", "sides = "),
}


def ran(tmp_path: Path, role: str, body: str, timeout: float | None = 1.0) -> Outcome:
    name, before = AT[role]
    code = docstring_code(role)
    assert before in code
    return run(
        planned(tmp_path, listed(role, name, code.replace(before, f"{body}\n        {before}"))),
        tmp_path / "run",
        timeout=timeout,
    )


@pytest.mark.parametrize("body", [SLEEPS, SWALLOWS])
@pytest.mark.parametrize("role", ["redactor", "clusterer", "synthesizer", "attacker"])
def test_a_component_that_hangs_fails_its_rows_and_no_other(tmp_path: Path, role: str, body: str) -> None:
    outcome = ran(tmp_path, role, body)
    failed = {(c.method, c.attack) for c in outcome.cells if c.status == "failed"}
    every = {(c.method, c.attack) for c in outcome.cells}
    if role == "attacker":
        assert failed == {one for one in every if one[1]}
    else:
        assert failed == {("grey" if role == "redactor" else "flat", "")}
    for cell in outcome.cells:
        if cell.status == "failed":
            assert "did not end within 1 s and was stopped" in cell.reason
    assert outcome.exit_code == 1
    for described in release_folders(outcome.folder):
        assert not verify(described).problems


def test_a_detector_that_hangs_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="detector whole did not end within 1 s"):
        ran(tmp_path, "detector", SLEEPS)
    assert "did not end" in json.loads((tmp_path / "run" / "run.json").read_text())["status"]
    assert run(planned(tmp_path), tmp_path / "run").exit_code == 0


def test_what_takes_its_time_is_left_alone(tmp_path: Path) -> None:
    assert ran(tmp_path, "synthesizer", "__import__('time').sleep(0.2)", timeout=30.0).exit_code == 0


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("sum(__import__('itertools').repeat(1))", 1, "Timeout (0:00:02"),  # in C, with the lock of the interpreter
        ("__import__('ctypes').string_at(0)", -11, "Segmentation fault"),
    ],
)
def test_a_process_that_dies_in_a_plugin_goes_on_and_at_last_without_it(tmp_path: Path, body: str, code: int, words: str) -> None:
    name, before = AT["redactor"]
    script = f"""
        import faulthandler, sys
        sys.path.insert(0, {str(SUPPORT)!r})
        from pathlib import Path
        from examples import RECIPE, docstring_code, listed, planned
        from deidframe.engine.runtime import timeout
        from deidframe.engine.run import run
        faulthandler.enable()
        timeout.GRACE = 1.0
        recipe = RECIPE.replace('name = "grey"', 'name = "last"')
        code = docstring_code("redactor").replace({before!r}, {body!r} + "\\n        " + {before!r})
        planned = planned(Path("scratch"), listed("redactor", {name!r}, code), recipe=recipe)
        sys.exit(run(planned, Path("run"), timeout=1.0).exit_code)
    """
    script = textwrap.dedent(script)
    (tmp_path / "scratch").mkdir()
    for _ in range(3):
        died = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert died.returncode == code, died.stderr
        assert words in died.stderr
        assert "example_" in died.stderr  # it says where
        assert {path.name for path in release_folders(tmp_path / "run")} == {"flat"}
        assert not verify(tmp_path / "run" / "release" / "flat").problems
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    cells = [json.loads(line) for line in (tmp_path / "run" / "cells.jsonl").read_text().splitlines()]
    (last,) = [cell for cell in cells if cell["method"] == "last"]
    assert (last["status"], last["released"]) == ("failed", 0)
    assert "the process died 3 times while this method was at work" in last["reason"]
    assert {cell["status"] for cell in cells if cell["method"] == "flat"} == {"ok"}
    assert not (tmp_path / "run" / "private" / "crashes.json").exists()


@pytest.mark.parametrize("megabytes", [600, 1000, 1400])
def test_without_memory_a_run_stops_cleanly_and_the_same_command_goes_on(tmp_path: Path, megabytes: int) -> None:
    """Networks that find no memory raise, or crash in native code; either way nothing is half released and nothing is lost."""
    (tmp_path / "r.toml").write_text(REAL)
    command = [sys.executable, "-m", "deidframe", "run", "r.toml", "--out", "run", "--no-cache"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 1024**2, megabytes * 1024**2))

    # OpenBLAS that finds no memory as it is loaded asks for it for ever: what a time limit is for
    short = subprocess.run([*command, "--timeout", "60"], cwd=tmp_path, preexec_fn=limit, capture_output=True, text=True)
    # Signals, and the 127 with which the C library ends a process that has no room for a thread's variables, are native code's.
    assert short.returncode in (1, 4, 127, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS), short.stderr
    assert "internal error" not in short.stderr and "Traceback" not in short.stderr
    for path in release_folders(tmp_path / "run"):
        assert not verify(path).problems
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in release_folders(tmp_path / "run")} == {"pixel-mean", "blur"}


def test_no_memory_for_a_large_face_fails_its_method_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = pytest.importorskip("deidframe_stylegan.generator")

    def no_room(self: object, w: object, size: int) -> None:
        raise RuntimeError("Exception from src/inference:1:\n[CPU] Convolution\nFailed to allocate 67108864 bytes of memory\n")

    monkeypatch.setattr(generator.Generator, "picture", no_room)
    text = REAL.replace('use = "pixel-mean"', 'use = "stylegan"').replace('name = "pixel mean"', 'name = "StyleGAN"')
    outcome = run(plan(parse(text, "r.toml"), Catalogue(), tmp_path), tmp_path / "run")
    states = {cell.method: (cell.status, cell.released) for cell in outcome.cells}
    assert states == {"StyleGAN": ("failed", 0), "blur": ("ok", 20)}
    (cell,) = [cell for cell in outcome.cells if cell.status == "failed"]
    assert "[CPU] Convolution Failed to allocate 67108864 bytes of memory [deidframe-stylegan 0." in cell.reason
    assert "synthesizer deidframe-stylegan:stylegan" in cell.reason


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 1, "error: no memory left; nothing"),
        (MemoryError("12 MiB"), 1, "error: no memory left (12 MiB); nothing"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 1, "no memory left"),
        (RuntimeError("can't start new thread"), 1, "no memory left"),
        (RuntimeError("of another kind"), 70, "internal error: RuntimeError: of another kind"),
    ],
)
def test_no_memory_is_said_however_python_says_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int, words: str
) -> None:
    def raises(options: object) -> int:
        raise error

    monkeypatch.setattr("deidframe.cli.doctor.run", raises)
    assert main(["doctor"]) == code
    assert words in capsys.readouterr().err
