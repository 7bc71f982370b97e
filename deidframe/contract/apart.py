"""Files that are programs, such as pickles: read by a child process that takes its own limits and writes what it found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deidframe.contract.errors import DeidframeError


def read_apart(
    script: Path,
    source: Path,
    target: Path,
    *,
    wanted: str,
    raises: type[DeidframeError],
    memory_mb: int,
    seconds: int,
    name: str = "",
) -> None:
    """Run `python -I SCRIPT SOURCE TARGET MEMORY_MB` and hold it to its word.

    The script imports nothing of the project, sets RLIMIT_AS and RLIMIT_CPU before it opens the source, and ends with
    `sys.exit(REASON)` when it refuses. Whether TARGET may be trusted is for the caller to check: it is data, like any file.

    Args:
        script: the child.
        source, target: what it reads, and the file that it writes.
        wanted: what the source should be, in words ("a legacy list of encodings").
        raises: the error for all that goes wrong.
        memory_mb: address space in MiB.
        seconds: time on the clock.
        name: what to call the source; by default its file's name.

    Raises:
        DeidframeError: of the kind `raises`, when the child refuses, ends early, takes too long or writes nothing.
    """
    name = name or source.name
    child = [sys.executable, "-I", str(script), str(source), str(target), str(memory_mb)]
    try:
        done = subprocess.run(child, capture_output=True, text=True, timeout=seconds, errors="replace", check=False)
    except subprocess.TimeoutExpired:
        raise raises(f"{name}: was not read within {seconds} s; it is not {wanted}") from None
    if done.returncode or not target.is_file():
        said = (done.stderr.strip().splitlines() or [f"the child process ended with {done.returncode}"])[-1]
        raise raises(f"{name}: is not {wanted} that can be trusted: {said[:300]}")
