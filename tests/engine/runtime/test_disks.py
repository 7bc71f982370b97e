"""What a disk, a terminal and a second process can do to a run: each ends as a clean stop that is told; nothing stays half."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from examples import planned

from deidframe.cli import main as cli
from deidframe.contract import StoreError
from deidframe.engine import run as engine
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.run import run
from deidframe.engine.runtime.crashes import Crashes
from deidframe.record import release as record

FAULTS = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EBUSY]


def rows(folder: Path) -> dict[str, str]:
    lines = (folder / "cells.jsonl").read_text().splitlines()
    return {one["slug"]: one["status"] for one in map(json.loads, lines) if not one["attack"]}


@pytest.mark.parametrize("number", FAULTS)
def test_a_release_of_which_the_disk_does_not_say_that_it_lasts_is_not_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real, failed = record.sync_folder, []

    def once(folder: Path) -> None:
        if folder.name == "release" and not failed:
            failed.append(folder)
            raise OSError(number, os.strerror(number), str(folder))
        real(folder)

    monkeypatch.setattr(record, "sync_folder", once)
    outcome = run(planned(tmp_path), tmp_path / "run")
    assert failed
    assert rows(tmp_path / "run")["flat"] == "failed"
    reason = next(c for c in outcome.cells if c.slug == "flat").reason
    assert os.strerror(number) in reason and "'.../flat'" in reason
    assert str(tmp_path) not in (tmp_path / "run" / "cells.jsonl").read_text()  # it is public
    assert not list((tmp_path / "run" / "release").glob("*"))
    assert not list(tmp_path.glob("run/private/staged/**/*.jpg"))
    assert rows(tmp_path / "run")["grey"] == "ok"


def test_a_release_that_no_row_tells_of_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = engine.write_lines

    def full(path: Path, lines: list[dict[str, Any]]) -> None:
        if any(line["slug"] == "grey" for line in lines):
            raise StoreError(f"cannot write {str(path)!r}: No space left on device")
        real(path, lines)

    monkeypatch.setattr(engine, "write_lines", full)
    with pytest.raises(StoreError, match="No space left"):
        run(planned(tmp_path), tmp_path / "run")
    assert str(tmp_path) not in (tmp_path / "run" / "run.json").read_text()
    there = {path.name for path in record.release_folders(tmp_path / "run")}
    assert there == set(rows(tmp_path / "run")) == {"flat"}
    assert (tmp_path / "run" / "private" / "withdrawn" / "grey").is_dir()


@pytest.mark.parametrize("number", FAULTS)
def test_what_a_disk_refuses_is_told_with_its_path_and_is_no_internal_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    import deidframe.cli.doctor as doctor

    def refused(options: object) -> int:
        raise OSError(number, os.strerror(number), "/somewhere/file")

    monkeypatch.setattr(doctor, "run", refused)
    assert cli.main(["doctor"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {os.strerror(number)}: '/somewhere/file'")
    assert "internal" not in said


def test_purge_keeps_out_while_a_run_is_at_work_and_claims_no_more_than_is_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(planned(tmp_path), tmp_path / "run")
    with (tmp_path / "run" / "private" / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cli.main(["purge", str(tmp_path / "run")]) == 2
        assert "another run is at work" in capsys.readouterr().err
        assert (tmp_path / "run" / "private" / "mapping").is_dir()
    assert cli.main(["purge", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "no longer says who is on which file" in said
    assert "Whoever has the originals can still try to match them" in said
    assert not (tmp_path / "run" / "private").exists()


def test_an_entry_under_another_key_is_not_taken_for_that_keys(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    one, other = DiskCache.key({"n": 1}), DiskCache.key({"n": 2})
    cache.put(one, b"of one")
    place = tmp_path / other[:2] / other
    place.parent.mkdir(exist_ok=True)
    place.write_bytes((tmp_path / one[:2] / one).read_bytes())
    assert cache.get(one) == b"of one"
    assert cache.get(other) is None


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_a_terminal_that_cannot_show_a_character_gets_one_that_it_can(tmp_path: Path, encoding: str) -> None:
    run(planned(tmp_path), tmp_path / "run")
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0"}
    for command in (["report", "run"], ["plugins"], ["doctor"]):
        words = [sys.executable, "-m", "deidframe", *command]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True)
        assert done.returncode in (0, 4), done.stderr
        assert b"internal" not in done.stderr
        done.stdout.decode(encoding)


def test_the_nearest_character_stands_for_one_that_is_not_there() -> None:
    from deidframe.cli.plain import PLAIN

    assert "a – b ≥ 2… ×".encode("ascii", PLAIN) == b"a - b >= 2... x"
    assert "猫".encode("latin-1", PLAIN) == b"\\u732b"


def test_a_death_counts_only_where_nothing_new_was_kept(tmp_path: Path) -> None:
    journal = tmp_path / "cache.keys"
    for round_ in range(5):
        crashes = Crashes(tmp_path, journal)
        assert crashes.deaths("slow") == 0
        crashes.begin("slow")
        with journal.open("a") as stream:
            stream.write(f"key {round_}\n")
    for died in range(1, 4):
        crashes = Crashes(tmp_path, journal)
        assert crashes.deaths("slow") == died - 1
        crashes.begin("slow")
    assert Crashes(tmp_path, journal).deaths("slow") == 3
