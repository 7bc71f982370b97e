"""The file in which encodings travel: one `.npz` with ids, vectors, space and, where they are known, people."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from deidframe.contract.artifacts import Embeddings
from deidframe.contract.errors import ArtifactError, UsageError


def encodings_bytes(encodings: Embeddings) -> bytes:
    """Return the file's bytes: arrays `ids`, `vectors` (float32), `space`, and `subjects` where people are known."""
    held = {"ids": np.array(encodings.ids), "vectors": encodings.vectors, "space": np.array(encodings.space)}
    if encodings.subjects is not None:
        held["subjects"] = np.array(encodings.subjects)
    out = io.BytesIO()
    np.savez(out, **held)  # type: ignore[arg-type]
    return out.getvalue()


def read_encodings(path: Path) -> Embeddings:
    """Return the encodings of a `.npz` of ours. Nothing in it is ever unpickled.

    Raises:
        UsageError: the file is missing, is no such file, or what it holds does not fit together.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            missing = [name for name in ("ids", "vectors") if name not in held]
            if missing:
                raise UsageError(
                    f"{path.name}: holds no array called {missing[0]!r}; expected ids, vectors, space and perhaps subjects"
                )
            space = str(held["space"]) if "space" in held else "unknown"
            subjects = tuple(held["subjects"].tolist()) if "subjects" in held else None
            ids, vectors = tuple(map(str, held["ids"].tolist())), held["vectors"]
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise UsageError(f"{path.name}: is not an .npz file of encodings: {error}") from None
    return checked_encodings(path.name, ids, vectors, space, subjects)


def checked_encodings(
    name: str, ids: tuple[str, ...], vectors: object, space: str, subjects: tuple[str, ...] | None
) -> Embeddings:
    """Return the parts as `Embeddings`, with errors that say which file is at fault.

    Raises:
        UsageError: not numbers, not `(N, D)`, not finite, or ids that are not distinct.
    """
    try:
        table = np.asarray(vectors)
        if table.dtype.kind not in "fiu":
            raise UsageError(f"{name}: vectors are of type {table.dtype}, expected numbers")
        return Embeddings(ids, np.ascontiguousarray(table, np.float32), space, subjects)
    except ArtifactError as error:
        raise UsageError(f"{name}: {error}") from None
