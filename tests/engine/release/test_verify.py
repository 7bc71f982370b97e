from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from examples import RECIPE, catalogue

from deidframe.cli.main import main
from deidframe.contract import UsageError
from deidframe.engine.planning.planner import plan
from deidframe.engine.release.verify import releases_in, verify
from deidframe.engine.run import run
from deidframe.recipe.parse import parse


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    run(plan(parse(RECIPE, "r.toml"), catalogue(), folder), folder / "run")
    return folder / "run"


@pytest.fixture
def release(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "release" / "flat", tmp_path / "flat")
    return tmp_path / "flat"


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def flip(folder: Path) -> str:
    path = pictures(folder)[3]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    return f"{path.name}: has changed"


def remove(folder: Path) -> str:
    path = pictures(folder)[0]
    path.unlink()
    return f"{path.name}: is missing"


def add(folder: Path) -> str:
    shutil.copyfile(pictures(folder)[0], folder / "more.jpg")
    return "more.jpg: is not in the manifest"


def tail(folder: Path) -> str:
    path = pictures(folder)[1]
    path.write_bytes(path.read_bytes() + b"canary")
    return f"{path.name}: holds more than a picture"


def link(folder: Path) -> str:
    (folder / "link.jpg").symlink_to(pictures(folder)[0])
    return "link.jpg: is not a plain file"


def unfinished(folder: Path) -> str:
    (folder / "RELEASE.json").unlink()
    return "RELEASE.json is missing"


def garbled(folder: Path) -> str:
    (folder / "RELEASE.json").write_text("{")
    return "RELEASE.json cannot be read"


def manifest_gone(folder: Path) -> str:
    (folder / "MANIFEST.sha256").unlink()
    return "MANIFEST.sha256 is missing"


def manifest_changed(folder: Path) -> str:
    path = folder / "MANIFEST.sha256"
    path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")
    return "MANIFEST.sha256 has changed"


def boast(folder: Path) -> str:
    path = folder / "RELEASE.json"
    stated = json.loads(path.read_text())
    stated["certificate"]["k_asked"] = 50
    path.write_text(json.dumps(stated))
    return "shared by fewer than 50 files"


def test_a_release_is_as_it_was_released(made: Path, release: Path) -> None:
    verdict = verify(release)
    assert verdict.problems == ()
    assert (verdict.files, verdict.k) == (12, 3)
    assert [path.name for path in releases_in(made)] == ["flat", "grey"]
    assert releases_in(release) == [release]
    assert verify(made / "compared" / "grey").k is None


@pytest.mark.parametrize(
    "change",
    [flip, remove, add, tail, link, unfinished, garbled, manifest_gone, manifest_changed, boast],
    ids=lambda f: f.__name__,
)
def test_whatever_is_changed_is_found_and_named(
    release: Path, change: Callable[[Path], str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = change(release)
    assert any(said in problem for problem in verify(release).problems)
    assert main(["verify", str(release)]) == 6
    assert said in capsys.readouterr().out


def test_what_is_no_release_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        releases_in(tmp_path / "none")
    assert main(["verify", str(tmp_path)]) == 2
    assert "holds no release" in capsys.readouterr().err


def test_purge_takes_what_is_private_and_nothing_else(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(made, tmp_path / "run")
    assert (tmp_path / "run" / "private" / "mapping").is_dir()
    assert main(["purge", str(tmp_path / "run")]) == 0
    assert not (tmp_path / "run" / "private").exists()
    assert main(["verify", str(tmp_path / "run")]) == 0
    assert main(["purge", str(tmp_path / "run")]) == 0
    assert "already gone" in capsys.readouterr().out
    other = tmp_path / "other" / "private"
    other.mkdir(parents=True)
    assert main(["purge", str(tmp_path / "other")]) == 2
    assert other.is_dir()
    (tmp_path / "other" / "run.json").write_text("{}")
    other.rmdir()
    other.symlink_to(tmp_path)
    assert main(["purge", str(tmp_path / "other")]) == 2
    assert tmp_path.is_dir()


def test_the_doctor_names_what_is_here_and_what_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "0 broken" in said
    assert "weights  sface" in said
    assert "torch: aiming by gradients" in said


def test_the_doctor_runs_no_plugin() -> None:
    code = "import sys; from deidframe.cli.main import main; main(['doctor'])"
    code += "; print('plugins loaded', sorted(m for m in sys.modules if m.startswith('deidframe_')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "plugins loaded []" in done.stdout, done.stderr


def test_the_report_is_made_again_from_records_alone(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(made, tmp_path / "run")
    assert main(["report", str(tmp_path / "run")]) == 0
    first = (tmp_path / "run" / "report.html").read_bytes()
    shutil.rmtree(tmp_path / "run" / "private")  # nothing of it is needed
    assert main(["report", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "report.html").read_bytes() == first
    assert "flat" in capsys.readouterr().out
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no finished run" in capsys.readouterr().err


def stated(folder: Path, **changes: object) -> None:
    path = folder / "RELEASE.json"
    held = json.loads(path.read_text())
    held["certificate"].update(changes)
    path.write_text(json.dumps(held))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pictures": 11}, "the certificate counts 11 pictures, there are 12"),
        ({"pictures": None}, "the certificate counts None pictures, there are 12"),
        ({"distinct_pictures": 5}, "the certificate counts 5 different pictures, there are 4"),
        ({"k_counted": 2}, "the certificate counts k = 2, 3 was asked for"),
        ({"k_counted": None}, "the certificate counts k = None, 3 was asked for"),
        ({"k_counted": "3"}, "the certificate counts k = 3, 3 was asked for"),
    ],
)
def test_numbers_of_a_certificate_are_held_against_the_files(release: Path, changes: dict[str, object], said: str) -> None:
    stated(release, **changes)
    assert verify(release).problems == (said,)


def test_of_many_problems_the_first_are_named_and_the_rest_counted(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidframe.engine.release.verify.MOST_NAMED", 5)
    for path in pictures(release):
        path.unlink()
    problems = verify(release).problems
    assert "7 more: is missing" in problems
