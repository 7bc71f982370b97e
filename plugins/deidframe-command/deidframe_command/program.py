"""Run a program on a folder of pictures and read back what it made, believing nothing."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, PluginError
from deidframe_command.plugin import CommandParams

MOST_BYTES = 64 * 2**20
"""Of one picture that comes back."""
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
KEPT = 4_000
"""Bytes of what the program printed that are looked at."""


@dataclass(frozen=True)
class Outcome:
    """What came back.

    Args:
        pictures: name -> `(H, W, 3)` uint8 RGB.
        missing: name -> why there is none.
        extra: files that belong to no name.
    """

    pictures: Mapping[str, NDArray[np.uint8]]
    missing: Mapping[str, str]
    extra: int


def run_program(
    params: CommandParams, context: Context, given: Mapping[str, NDArray[np.uint8]], names: Mapping[str, str]
) -> Outcome:
    """Write pictures, run the program, and read what it made by name.

    Args:
        params: which program.
        context: for a folder, and for what is said.
        given: file without its ending, with folders -> picture.
        names: what is expected back, file without its ending -> the size it has to have is that of `given[names[...]]`, which
            it must not equal; "" where it stands for no one picture.

    Raises:
        PluginError: the program is not there, failed, or took too long; nothing of it is used.
    """
    with tempfile.TemporaryDirectory(dir=context.scratch, prefix="command-", ignore_cleanup_errors=True) as room:
        source, made, home = (Path(room) / name for name in ("input", "output", "home"))
        for folder in (source, made, home):
            folder.mkdir()
        for name, picture in given.items():
            path = source / f"{name}.{params.format}"
            path.parent.mkdir(parents=True, exist_ok=True)
            quality = [cv2.IMWRITE_JPEG_QUALITY, 98] if params.format == "jpg" else []
            if not cv2.imwrite(str(path), np.ascontiguousarray(picture[:, :, ::-1]), quality):
                raise PluginError(f"command: cannot write {path.name} for the program")
        stands_for = {"{input}": str(source), "{output}": str(made), "{python}": sys.executable}
        words = [functools.reduce(lambda word, one: word.replace(*one), stands_for.items(), word) for word in params.run]
        before = {path: path.stat().st_mtime_ns for path in _files(source)}
        _run(params, context, words, home)
        found: dict[str, list[Path]] = {}
        extra = 0
        # some programs write beside what they were given, or over it
        back = [*_files(made), *(path for path in _files(source) if path.stat().st_mtime_ns != before.get(path))]
        for path in back:
            whose = _name_of(path, made if path.is_relative_to(made) else source, names)
            if whose is None:
                extra += 1
            else:
                found.setdefault(whose, []).append(path)
        pictures: dict[str, NDArray[np.uint8]] = {}
        missing: dict[str, str] = {}
        for name, original in names.items():
            back_again, why = _picture(found.get(name, []), given.get(original))
            if back_again is None:
                missing[name] = why
            else:
                pictures[name] = back_again
        return Outcome(pictures, missing, extra)


def _files(folder: Path) -> list[Path]:
    """Return the files in a folder and below, links left out: they show what lies elsewhere."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]


def _name_of(path: Path, root: Path, names: Mapping[str, str]) -> str | None:
    """Return whose picture a file is: of the same place, its name the same or followed by a sign and more (`_anonymized`)."""
    if path.suffix.lower() not in PICTURES:
        return None
    whole = path.relative_to(root).with_suffix("").as_posix()
    if whole in names:
        return whole
    cut = [name for name in names if whole.startswith(name) and not whole[len(name)].isalnum()]
    return cut[0] if len(cut) == 1 else None


def _picture(paths: list[Path], original: NDArray[np.uint8] | None) -> tuple[NDArray[np.uint8] | None, str]:
    if not paths:
        return None, "the program made no picture of it"
    if len(paths) > 1:
        return None, f"the program made {len(paths)} pictures of it"
    if paths[0].stat().st_size > MOST_BYTES:
        return None, "the program made a file of it that is too large to be looked at"
    try:
        decoded = cv2.imdecode(np.frombuffer(paths[0].read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        decoded = None
    if decoded is None:
        return None, "what the program made of it cannot be opened"
    picture = np.ascontiguousarray(decoded[:, :, ::-1]).astype(np.uint8)
    if original is not None and picture.shape != original.shape:
        height, width = picture.shape[:2]
        return None, f"the program made another size of it ({width} x {height})"
    if original is not None and np.array_equal(picture, original):
        return None, "the program left it as it was"
    return picture, ""


def _run(params: CommandParams, context: Context, words: list[str], home: Path) -> None:
    """Run the program in an environment of its own, in a session that is ended whole."""
    path = os.environ.get("PATH", os.defpath)
    program = shutil.which(words[0], path=path)
    if program is None:
        raise PluginError(f"command: there is no program {words[0]!r}; install it, or give its path")
    environment = {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", **params.environment}
    jail = [] if params.network else list(_without_network())
    if not params.network and not jail:
        context.log("command: this machine cannot run a program without a network; that it opens no connection is not held")
    with tempfile.TemporaryFile(dir=home) as said:
        process = subprocess.Popen(
            [*jail, program, *words[1:]],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(params.seconds)
        except subprocess.TimeoutExpired:
            raise PluginError(f"command: {words[0]} took more than {params.seconds:g} s and was ended") from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left behind, too
            process.wait()
        if code:
            said.seek(0, os.SEEK_END)
            said.seek(max(0, said.tell() - KEPT))
            lines = said.read().decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            last = lines[-1].replace(str(home.parent), "")[:200]
            raise PluginError(f"command: {words[0]} ended with {code}: {last}")


@functools.cache
def _without_network() -> tuple[str, ...]:
    """Return what runs a program without a network, nothing where this machine lets nobody do that."""
    words = ("unshare", "--net", "--map-current-user", "--")
    if shutil.which("unshare") is None:
        return ()
    try:
        done = subprocess.run([*words, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return words if done.returncode == 0 else ()
