"""The child process: `python -I unpickle.py IN.pickle OUT.npz MEMORY_MB`. It imports nothing of the project."""

from __future__ import annotations

import pickle
import resource
import sys
from typing import Any

import numpy as np

CPU_SECONDS = 240


class Refused(Exception):
    """The pickle names something that no encoding needs."""


class NumpyOnly(pickle.Unpickler):
    """Resolves the three names that numpy needs to rebuild an array, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the one allowed object of this name."""
        if (module, name) in (("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")):
            return _array_only
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        raise Refused(f"it names {module}.{name}, which no encoding needs")


def _array_only(kind: Any, shape: Any, code: Any) -> np.ndarray:
    if kind is not np.ndarray or shape != (0,):
        raise Refused("it rebuilds something that is not an array")
    return np.ndarray((0,), np.int8)


def main(source: str, target: str, memory_mb: int) -> None:
    """Read, check, and write ids and vectors."""
    limit = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    with open(source, "rb") as stream:  # noqa: PTH123 - nothing more than needed is imported here
        rows = NumpyOnly(stream).load()
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "encoding" in row for row in rows):
        raise Refused("it is not a list of dictionaries that each hold an encoding")
    vectors = [np.asarray(row["encoding"]) for row in rows]
    for place, vector in enumerate(vectors):
        if vector.dtype.kind not in "fiu" or vector.size == 0:
            raise Refused(f"entry {place} has an encoding of type {vector.dtype} and shape {vector.shape}, expected numbers")
        if vector.size != vectors[0].size:
            raise Refused(f"entry {place} has {vector.size} dimensions, the first has {vectors[0].size}")
    table = np.stack([v.reshape(-1).astype(np.float32) for v in vectors]) if vectors else np.zeros((0, 1), np.float32)
    seen: dict[str, int] = {}
    ids = []
    for place, row in enumerate(rows):
        path = row.get("imagePath")
        name = path if isinstance(path, str) and path else f"{place:06d}"
        seen[name] = seen.get(name, 0) + 1
        ids.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    np.savez(target, ids=np.array(ids, dtype=str), vectors=table, space=np.array("unknown"))


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except MemoryError:
        sys.exit("it wants more memory than it is given")
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
