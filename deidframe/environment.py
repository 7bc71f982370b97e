"""What other libraries would write, send or change by themselves: every file of theirs lies in our cache, and nothing leaves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDERS = {"MPLCONFIGDIR": "matplotlib", "NUMBA_CACHE_DIR": "numba", "TORCHINDUCTOR_CACHE_DIR": "torch"}
"""Environment variable -> folder in our cache; each is read when its library is imported."""
SETTINGS = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""Environment variable -> value: CUDA's products sum in one order only with this one, read when the first is asked for."""
TELEMETRY = ("openvino_telemetry",)
"""Packages that other libraries import to report their use. Named as absent, OpenVINO takes a stub of its own in their place."""


def cache_folder() -> Path:
    """Return the folder of all that can be fetched or made again: `$DEIDFRAME_CACHE`, or `deidframe` in the user's cache."""
    chosen = os.environ.get("DEIDFRAME_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "deidframe"


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def contain_libraries() -> None:
    """Let no library that is imported from here on report its use, write beside our cache, or sum in an order that changes.

    `import openvino` writes a client id under the user's home and asks a name server from a child process, `import matplotlib`
    writes two folders, numba writes beside the code that it compiles, torch leaves a folder of its compiler's among temporary
    files. Child processes inherit the folders. It costs nothing and may be called any number of times; what the user has set is
    kept.
    """
    for name in TELEMETRY:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    for variable, folder in FOLDERS.items():
        os.environ.setdefault(variable, str(cache_folder() / folder))
    for variable, value in SETTINGS.items():
        os.environ.setdefault(variable, value)
