"""Nothing is made twice, a run that was cut short goes on, and two runs never meet in one folder."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from examples import REAL, RECIPE, catalogue, install

from deidframe.contract import UsageError
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.shards import shards_of
from deidframe.engine.planning.planner import plan
from deidframe.engine.release.verify import verify
from deidframe.engine.run import Outcome, run
from deidframe.host.catalogue import Catalogue
from deidframe.host.discover import Listed
from deidframe.recipe.parse import parse
from deidframe.record.release import release_folders

COUNTING = """
import numpy as np
from deidframe.contract import Params as Base
from deidframe.contract import Component, FaceSet, IndexedStack, hookimpl

CALLS = []
FAIL_AFTER = [10**9]

class Params(Base):
    shade: int = 100
    per_group = property(lambda self: True)
    groups_at_once = property(lambda self: 1)

class Counting:
    def __init__(self, params, context):
        self.shade = params.shade

    def synthesize(self, faces, surrogates):
        groups, inverse = np.unique(surrogates.groups, return_inverse=True)
        if len(CALLS) >= FAIL_AFTER[0]:
            raise RuntimeError("cut short")
        CALLS.append(len(groups))
        tones = (self.shade + 50 * np.abs(surrogates.targets[np.unique(inverse, return_index=True)[1]]).sum(axis=1)) % 256
        pictures = np.repeat(np.repeat(tones.astype(np.uint8)[:, None, None, None], 256, 1), 256, 2).repeat(3, 3)
        return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)))

@hookimpl
def deidframe_synthesizers():
    return [Component("counting", f"{__name__}:Counting", Params, "counts its calls", one_picture_per_group=True, contract=2)]
