"""Read encodings, whatever file they are in."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.contract import Context, Embeddings, NothingToDo, UsageError
from deidframe.contract.encodings import checked_encodings, read_encodings
from deidframe_encodings.legacy import read_legacy
from deidframe_encodings.plugin import EncodingsParams


class EncodingsSource:
    """Source `encodings`.

    Args:
        params: which file and how.
        context: its scratch is where the child process leaves what it read.
    """

    def __init__(self, params: EncodingsParams, context: Context) -> None:
        self._params, self._scratch = params, context.scratch

    def load(self) -> Embeddings:
        """Return the encodings.

        Raises:
            UsageError: missing, of an unknown kind, damaged, of another hash, or holding what is no encoding.
            NothingToDo: the file holds no encoding.
        """
        path = self._params.path.expanduser()
        if not path.is_file():
            raise UsageError(f"source encodings: {str(path)!r} is not a file; set source.params.path")
        if self._params.sha256 is not None:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest != self._params.sha256:
                raise UsageError(f"source encodings: {path.name} has sha256 {digest}, expected {self._params.sha256}")
        readers = {
            ".npz": read_encodings,
            ".npy": _read_npy,
            ".parquet": _read_parquet,
            ".pickle": self._read_pickle,
            ".pkl": self._read_pickle,
        }
        if path.suffix.lower() not in readers:
            raise UsageError(f"source encodings: {path.name} has none of the endings {', '.join(readers)}")
        found = readers[path.suffix.lower()](path)
        if not len(found):
            raise NothingToDo(f"source encodings: {path.name} holds no encoding")
        if self._params.space is not None:
            found = Embeddings(found.ids, found.vectors, self._params.space, found.subjects)
        if self._params.normalise:
            zero = [i for i, v in zip(found.ids, found.vectors, strict=True) if not v.any()]
            if zero:
                raise UsageError(f"source encodings: {path.name}: {zero[0]!r} is a zero vector and cannot be scaled to length 1")
            found = found.unit()
        return found

    def _read_pickle(self, path: Path) -> Embeddings:
        return read_legacy(path, self._scratch, self._params.memory_mb)


def _read_npy(path: Path) -> Embeddings:
    try:
        with path.open("rb") as stream:
            vectors = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UsageError(f"{path.name}: is not an .npy file of numbers: {error}") from None
    if vectors.ndim != 2:
        raise UsageError(f"{path.name}: expected shape (N, D), got {vectors.shape}")
    return checked_encodings(path.name, tuple(f"{n:06d}" for n in range(len(vectors))), vectors, "unknown", None)


def _read_parquet(path: Path) -> Embeddings:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow: python -m pip install pyarrow") from None
    try:
        table: Any = parquet.read_table(path)
        columns = table.column_names
        if "vector" not in columns:
            raise UsageError(f"{path.name}: has the columns {', '.join(columns)}; expected id, vector and perhaps subject")
        vectors, lengths = _rows(table)
        ids = tuple(map(str, table["id"].to_pylist())) if "id" in columns else tuple(f"{n:06d}" for n in range(len(vectors)))
        subjects = tuple(map(str, table["subject"].to_pylist())) if "subject" in columns else None
        if "scale" in columns:  # whole numbers, each row's times its own scale
            vectors = vectors * np.asarray(table["scale"].to_numpy(), np.float32)[:, None]
        about = json.loads((table.schema.metadata or {}).get(b"deidframe", b"{}"))
        space = str(about.get("space", "unknown")) if isinstance(about, dict) else "unknown"
    except UsageError:
        raise
    except Exception as error:  # pyarrow has a class of its own for each kind of damage
        raise UsageError(f"{path.name}: is not a Parquet file of encodings: {error}") from None
    if len(lengths) > 1:
        raise UsageError(f"{path.name}: vectors have different lengths: {sorted(lengths)[:5]}")
    return checked_encodings(path.name, ids, vectors, space, subjects)


def _rows(table: Any) -> tuple[np.ndarray[Any, Any], set[int]]:
    """Return the vectors `(N, D)`, and their lengths, of which there should be one."""
    import pyarrow as arrow

    column = table["vector"].combine_chunks()
    if arrow.types.is_fixed_size_list(column.type):  # without a Python object for each number
        width = column.type.list_size
        return np.asarray(column.flatten()).astype(np.float32).reshape(-1, width), {width}
    rows = column.to_pylist()
    lengths = {len(row) for row in rows}
    whole = np.array(rows, np.float32).reshape(len(rows), -1) if len(lengths) <= 1 else np.zeros((0, 1), np.float32)
    return whole, lengths
