"""What a rude plugin does to the program: it prints, ends, leaves threads, rewrites what was checked; the program says so."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from examples import NAMES, RECIPE, docstring_code

SUPPORT = Path(__file__).parents[2] / "support"
PROGRAM = """
import signal
import sys
sys.path.insert(0, {support!r})
from examples import NAMES, docstring_code, listed
from deidframe.contract import ROLES
from deidframe.host import catalogue
from deidframe.cli.main import entry
changed = {changed!r}
every = tuple(listed(role, NAMES[role], changed.get(role) or docstring_code(role)) for role in ROLES)
catalogue.list_plugins = lambda: every
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may themselves run under nohup
entry()
"""


def changed(role: str, verb: str, body: str) -> dict[str, str]:
    """Return the example of a role that does something else first."""
    before, found, after = docstring_code(role).partition(f"    def {verb}(")
    assert found
    signature, _, rest = after.partition("\n")
    return {role: f"{before}    def {verb}({signature}\n        {body}\n{rest}"}


def deidframe(tmp_path: Path, code: dict[str, str], *more: str) -> subprocess.Popen[str]:
    (tmp_path / "r.toml").write_text(RECIPE)
    program = PROGRAM.format(support=str(SUPPORT), changed=code)
    command = [sys.executable, "-c", program, "run", "r.toml", "--out", "out", "--no-cache", *more]
    return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_the_names_are_those_of_the_roles() -> None:
    assert set(NAMES) >= {"redactor", "synthesizer"}


@pytest.mark.parametrize(
    "body",
    [
        "print('noise of a plugin')",
        "__import__('os').write(1, b'noise of a plugin\\n')",
        "__import__('sys').stdout.write('noise of a plugin')",
        "__import__('os').system('echo noise of a plugin')",
        "__import__('os').write(2, b'noise of a plugin\\n')",
    ],
)
def test_what_a_plugin_prints_goes_into_the_log_and_not_among_the_events(tmp_path: Path, body: str) -> None:
    code, out, err = ended(deidframe(tmp_path, changed("redactor", "redact", body), "--json"))
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert events[-1]["event"] == "end"
    printed = tmp_path / "out" / "private" / "records" / "printed.txt"
    assert b"noise of a plugin" in printed.read_bytes()
    assert printed.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("body", ["raise SystemExit(0)", "import sys; sys.exit(0)", "raise BaseException('rude')"])
def test_a_plugin_that_ends_the_process_fails_its_method_alone(tmp_path: Path, body: str) -> None:
    code, out, _ = ended(deidframe(tmp_path, changed("synthesizer", "synthesize", body), "--json"))
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, events[-1]["event"], events[-1]["exit_code"]) == (1, "end", 1)
    rows = {one["method"]: one for one in events if one["event"] == "row" and not one["attack"]}
    assert (rows["flat"]["status"], rows["grey"]["status"]) == ("failed", "ok")
    assert "[examples 1.0]" in rows["flat"]["reason"]
    assert (tmp_path / "out" / "report.html").is_file()
    assert not list((tmp_path / "out").glob("private/staged/*"))
    kept = tmp_path / "out" / "private" / "records" / "flat.traceback.txt"
    assert "synthesize" in kept.read_text()


def test_a_source_that_ends_the_process_ends_with_an_error_and_an_event(tmp_path: Path) -> None:
    code, out, err = ended(deidframe(tmp_path, changed("source", "load", "raise SystemExit(0)"), "--json"))
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert (events[-1]["event"], events[-1]["exit_code"]) == ("end", 1)
    assert "SystemExit" in events[-1]["error"]
    assert "[examples 1.0]" in err


def test_the_traceback_is_on_the_screen_with_debug(tmp_path: Path) -> None:
    _, _, err = ended(deidframe(tmp_path, changed("synthesizer", "synthesize", "raise ValueError('rude')"), "--debug"))
    assert "Traceback (most recent call last)" in err
    assert "ValueError: rude" in err


def test_a_thread_that_is_left_behind_does_not_hold_the_process(tmp_path: Path) -> None:
    body = "__import__('threading').Thread(target=__import__('time').sleep, args=(600,), name='loiterer').start()"
    started = time.monotonic()
    code, _, err = ended(deidframe(tmp_path, changed("redactor", "redact", body)))
    assert code == 0
    assert time.monotonic() - started < 60
    assert "left threads behind (loiterer" in err


def test_a_thread_that_rewrites_a_release_has_it_withdrawn(tmp_path: Path) -> None:
    late = """def _late():
    import pathlib, time
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for path in pathlib.Path(__file__ if False else "out/release/flat").glob("*.jpg"):
            path.write_bytes(path.read_bytes() + b"more")
            return
        time.sleep(0.001)

"""
    body = "__import__('threading').Thread(target=_late, daemon=True).start()"
    code = changed("synthesizer", "synthesize", body)
    code["synthesizer"] = code["synthesizer"].replace("class Flat:", late + "class Flat:")
    status, out, err = ended(deidframe(tmp_path, code))
    assert status == 6, err
    assert not (tmp_path / "out" / "release" / "flat").exists()
    assert (tmp_path / "out" / "private" / "withdrawn" / "flat").is_dir()
    rows = [json.loads(line) for line in (tmp_path / "out" / "cells.jsonl").read_text().splitlines()]
    assert next(one for one in rows if one["method"] == "flat")["status"] == "refused"
    assert "changed after they were written" in out


def test_a_component_that_moves_does_not_move_the_report(tmp_path: Path) -> None:
    code, out, _ = ended(deidframe(tmp_path, changed("redactor", "redact", "__import__('os').chdir('/')")))
    assert code == 1
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / "private").stat().st_mode & 0o777 == 0o700
    assert "report   out/report.html" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_end_is_clean_and_does_not_count_as_a_death(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "here").mkdir()
    wait = f"open({str(tmp_path / 'here' / 'at')!r}, 'w').close(); __import__('time').sleep(60)"
    process = deidframe(tmp_path, changed("synthesizer", "synthesize", wait), "--json")
    end = time.monotonic() + 60
    while not (tmp_path / "here" / "at").exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(number)
    code, out, err = ended(process)
    assert code == 128 + number
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["exit_code"]) == ("end", 128 + number)
    assert "interrupted: nothing half-written was left" in err
    private = tmp_path / "out" / "private"
    assert not (private / "crashes.json").exists()
    assert not list(private.glob("staged/*")) and not list((tmp_path / "out").glob("release/*"))
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "interrupted"
