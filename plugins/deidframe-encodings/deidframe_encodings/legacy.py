"""The original work's `encodings.pickle`, a list of `{imagePath, loc, encoding}`, read by a child that trusts nothing in it.

A pickle is a program. It is run in a process of its own, with a memory and a time limit, by an unpickler that knows three names:
what numpy needs to rebuild an array. What comes back is a `.npz`, checked like any other.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from deidframe.contract import Embeddings, UsageError
from deidframe.contract.apart import read_apart
from deidframe.contract.encodings import read_encodings

SECONDS = 300
"""What the child may take."""


def read_legacy(path: Path, scratch: Path, memory_mb: int = 4096) -> Embeddings:
    """Return the encodings of a legacy pickle; ids are the picture's path, with `#2` for its second face.

    Args:
        path: the pickle.
        scratch: where the child writes.
        memory_mb: address space that the child may take.

    Raises:
        UsageError: damaged, of another shape, naming anything that is not allowed, or over a limit.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        out = Path(folder) / "read.npz"
        read_apart(
            Path(__file__).with_name("unpickle.py"),
            path,
            out,
            wanted="a legacy list of encodings",
            raises=UsageError,
            memory_mb=memory_mb,
            seconds=SECONDS,
        )
        return read_encodings(out)
