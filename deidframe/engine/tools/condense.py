"""The condensed data set: encodings in a column file, in fewer bits where that is asked for, under names that say nothing."""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings
from deidframe.contract.encodings import encodings_bytes
from deidframe.contract.errors import UsageError
from deidframe.engine.release.packing import pyarrow
from deidframe.record.write import write_bytes

Precision = Literal["float32", "float16", "int8"]
ROWS = 50_000
"""Rows of a row group."""
SAMPLE = 2000
"""Rows of which it is looked whether their nearest neighbour stays the same."""
KEY = 32


@dataclass(frozen=True)
class Condensed:
    """What was written, and what it cost.

    Args:
        size: bytes.
        mean, most: distance of a stored encoding from its original, unit encodings.
        neighbours: share of rows whose nearest other row is the same as before.
    """

    size: int
    mean: float
    most: float
    neighbours: float

    @property
    def words(self) -> str:
        """What a person is told."""
        return (
            f"{self.size / 1e6:.2f} MB; stored encodings lie {self.mean:.2g} (at most {self.most:.2g}) from what they were, and"
            f" {100 * self.neighbours:.1f} of 100 keep their nearest neighbour"
        )


def checked_target(target: Path, precision: Precision) -> Path:
    """Return a file to be written, refused before anything is computed where its ending and the precision do not fit.

    Raises:
        UsageError: they do not. PluginError: pyarrow is missing.
    """
    if target.suffix not in (".npz", ".parquet"):
        raise UsageError(f"{str(target)!r}: expected a name that ends in .npz or .parquet")
    if target.suffix == ".npz" and precision != "float32":
        raise UsageError(f"an .npz of encodings has float32; {precision} needs a name that ends in .parquet")
    if target.suffix == ".parquet":
        pyarrow()
    return target


def condense(target: Path, encodings: Embeddings, precision: Precision = "float32", key: Path | None = None) -> Condensed:
    """Write encodings to `.npz` or `.parquet`, and say what was lost.

    Args:
        target: new file.
        precision: of the numbers in Parquet; an `.npz` has float32.
        key: file of a secret under which ids and people are told by their HMAC alone; made where it is not there.

    Raises:
        UsageError: another ending, or fewer bits in an `.npz`, or a key file that is none. PluginError: pyarrow is missing.
    """
    checked_target(target, precision)
    told = encodings if key is None else keyed(encodings, _key(key))
    if target.suffix == ".npz":
        data = encodings_bytes(told)
        write_bytes(target, data, private=True)
        return Condensed(len(data), 0.0, 0.0, 1.0)
    stored, scales = quantized(told.vectors, precision)
    data = _table(told, stored, scales, precision)
    write_bytes(target, data, private=True)
    back = stored.astype(np.float32) * (scales[:, None] if scales is not None else np.float32(1))
    mean, most = _lost(told.vectors, back)
    return Condensed(len(data), mean, most, _same_neighbours(told.vectors, back))


def quantized(vectors: NDArray[np.float32], precision: Precision) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    """Return numbers in fewer bits, and for int8 what each row is multiplied by: its largest number over 127."""
    if precision != "int8":
        return vectors.astype(precision), None
    scales = np.abs(vectors).max(axis=1, initial=0).astype(np.float32) / np.float32(127)
    safe = np.where(scales > 0, scales, np.float32(1))
    return np.rint(vectors / safe[:, None]).astype(np.int8), scales


def keyed(encodings: Embeddings, key: bytes) -> Embeddings:
    """Return the same under ids and people that only the key's owner can tell."""

    def told(name: str) -> str:
        return hmac.digest(key, name.encode("utf-8", "surrogateescape"), "sha256").hex()[:20]

    subjects = None if encodings.subjects is None else tuple(told(f"person {one}") for one in encodings.subjects)
    return Embeddings(tuple(told(one) for one in encodings.ids), encodings.vectors, encodings.space, subjects)


def _key(path: Path) -> bytes:
    if not path.exists():
        write_bytes(path, secrets.token_bytes(KEY), private=True)
    key = path.read_bytes()
    if len(key) != KEY:
        raise UsageError(f"{str(path)!r} is no key: expected {KEY} bytes, found {len(key)}")
    return key


def _table(told: Embeddings, stored: NDArray[Any], scales: NDArray[np.float32] | None, precision: Precision) -> bytes:
    arrow, parquet = pyarrow()
    width = stored.shape[1]
    flat = arrow.array(np.ascontiguousarray(stored).reshape(-1))
    columns: dict[str, Any] = {"id": arrow.array(list(told.ids)), "vector": arrow.FixedSizeListArray.from_arrays(flat, width)}
    if scales is not None:
        columns["scale"] = arrow.array(scales)
    if told.subjects is not None:
        columns["subject"] = arrow.array(list(told.subjects))
    about = {"deidframe": json.dumps({"space": told.space, "precision": precision})}
    table = arrow.table(columns).replace_schema_metadata(about)
    out = arrow.BufferOutputStream()
    shared: Any = ["subject"] if told.subjects is not None else False  # numbers hardly repeat
    parquet.write_table(table, out, row_group_size=ROWS, compression="zstd", use_dictionary=shared)
    return bytes(out.getvalue())


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    table = rows.astype(np.float64)
    out: NDArray[np.float64] = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    return out


def _lost(before: NDArray[np.float32], after: NDArray[np.float32]) -> tuple[float, float]:
    if not len(before):
        return 0.0, 0.0
    apart = np.concatenate(
        [np.linalg.norm(_unit(before[n : n + ROWS]) - _unit(after[n : n + ROWS]), axis=1) for n in range(0, len(before), ROWS)]
    )
    return float(apart.mean()), float(apart.max())


def _same_neighbours(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Return how many of a sample of rows keep their nearest other row of that sample."""
    rows = (
        np.unique(np.linspace(0, len(before) - 1, min(SAMPLE, len(before))).astype(np.int64)) if len(before) else np.zeros(0, int)
    )
    if len(rows) < 2:
        return 1.0
    nearest = []
    for table in (_unit(before[rows]), _unit(after[rows])):
        alike = table @ table.T
        np.fill_diagonal(alike, -np.inf)
        nearest.append(alike.argmax(axis=1))
    return float((nearest[0] == nearest[1]).mean())
