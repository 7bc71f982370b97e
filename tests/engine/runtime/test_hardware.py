"""`--device`: only a component that asks is given another device, and what there is not is refused before a run."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from examples import docstring_code, listed, planned

from deidframe.cli.main import main
from deidframe.contract import UsageError
from deidframe.engine.run import run
from deidframe.engine.runtime.hardware import described_device, device_for, on_device, threads_for
from deidframe.record.provenance import provenance

SPY = docstring_code("redactor").replace(
    "def __init__(self, params, context):\n        pass",
    "def __init__(self, params, context):\n"
    "        context.record('seen', {'device': context.device, 'threads': context.threads})",
)
ASKS = SPY.replace("import Component,", "import Component, Need,").replace(
    "contract=2", "needs=frozenset({Need.GPU}), contract=2"
)
torch_is_here = importlib.util.find_spec("torch") is not None


def seen(tmp_path: Path, code: str) -> dict[str, object]:
    run(planned(tmp_path, listed("redactor", "grey", code)), tmp_path / "run")
    (note,) = json.loads((tmp_path / "run" / "private" / "records" / "grey.json").read_text())
    return {name: note[name] for name in ("device", "threads")} if "device" in note else note["data"]


def test_the_examples_are_what_they_should_be() -> None:
    assert "context.record" in SPY
    assert "Need.GPU" in ASKS


@pytest.mark.parametrize(("code", "device"), [(SPY, "cpu"), (ASKS, "mps")], ids=["plain", "asks"])
def test_who_asks_is_given_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, device: str) -> None:
    monkeypatch.setattr("deidframe.engine.runtime.hardware._check", lambda device: None)
    with on_device("mps"):
        assert seen(tmp_path, code) == {"device": device, "threads": threads_for()}


def test_without_a_word_there_are_as_many_threads_as_processors() -> None:
    assert threads_for() >= 1
    assert device_for(asks=False) == "cpu"
    with on_device("cpu"):
        assert device_for(asks=True) == "cpu"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--device", "tpu"), "expected cpu, cuda, cuda:N or mps"),
        (("--device", "cuda:99"), "no such device here" if torch_is_here else "torch is not installed"),
    ],
)
def test_what_there_is_not_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    assert main(["run", "quickstart", "--out", str(tmp_path / "run"), *words]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_computed_besides_the_processor_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidframe.engine.runtime.hardware._check", lambda device: None)
    assert described_device(asks=False) == ""
    with on_device("mps"):
        assert described_device(asks=False) == ""
        told = provenance((), (), described_device(asks=True))["machine"]
    assert told["device"] == "mps"
    assert "device" not in provenance((), ())["machine"]


def test_no_cuda_is_said() -> None:
    with pytest.raises(UsageError, match="--device cuda:98"), on_device("cuda:98"):
        raise AssertionError


@pytest.mark.skipif(not torch_is_here, reason="torch is not installed")
def test_torch_has_one_thread_inside_a_call_and_its_own_again_after_it(tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        spy = "import torch; faces.images[:]; assert torch.get_num_threads() == 1, torch.get_num_threads()"
        code = docstring_code("redactor").replace("def redact(self, faces):\n", f"def redact(self, faces):\n        {spy}\n")
        outcome = run(planned(tmp_path, listed("redactor", "grey", code)), tmp_path / "run")
        assert {cell.status for cell in outcome.cells} == {"ok"}, [cell.reason for cell in outcome.cells]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
