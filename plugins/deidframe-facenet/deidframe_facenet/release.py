"""Fetch weights from facenet-pytorch's own releases once; what came first is what every later use has to be."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import urllib.request
from pathlib import Path

from deidframe.contract import Context, WeightsError
from deidframe.models import cache_folder

ADDRESS = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
FILES = {"vggface2": "20180402-114759-vggface2.pt", "casia-webface": "20180408-102900-casia-webface.pt"}
"""As facenet-pytorch 2.5.3 names them in `models/inception_resnet_v1.py`."""
TIMEOUT = 60.0


def released_weights(name: str, context: Context, sha256: str | None, address: str = ADDRESS) -> Path:
    """Return the cached file, fetched on first use; its hash is then recorded beside it and holds from then on.

    Upstream publishes no hash, and two public ones of the VGGFace2 file disagree: nothing but the recorded one (or the recipe's)
    can be trusted.

    Raises:
        WeightsError: offline and not here; it cannot be fetched; or it is not the file that was recorded or asked for.
    """
    target = cache_folder() / "facenet" / FILES[name]
    record = target.with_suffix(".sha256")
    if not target.is_file():
        if context.offline:
            raise WeightsError(
                f"encoder facenet: {target.name} is not here and nothing may be fetched; run once without --offline"
            )
        _fetch(address + FILES[name], target, record, sha256, context)
    with target.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    recorded = record.read_text().strip() if record.is_file() else ""
    if digest != recorded:
        raise WeightsError(f"encoder facenet: {target} has changed since it was fetched; remove it to fetch it again")
    return target


def _fetch(url: str, target: Path, record: Path, sha256: str | None, context: Context) -> None:
    context.log(f"  facenet: fetching {url}")
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as stream, urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            shutil.copyfileobj(answer, stream)
        with Path(part).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if sha256 is not None and digest != sha256:
            raise WeightsError(f"encoder facenet: {url} gave sha256 {digest}, expected {sha256}; nothing was kept")
        record.write_text(digest + "\n")
        Path(part).replace(target)
        context.log(f"  facenet: recorded sha256 {digest}; pin it with params.sha256")
    except OSError as error:
        raise WeightsError(f"encoder facenet: {url} cannot be fetched: {error}; give a file by params.weights") from None
    finally:
        Path(part).unlink(missing_ok=True)
