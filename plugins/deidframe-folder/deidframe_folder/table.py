"""Tables as offices write them: commas, semicolons or tabs, UTF-8 or Windows' Latin, columns in any letter case."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from deidframe.contract import UsageError

BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
LATIN = "{} is not UTF-8 and was read as Windows-1252; check names with accents"
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Table:
    """A table that was read.

    Args:
        columns: their names, in small letters.
        lines: line number and column -> text.
        notes: what was assumed.
        encoding: of its text.
    """

    columns: tuple[str, ...]
    lines: tuple[tuple[int, dict[str, str]], ...]
    notes: tuple[str, ...]
    encoding: str


def read_table(path: Path) -> Table:
    """Read a table that has at least a column `path`.

    Raises:
        UsageError: it cannot be read, or has no such column; what it has is named.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"source folder: cannot read {path.name}: {error.strerror}") from None
    text, encoding = _text(path, data)
    head = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise UsageError(f"source folder: {path.name} is not a CSV: {error}") from None
    columns = tuple(name.strip().casefold() for name in rows[0][1]) if rows else ()
    if "path" not in columns:
        listed = ", ".join(rows[0][1]) if rows else "nothing"
        raise UsageError(f"source folder: {path.name}:1: expected the columns path and person; got {listed}")
    double = next((name for name in columns if columns.count(name) > 1), None)
    if double is not None:
        raise UsageError(f"source folder: {path.name}:1: the column {double} occurs twice")
    lines = tuple((number, dict(zip(columns, row, strict=False))) for number, row in rows[1:])
    return Table(columns, lines, (LATIN.format(path.name),) if encoding == "cp1252" else (), encoding)


def _text(path: Path, data: bytes) -> tuple[str, str]:
    """Return the text and its encoding."""
    encoding = next((name for mark, name in BOMS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError as error:
        raise UsageError(
            f"source folder: {path.name} is neither UTF-8 nor Windows-1252 text ({error.reason} at byte {error.start})"
        ) from None
