from __future__ import annotations

import json
import subprocess
import sys

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