"""
TEXT = RECIPE.replace('synthesizer = { use = "flat" }', 'synthesizer = { use = "counting" }')


@pytest.fixture
def counting() -> object:
    name = install("deidframe_counting", COUNTING)
    return sys.modules[name]


def ran(tmp_path: Path, folder: str, store: DiskCache | None, module: str, text: str = TEXT) -> Outcome:
    listed = Listed("synthesizer", "counting", module, "deidframe-counting", "0.1.0", "")
    return run(plan(parse(text, "r.toml"), catalogue(listed), tmp_path), tmp_path / folder, cache=store)


def tree(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def trees(run: Path) -> dict[str, dict[str, str]]:
    return {path.name: tree(path) for path in release_folders(run)}


def test_a_second_run_makes_nothing_and_a_changed_parameter_everything(tmp_path: Path, counting: object) -> None:
    calls: list[int] = counting.CALLS  # type: ignore[attr-defined]
    module: str = counting.__name__  # type: ignore[attr-defined]
    store = DiskCache(tmp_path / "store")
    first = ran(tmp_path, "one", store, module)
    assert {c.status for c in first.cells} == {"ok"}
    assert calls == [1, 1, 1, 1]
    ran(tmp_path, "two", store, module)
    assert len(calls) == 4
    changed_attack = TEXT.replace('gallery = "exact"', 'gallery = "enrol"')
    ran(tmp_path, "three", store, module, changed_attack)
    assert len(calls) == 4
    ran(tmp_path, "four", store, module, TEXT.replace('"counting" }', '"counting", params = { shade = 90 } }'))
    assert len(calls) == 8
    ran(tmp_path, "five", None, module)
    assert len(calls) == 9  # without a store all groups at once
    one = {hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / "one" / "release" / "flat").glob("*.jpg")}
    for other in ("two", "five"):
        assert {hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / other / "release" / "flat").glob("*.jpg")} == one


def test_what_was_made_before_a_failure_is_not_made_again(tmp_path: Path, counting: object) -> None:
    calls: list[int] = counting.CALLS  # type: ignore[attr-defined]
    module: str = counting.__name__  # type: ignore[attr-defined]
    store = DiskCache(tmp_path / "store")
    counting.FAIL_AFTER[0] = 3  # type: ignore[attr-defined]
    assert ran(tmp_path, "one", store, module).exit_code == 1
    assert len(calls) == 3
    noted = (tmp_path / "one" / "private" / "cache.keys").read_text().split()
    assert {key for key, _, _ in store.entries()} <= set(noted)  # each is noted before it is there
    counting.FAIL_AFTER[0] = 10**9  # type: ignore[attr-defined]
    assert ran(tmp_path, "two", store, module).exit_code == 0
    assert len(calls) == 4
    noted = (tmp_path / "two" / "private" / "cache.keys").read_text().split()
    assert {key for key, _, _ in store.entries()} == set(noted)


def test_a_damaged_entry_is_made_again(tmp_path: Path, counting: object) -> None:
    calls: list[int] = counting.CALLS  # type: ignore[attr-defined]
    module: str = counting.__name__  # type: ignore[attr-defined]
    store = DiskCache(tmp_path / "store")
    ran(tmp_path, "one", store, module)
    entry = next((tmp_path / "store").glob("??/*"))
    entry.write_bytes(entry.read_bytes()[:-1])
    ran(tmp_path, "two", store, module)
    assert len(calls) == 5


def test_a_run_that_was_cut_short_goes_on_with_the_same_names(tmp_path: Path) -> None:
    planned = plan(parse(RECIPE, "r.toml"), catalogue(), tmp_path)
    run(planned, tmp_path / "run")
    whole = trees(tmp_path / "run")
    with pytest.raises(UsageError, match="exists"):
        run(planned, tmp_path / "run")  # it is finished, and its source cannot say whether its pictures are the same
    record = tmp_path / "run" / "run.json"
    held = json.loads(record.read_text())
    record.write_text(json.dumps({**held, "status": "running"}))
    (tmp_path / "run" / "release" / "flat" / "RELEASE.json").unlink()
    (tmp_path / "run" / "private" / "scratch-left").mkdir()
    run(planned, tmp_path / "run")
    assert trees(tmp_path / "run") == whole
    assert not (tmp_path / "run" / "private" / "scratch-left").exists()


def test_another_recipe_never_goes_on_where_one_was_cut_short(tmp_path: Path) -> None:
    run(plan(parse(RECIPE, "r.toml"), catalogue(), tmp_path), tmp_path / "run")
    record = tmp_path / "run" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "status": "running"}))
    before = tree(tmp_path / "run")
    for text in (RECIPE.replace("seed = 3", "seed = 4"), RECIPE + "\n# changed\n"):
        with pytest.raises(UsageError, match="exists"):
            run(plan(parse(text, "r.toml"), catalogue(), tmp_path), tmp_path / "run")
    assert tree(tmp_path / "run") == before


def test_two_runs_never_meet_in_one_folder(tmp_path: Path) -> None:
    import fcntl

    planned = plan(parse(RECIPE, "r.toml"), catalogue(), tmp_path)
    run(planned, tmp_path / "run")
    record = tmp_path / "run" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "status": "running"}))
    before = tree(tmp_path / "run")
    with (tmp_path / "run" / "private" / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another run is at work"):
            run(planned, tmp_path / "run")
    assert tree(tmp_path / "run") == before


def used(folder: Path) -> dict[str, int]:
    return dict(json.loads((folder / "run.json").read_text())["kept"])


def test_a_second_run_looks_at_no_picture_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.toml").write_text(REAL)
    store = DiskCache(tmp_path / "store")
    parsed = parse(REAL, "r.toml")
    run(plan(parsed, Catalogue(), tmp_path), tmp_path / "one", cache=store)
    assert not used(tmp_path / "one")
    again = DiskCache(tmp_path / "store")

    def blind(self: object, photos: object) -> None:
        raise AssertionError("looked again")

    planned = plan(parsed, Catalogue(), tmp_path)
    monkeypatch.setattr("deidframe_opencv_zoo.yunet.YuNet.detect", blind)
    run(planned, tmp_path / "two", cache=again)
    assert {name.rpartition(" ")[2] for name in used(tmp_path / "two")} >= {"faces", "encodings", "recognitions"}

    def content(folder: Path) -> list[str]:
        pictures = [one for kind in release_folders(folder) for one in kind.glob("*.jpg")]
        return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in pictures)

    assert content(tmp_path / "two") == content(tmp_path / "one")


def test_a_finished_run_is_returned_and_one_whose_release_changed_is_not(tmp_path: Path) -> None:
    parsed = parse(REAL, "r.toml")
    first = run(plan(parsed, Catalogue(), tmp_path), tmp_path / "run")
    before = tree(tmp_path / "run")
    again = run(plan(parsed, Catalogue(), tmp_path), tmp_path / "run")
    assert [c.as_dict() for c in again.cells] == json.loads(json.dumps([c.as_dict() for c in first.cells]))
    assert tree(tmp_path / "run") == before
    with pytest.raises(UsageError, match="exists"):  # what was asked for besides is not there, and is not passed over in silence
        run(plan(parsed, Catalogue(), tmp_path), tmp_path / "run", with_originals=True)
    other = parse(REAL + "# changed\n", "r.toml")
    with pytest.raises(UsageError, match="exists"):
        run(plan(other, Catalogue(), tmp_path), tmp_path / "run")
    picture = next(one for kind in release_folders(tmp_path / "run") for one in kind.glob("*.jpg"))
    picture.write_bytes(picture.read_bytes()[:-2])
    with pytest.raises(UsageError, match="not what this run released"):
        run(plan(parsed, Catalogue(), tmp_path), tmp_path / "run")


@pytest.mark.parametrize("kilobytes", [8])
def test_a_full_disk_stops_cleanly_and_the_same_command_goes_on(tmp_path: Path, kilobytes: int) -> None:
    """A limit on the size of files stands for a disk with no room left: the same calls fail at the same places."""
    (tmp_path / "r.toml").write_text(REAL)
    command = [sys.executable, "-m", "deidframe", "run", "r.toml", "--out", "run", "--no-cache"]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    full = subprocess.run(command, cwd=tmp_path, preexec_fn=limited, capture_output=True, text=True)
    assert full.returncode == 1, full.stderr
    assert "cannot write" in full.stderr and "Traceback" not in full.stderr
    for described in release_folders(tmp_path / "run"):  # what is there is whole
        assert not verify(described).problems
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in release_folders(tmp_path / "run")} == {"pixel-mean", "blur"}
    assert not any(verify(path).problems for path in release_folders(tmp_path / "run"))
    assert (tmp_path / "run" / "report.html").is_file()


ON_A_SMALL_DISK = """
mount -t tmpfs -o size={size}k tmpfs disk || exit 77
mkdir disk/cache && ln -s {weights}/* disk/cache/ && rm -f disk/cache/stages
export DEIDFRAME_CACHE=$PWD/disk/cache
{command} 2> first.err; echo $? > first.rc
for one in disk/run/release/*/ disk/run/compared/*/; do test ! -d $one || {verify} $one || touch not-whole; done
mount -o remount,size=500m disk || exit 77
{command} 2> second.err; echo $? > second.rc
for one in disk/run/release/*/ disk/run/compared/*/; do {verify} $one || touch not-whole; done
ls disk/run/release disk/run/compared disk/run/report.html > second.ls
"""
"""A mount and a user namespace of its own, in which nobody needs to be root; 77 where the system does not allow it."""


@pytest.mark.parametrize("size", [40, 900, 1200])
def test_a_disk_that_is_full_stops_a_run_cleanly_and_the_same_command_goes_on(tmp_path: Path, size: int) -> None:
    """The real thing, the store on the same disk: 40 KiB are full at the first record, 1300 when the page is written."""
    (tmp_path / "r.toml").write_text(REAL)
    (tmp_path / "disk").mkdir()
    weights = Path(os.environ.get("DEIDFRAME_CACHE", Path.home() / ".cache" / "deidframe"))
    program = f"{shlex.quote(sys.executable)} -m deidframe"
    if not weights.is_dir():  # they are fetched where there is room for them
        subprocess.run([sys.executable, "-m", "deidframe", "run", "r.toml", "--out", "before"], cwd=tmp_path, check=True)
    script = ON_A_SMALL_DISK.format(
        size=size,
        weights=shlex.quote(str(weights)),
        command=f"{program} run r.toml --out disk/run",
        verify=f"{program} verify",
    )
    try:
        ran = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("this system has no unshare")
    if ran.returncode == 77 or "unshare" in ran.stderr:
        pytest.skip("this system lets nobody mount a small disk")

    def said(name: str) -> str:
        return (tmp_path / name).read_text()

    assert said("first.rc").strip() == "1", said("first.err")
    assert "No space left on device" in said("first.err") and "Traceback" not in said("first.err")
    assert "internal error" not in said("first.err")
    assert said("second.rc").strip() == "0", said("second.err")
    assert not (tmp_path / "not-whole").exists()
    assert set(said("second.ls").split()) >= {"pixel-mean", "blur", "disk/run/report.html"}


def test_a_changed_picture_is_looked_at_again_and_its_neighbours_are_not() -> None:
    fingerprints = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(1000)]
    whole = {tuple(fingerprints[i] for i in rows) for rows in shards_of(fingerprints)}
    assert sum(map(len, whole)) == 1000 and max(map(len, whole)) <= 128
    fewer = fingerprints[:500] + fingerprints[501:]
    assert len({tuple(fewer[i] for i in rows) for rows in shards_of(fewer)} - whole) <= 2
    assert [len(rows) for rows in shards_of([""] * 300)] == [128, 128, 44]


KILLS = int(os.environ.get("DEIDFRAME_KILLS", "4"))
"""Kills in one test; `DEIDFRAME_KILLS=100` is the whole campaign."""


def test_killed_at_any_moment_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(REAL)
    command = [sys.executable, "-m", "deidframe", "run", "r.toml", "--out", "run"]
    weights = Path(os.environ.get("DEIDFRAME_CACHE", Path.home() / ".cache" / "deidframe"))
    cache = tmp_path / "cache"  # the weights that are there, and a store of its own
    cache.mkdir()
    for held in weights.iterdir() if weights.is_dir() else ():
        if held.name != "stages":
            (cache / held.name).symlink_to(held)
    environment = {**os.environ, "DEIDFRAME_CACHE": str(cache)}

    def finish() -> None:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    start = time.monotonic()
    finish()
    lasts = time.monotonic() - start
    whole, key = trees(tmp_path / "run"), (tmp_path / "run" / "private" / "names.key").read_bytes()
    dice = random.Random(20261125)
    for _ in range(KILLS):
        shutil.rmtree(tmp_path / "run")
        if dice.random() < 0.7:  # else what was kept is taken up again
            shutil.rmtree(cache / "stages")
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.2, 1.0) * lasts)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if not (tmp_path / "run").exists():  # killed before it began
            finish()
            continue
        for described in (one / "RELEASE.json" for one in release_folders(tmp_path / "run")):  # what is described is whole
            assert (
                subprocess.run([sys.executable, "-m", "deidframe", "verify", described.parent], capture_output=True).returncode
                == 0
            )
        private = tmp_path / "run" / "private" / "names.key"
        if private.is_file():
            private.write_bytes(key)  # the names of the run that was never killed
        if (tmp_path / "run" / "run.json").is_file() and json.loads((tmp_path / "run" / "run.json").read_text())[
            "status"
        ] == "finished":
            continue
        finish()
        if private.read_bytes() == key:
            assert trees(tmp_path / "run") == whole
