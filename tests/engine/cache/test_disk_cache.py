from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deidframe.contract import StoreError
from deidframe.engine.cache.disk_cache import DiskCache


def test_what_is_put_is_got_and_private(tmp_path: Path) -> None:
    store = DiskCache(tmp_path / "s")
    key = DiskCache.key({"b": [1, "x"], "a": None})
    assert key == DiskCache.key({"a": None, "b": [1, "x"]}) != DiskCache.key({"a": None, "b": [1, "y"]})
    assert store.get(key) is None
    store.put(key, b"body")
    assert DiskCache(tmp_path / "s").get(key) == b"body"
    (entry,) = (tmp_path / "s").glob("??/*")
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert store.remove(key)
    assert not store.remove(key)


@pytest.mark.parametrize("cut", [0, 1, 20, 35])
def test_a_damaged_entry_is_as_if_it_were_not_there(tmp_path: Path, cut: int) -> None:
    store = DiskCache(tmp_path)
    key = DiskCache.key({"n": cut})
    store.put(key, b"body")
    (entry,) = tmp_path.glob("??/*")
    entry.write_bytes(entry.read_bytes()[:cut])
    assert store.get(key) is None
    store.put(key, b"body")
    data = bytearray(entry.read_bytes())
    data[2] ^= 1
    entry.write_bytes(bytes(data))
    assert store.get(key) is None


def test_the_oldest_go_first(tmp_path: Path) -> None:
    import os

    store = DiskCache(tmp_path)
    keys = [DiskCache.key({"n": n}) for n in range(4)]
    for n, key in enumerate(keys):
        store.put(key, bytes(68))
        os.utime(tmp_path / key[:2] / key, (n, n))
    assert [key for key, _, _ in store.entries()] == keys
    assert store.trim(250) == 2
    assert [key for key, _, _ in store.entries()] == keys[2:]
    assert store.trim(0) == 2


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the cache"):
        DiskCache(tmp_path / "file" / "s").put("0" * 64, b"")
