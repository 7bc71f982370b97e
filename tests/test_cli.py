from __future__ import annotations

import argparse
import ast
import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from deidframe.cli.main import COMMANDS

RECIPES = Path(__file__).parent.parent / "recipes"

HEAVY = ("torch", "sklearn", "openvino", "numpy", "pydantic", "matplotlib", "cv2", "PIL")


def deidframe(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "deidframe", *arguments], capture_output=True, text=True)


def test_help_names_every_command() -> None:
    done = deidframe("--help")
    assert done.returncode == 0
    for command in ("plugins", "models"):
        assert command in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom deidframe.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_plugins_lists_the_folder_source() -> None:
    done = deidframe("plugins", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    folder = next(r for r in rows if r["name"] == "folder")
    assert (folder["role"], folder["distribution"], folder["problem"]) == ("source", "deidframe-folder", "")


def test_usage_errors_have_code_2() -> None:
    assert deidframe().returncode == 2
    assert deidframe("no-such-command").returncode == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_every_command_is_one_that_it_takes(command: str) -> None:
    module = importlib.import_module(f"deidframe.cli.{command.replace('-', '_')}")
    parser = argparse.ArgumentParser(exit_on_error=False)
    module.arguments(parser)
    said = module.EXAMPLE.split()
    assert said[:2] == ["deidframe", command]
    parser.parse_args(said[2:])


def test_help_of_a_command_has_its_example() -> None:
    assert "example: deidframe recount runs/quickstart" in deidframe("certify", "--help").stdout


def test_a_dry_run_says_what_would_run_and_writes_nothing(tmp_path: Path) -> None:
    done = deidframe("run", str(RECIPES / "quickstart.toml"), "--dry-run", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "k-Same pixel" in done.stdout
    assert not (tmp_path / "out").exists()


def test_the_schema_takes_the_shipped_recipes_and_refuses_what_check_refuses() -> None:
    done = deidframe("check", "--schema")
    assert done.returncode == 0, done.stderr
    schema = json.loads(done.stdout)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for path in sorted(RECIPES.glob("*.toml")):
        wrong = [error.message for error in validator.iter_errors(tomllib.loads(path.read_text()))]
        assert not wrong, f"{path.name}: {wrong[0]}"
    text = (RECIPES / "quickstart.toml").read_text()
    for old, new in (
        ('use = "gaussian-blur"', 'use = "gausian-blur"'),
        ('use = "yunet"', 'use = "yunet", params = { no_such_key = 1 }'),
        ("sigma = 24.0", 'sigma = "wide"'),
        ("seed = 7", 'seed = "seven"'),
    ):
        if old == 'use = "yunet"':
            changed = text.replace('[detector]\nuse = "yunet"', "[detector]\nuse = 'yunet'\nparams = { no_such_key = 1 }")
        else:
            changed = text.replace(old, new)
        assert changed != text, old
        assert list(validator.iter_errors(tomllib.loads(changed))), new

    drawn = (RECIPES / "scenes.toml").read_text()
    assert list(validator.iter_errors(tomllib.loads(drawn.replace("face-mesh", "face-mash"))))
    scene = (RECIPES / "photos.toml").read_text()
    for old, new in (
        ('cover = { use = "fill" }', 'cover = { use = "fil" }'),
        ('cover = { use = "fill" }', 'cover = { use = "gaussian-blur", params = { sigma = "x" } }'),
        ("[scene]", "[scen]"),
    ):
        assert list(validator.iter_errors(tomllib.loads(scene.replace(old, new)))), new


def test_a_schema_of_one_recipe_and_a_check_of_none_are_refused() -> None:
    assert deidframe("check", "--schema", "x.toml").returncode == 2
    assert deidframe("check").returncode == 2


def test_completion_knows_commands_and_the_names_of_plugins(tmp_path: Path) -> None:
    script = deidframe("completion", "bash").stdout
    (tmp_path / "deidframe.sh").write_text(script)
    ask = (
        "source deidframe.sh; COMP_WORDS=({words} ''); COMP_CWORD={at};"
        " $(complete -p deidframe | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); echo ${{COMPREPLY[@]}}"
    )
    for words, expected in (
        ("deidframe", {"run", "check", "plugins", "completion"}),
        ("deidframe plugins check", {"deidframe-ksame", "deidframe-stylegan"}),
        ("deidframe cluster --use", {"fixed-size", "aroc"}),
        ("deidframe encode --detector", {"yunet", "centerface"}),
    ):
        code = ask.format(words=words, at=len(words.split()))
        done = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert expected <= set(done.stdout.split()), (words, done.stdout, done.stderr)
    assert deidframe("completion", "zsh").stdout.startswith("#compdef deidframe")
    assert deidframe("completion", "fish").returncode == 2


def test_events_are_one_json_object_a_line(tmp_path: Path) -> None:
    command = ["run", str(RECIPES / "quickstart.toml"), "--limit", "18", "--set", "method.0.k=2", "--set", "method.1.k=2"]
    done = deidframe(*command, "--json", "--jobs", "1", "--out", str(tmp_path / "run"))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert events[-1]["event"] == "end"
    assert events[-1]["exit_code"] == 0
    assert all(Path(one, "RELEASE.json").is_file() for one in events[-1]["released"])
    rows = [{k: v for k, v in one.items() if k != "event"} for one in events if one["event"] == "row"]
    assert rows == [json.loads(line) for line in (tmp_path / "run" / "cells.jsonl").read_text().splitlines()]
    page = (tmp_path / "run" / "report.html").stat().st_mtime_ns
    again = [json.loads(line) for line in deidframe(*command, "--json", "--out", str(tmp_path / "run")).stdout.splitlines()]
    assert [one["event"] for one in again if one["event"] == "row"] == []
    assert (tmp_path / "run" / "report.html").stat().st_mtime_ns == page  # nothing is drawn again
    stages = [one for one in events if one["event"] == "stage" and one.get("ended")]
    assert {"what": "find faces", "done": 18, "total": 18, "event": "stage", "ended": True} in stages


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plugins", "check"], "name a plugin"),
        (["plugins", "list", "deidframe-ksame"], "did you mean: deidframe plugins check deidframe-ksame"),
        (["run", "r.toml", "--jobs", "0"], "at least 1"),
        (["run", "quickstart", "--sample", "0"], "at least 1"),
        (["run", "quickstart", "--sample", "9999", "--estimate"], "nothing to estimate"),
        (["run", "quickstart", "--estimate", "--shard", "1/2"], "leave out --shard"),
        (["run", "photos", "--sample", "5"], "--limit"),
        (["run", "r.toml", "--timeout", "-2"], "above 0"),
    ],
)
def test_wrong_use_of_an_option_is_said(arguments: list[str], words: str) -> None:
    done = deidframe(*arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_jobs_keep_every_thread_to_so_many_cores() -> None:
    """Numbers of threads are settled on import, so the cores are taken away before."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom deidframe.cli.main import main\n"
        f"main(['run', {str(RECIPES / 'quickstart.toml')!r}, '--jobs', '1', '--dry-run'])\n"
        "assert 'numpy' in sys.modules\n"
        "tasks = [path.read_text() for path in Path('/proc/self/task').glob('*/status')]\n"
        "print({line for one in tasks for line in one.splitlines() if line.startswith('Cpus_allowed_list')})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    (kept,) = ast.literal_eval(done.stdout.splitlines()[-1])
    assert kept.split(":")[1].strip().isdigit()  # one core, the same for all
