"""A store that speaks S3, in a process of its own: pictures are read by parts, what vanishes is withheld, no secret is told."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidframe.contract import Context, UnreadablePhoto, UsageError
from deidframe_folder import databases as sources
from deidframe_folder import plugin

s3fs = pytest.importorskip("s3fs")
pytest.importorskip("moto")
KEY, SECRET = "AKIATESTTESTTEST", "a-secret-that-nobody-is-told"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("moto")
    command = [
        shutil.which("moto_server", path=str(Path(sys.executable).parent)) or "moto_server",
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    before = dict(os.environ)
    os.environ.update(
        AWS_ACCESS_KEY_ID=KEY,
        AWS_SECRET_ACCESS_KEY=SECRET,
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
    )
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as ask:
                if ask.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "the store did not start"
            time.sleep(0.1)
        made = s3fs.S3FileSystem(skip_instance_cache=True)
        made.mkdir("faces")
        for name, value in (("fei/1-01.png", 10), ("fei/2-01.png", 20), ("fei/notes.txt", 0)):
            made.pipe_file(f"faces/{name}", bytes(cv2.imencode(".png", np.full((9, 9, 3), value, np.uint8))[1]))
        shard = io.BytesIO()
        with tarfile.open(fileobj=shard, mode="w") as archive:
            for n in range(3):
                data = bytes(cv2.imencode(".png", np.full((9, 9, 3), n, np.uint8))[1]) + bytes(60_000)
                entry = tarfile.TarInfo(f"{n}.png")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        made.pipe_file("faces/shards/faces-000.tar", shard.getvalue())
        yield made
    finally:
        process.terminate()
        process.wait(10)
        os.environ.clear()
        os.environ.update(before)


def fei(path: str) -> sources.Fei:
    return sources.Fei(plugin.TreeParams(path=path), Context(1, Path()))


def test_a_database_in_a_bucket_is_read(store) -> None:  # type: ignore[no-untyped-def]
    photos = fei("s3://faces/fei").load()
    assert photos.ids == ("1-01.png", "2-01.png") and photos.subjects == ("1", "2") and "notes.txt" in photos.skipped
    assert photos.open("2-01.png")[0, 0, 0] == 20
    assert photos.fingerprint is not None
    first = photos.fingerprint("1-01.png")
    assert "-" in first and first != photos.fingerprint("2-01.png")  # the store's own mark: nothing is fetched for it
    shards = sources.Webdataset(plugin.WebdatasetParams(path="s3://faces/shards/faces-{000..000}.tar"), Context(1, Path())).load()
    assert len(shards) == 3 and shards.open("faces-000.tar/2")[0, 0, 0] == 2


def test_what_vanishes_while_it_is_read_is_withheld(store) -> None:  # type: ignore[no-untyped-def]
    photos = fei("s3://faces/fei").load()
    kept = store.cat_file("faces/fei/2-01.png")
    store.rm("faces/fei/2-01.png")
    try:
        with pytest.raises(UnreadablePhoto, match="gone"):
            photos.open("2-01.png")
    finally:
        store.pipe_file("faces/fei/2-01.png", kept)


def test_a_store_that_says_no_is_told_without_its_secrets(store, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    for url in ("s3://no-such-bucket/fei", "s3://faces/none"):
        with pytest.raises(Exception) as told:
            fei(url).load()
        assert SECRET not in str(told.value) and KEY not in str(told.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(UsageError, match="cannot be listed") as unreachable:
        fei("s3://faces/fei").load()
    assert SECRET not in str(unreachable.value)
    s3fs.S3FileSystem.clear_instance_cache()
