"""Read a run folder back."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from deidframe.contract.errors import UsageError
from deidframe.record.schema import Cell


@dataclass(frozen=True)
class Record:
    """A finished run.

    Args:
        folder: where it lies.
        run: `run.json`.
        cells: every row, in order.
    """

    folder: Path
    run: dict[str, Any]
    cells: tuple[Cell, ...]

    @property
    def scene(self) -> dict[str, Any] | None:
        """What was gathered of whole photos and videos, None where pictures of faces were released."""
        found: dict[str, Any] | None = self.run.get("scene")
        return found

    @property
    def audits(self) -> dict[str, list[dict[str, Any]]]:
        """Method -> what was seen, without a recogniser, of a release that another tool made."""
        out = {}
        for cell in self.methods:
            path = self.folder / "figures" / "audits" / f"{cell.slug}.json"
            if cell.foreign and path.is_file():
                out[cell.method] = json.loads(path.read_text("utf-8"))
        return out

    @property
    def methods(self) -> tuple[Cell, ...]:
        """The row of each method itself."""
        return tuple(c for c in self.cells if not c.attack)

    def attacks_on(self, method: str) -> tuple[Cell, ...]:
        """The rows of one method under attack."""
        return tuple(c for c in self.cells if c.attack and c.method == method)

    @property
    def clear(self) -> tuple[Cell, ...]:
        """The rows that say how good the matcher is on untouched faces."""
        return tuple(c for c in self.cells if c.threat == "clear")


def read_run(folder: Path) -> Record:
    """Read `run.json` and `cells.jsonl`.

    Raises:
        UsageError: the folder holds no finished run, or a record is damaged.
    """
    known = {f.name for f in fields(Cell)}
    try:
        facts = _plain((folder / "run.json").read_text("utf-8", "surrogateescape"))
        lines = (folder / "cells.jsonl").read_text("utf-8", "surrogateescape").splitlines()
        cells = tuple(Cell(**{k: v for k, v in _plain(line).items() if k in known}) for line in lines if line)
    except FileNotFoundError as error:
        raise UsageError(f"{str(folder)!r} holds no finished run: {Path(str(error.filename)).name} is missing") from None
    except (ValueError, TypeError) as error:
        raise UsageError(f"{str(folder)!r}: a record is damaged: {error}") from None
    return Record(folder, facts, cells)


def _plain(text: str) -> Any:
    """Return a JSON document; what no record holds, NaN and infinities, is refused."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no figure")

    found = json.loads(text, parse_constant=refuse)
    if not isinstance(found, dict):
        raise ValueError(f"expected an object, found {type(found).__name__}")
    return found
