"""Guards whose deletion the other tests would miss; `tests/mutation` deletes them one by one."""

from __future__ import annotations

import os
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from examples import docstring_code, listed, planned

from deidframe.cli.main import main
from deidframe.contract import ArtifactError, FaceSet, Photos, PluginError, StoreError, Surrogates, UsageError
from deidframe.engine.cache import disk_cache
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.surrogates import synthesize_cached
from deidframe.engine.intake import crops
from deidframe.engine.run import run, stages_folder
from deidframe.engine.runtime.progress import Quiet
from deidframe.engine.runtime.timeout import limit_calls, limited
from deidframe.guard import residual
from deidframe.guard.hygiene import Written, decode_jpeg, encode_jpeg
from deidframe.guard.release import Release
from deidframe.guard.residual import Residual, compare_written, handed_back
from deidframe.host.discover import list_plugins
from deidframe.record.write import write_bytes


def test_bytes_are_on_the_disk_before_their_name_and_the_name_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(handle: int) -> None:
        said.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")  # noqa: PTH112
        real_sync(handle)

    def replace(path: Path, target: Path) -> Path:
        said.append("name")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    write_bytes(tmp_path / "a", b"x")
    assert said == ["file", "name", "folder"]


def test_an_entry_is_noted_before_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = DiskCache(tmp_path / "stages")
    cache.journal = tmp_path / "keys"

    def full(*_: object, **__: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(disk_cache, "write_bytes", full)
    with pytest.raises(StoreError):
        cache.put("a" * 64, b"x")
    assert cache.journal.read_text() == "a" * 64 + "\n"


def test_purge_removes_what_the_run_put_into_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDFRAME_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "run"
    (folder / "private").mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    cache = DiskCache(stages_folder())
    cache.put("b" * 64, b"of somebody else")
    cache.journal = folder / "private" / "cache.keys"
    cache.put("a" * 64, b"of this run")
    assert main(["purge", str(folder)]) == 0
    assert [key for key, _, _ in cache.entries()] == ["b" * 64]


def test_an_alarm_that_is_swallowed_rings_again() -> None:
    started = time.monotonic()
    with pytest.raises(PluginError, match="did not end within"), limit_calls(0.3), limited("encoder deaf"):
        for _ in range(3):
            try:
                time.sleep(20)
            except BaseException:
                if time.monotonic() - started > 1.2:
                    raise
    assert time.monotonic() - started < 15


def test_nothing_of_a_failed_method_is_there_while_the_next_is_at_work(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    there = f"[str(path) for path in pathlib.Path({str(tmp_path)!r}).rglob('*.jpg')]"
    look = f"import pathlib; pathlib.Path({str(seen)!r}).write_text(repr({there}))"
    grey = docstring_code("redactor").replace("def redact(self, faces):\n", f"def redact(self, faces):\n        {look}\n")
    several = docstring_code("synthesizer").replace(
        "return FaceSet(faces.ids, IndexedStack(pictures, rows.astype(np.int64)))",
        "return FaceSet(faces.ids, np.random.default_rng(1).integers(0, 256, (len(faces), *faces.size, 3)).astype(np.uint8))",
    )
    outcome = run(planned(tmp_path, listed("redactor", "grey", grey), listed("synthesizer", "flat", several)), tmp_path / "run")
    assert next(c for c in outcome.cells if c.slug == "flat").status == "refused"
    assert "flat" not in seen.read_text().replace(str(tmp_path), "")


def test_a_shared_picture_that_is_one_members_original_goes_for_all_who_share_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    originals = rng.integers(0, 256, (12, 64, 64, 3)).astype(np.uint8)
    shown = rng.integers(0, 256, (12, 64, 64, 3)).astype(np.uint8)
    shown[3:6] = decode_jpeg(encode_jpeg(originals[4]))
    ids = tuple(f"f{n}" for n in range(12))
    digests = {face: f"d{n}" for n, face in enumerate(ids)} | dict.fromkeys(("f3", "f4", "f5"), "shared")
    files = [Written(face, "", digests[face], encode_jpeg(shown[n])) for n, face in enumerate(ids)]
    same = compare_written(files, FaceSet(ids, originals))
    assert same == ("f4",)
    release = Release("m", FaceSet(ids, originals), FaceSet(ids, shown), {}, digests=digests)
    assert set(handed_back(release, Residual(frozenset(ids), frozenset(same)))) == {"f3", "f4", "f5"}


def test_two_runs_never_share_the_secret_of_their_names(tmp_path: Path) -> None:
    names = []
    for one in "ab":
        (tmp_path / one).mkdir()
        run(planned(tmp_path / one), tmp_path / one / "run")
        names.append({path.name for path in (tmp_path / one / "run" / "release" / "flat").glob("*.jpg")})
        assert len((tmp_path / one / "run" / "private" / "names.key").read_bytes()) == 32
    assert not names[0] & names[1]


@pytest.mark.parametrize("name", ["encoder.Sface", "encoder.a_b", "encoder.../x", "encoder.", "painter.x", "x"])
def test_names_that_are_none_are_listed_with_what_is_wrong(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    point = metadata.EntryPoint(name, "some_module", "deidframe")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    (found,) = list_plugins()
    assert "is not a valid name" in found.problem or "is not a role" in found.problem


def test_a_face_that_is_another_one_when_it_is_read_again_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "CACHE_BYTES", 0)
    monkeypatch.setattr(crops, "RECENT", 0)
    shown = {name: [np.full((300, 300, 3), tone, np.uint8) for tone in (50, 50, 51)] for name in "ab"}
    photos = Photos(("a", "b"), lambda one: shown[one].pop(0))
    stack = crops.CropStack(photos, ("a", "b"), np.repeat(np.eye(2, 3)[None], 2, 0), {})
    first = stack[0:1]
    stack[1:2]  # another photo in between: the one decoded last is not decoded again
    assert np.array_equal(first, stack[0:1])
    stack[1:2]
    with pytest.raises(ArtifactError, match="a face as it was when it was first read"):
        stack[0:1]


def test_a_synthesizer_that_gives_a_group_two_pictures_is_refused_before_one_is_kept(tmp_path: Path) -> None:
    faces = FaceSet(("a", "b"), np.zeros((2, 8, 8, 3), np.uint8))
    aims = Surrogates(("a", "b"), np.ones((2, 3), np.float32), np.zeros(2, np.int64), np.full(2, 0.5), "s")
    cache = DiskCache(tmp_path)

    def draw(some: FaceSet, wanted: Surrogates) -> FaceSet:
        return FaceSet(some.ids, np.arange(len(some), dtype=np.uint8)[:, None, None, None] + np.zeros((1, 8, 8, 3), np.uint8))

    with pytest.raises(ArtifactError, match="one picture for all faces of a group"):
        synthesize_cached(cache, draw, "synthesizer two", 1, {}, faces, aims, Quiet())
    assert cache.entries() == []


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(tmp_path: Path, limit: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        planned(tmp_path, limit=limit)


def test_a_source_that_gives_neither_pictures_nor_encodings_is_named(tmp_path: Path) -> None:
    code = docstring_code("source").replace("return Photos.from_arrays(ids, pictures, subjects=ids)", "return list(ids)")
    with pytest.raises(ArtifactError, match="source noise: result: expected Photos or Embeddings, got list"):
        planned(tmp_path, listed("source", "noise", code))


def test_what_the_file_format_loses_lies_within_the_bound_of_the_first_look() -> None:
    """JPEG loses most of noise of full strength: no picture that is handed back may be passed over as too far away."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for made in (
        rng.integers(0, 256, (128, 128, 3)),
        255 * rng.integers(0, 2, (128, 128, 3)),
        255 * rng.integers(0, 2, (16, 16, 3)).repeat(8, 0).repeat(8, 1),
        255 * (np.indices((128, 128)).sum(axis=0)[..., None] % 2 * np.array([1, 0, 1])),
        128 + 100 * rng.integers(-1, 2, (128, 128, 3)),
    ):
        picture = made.astype(np.uint8)
        worst = max(worst, residual._far(decode_jpeg(encode_jpeg(picture)), picture))
    assert 1 < worst < residual.MAYBE - residual.UNCHANGED
