"""What has to be true of a record that somebody else wrote before it is set beside others; nothing in it is executed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deidframe.contract.errors import UsageError
from deidframe.record.read import Record, read_run
from deidframe.record.schema import METRICS, SCHEMA

TEXT = 400
"""Characters of a name or a reason, at most."""
MOST = 64 * 2**20
"""Bytes of a record, at most."""
TEXTS = ("method", "slug", "attack", "reason", "threat", "gallery", "encoder", "settings", "protocol")
KINDS: dict[str, type | tuple[type, ...]] = {
    "seed": int,
    "sees": (list, tuple),
    "metrics": dict,
    "protects": bool,
    "grouping": bool,
    "foreign": bool,
}
COUNTS = ("people", "total", "released", "withheld", "failed", "candidates", "probes", "missed")


def read_checked(folder: Path) -> Record:
    """Read a finished run and refuse what is not one.

    Raises:
        UsageError: it is unfinished, of another version, or a row holds what no run writes; it says which and where.
    """
    for name in ("run.json", "cells.jsonl"):
        path = folder / name
        if path.is_file() and path.stat().st_size > MOST:
            raise UsageError(f"{str(path)!r} has more than {MOST:,} bytes: no run writes so much")
    record = read_run(folder)
    run = record.run
    if not isinstance(run, dict) or not isinstance(run.get("source"), dict):
        raise UsageError(f"{str(folder)!r}: run.json does not say what was read")
    if run.get("status") != "finished":
        raise UsageError(
            f"{str(folder)!r} is not finished ({_short(run.get('status'))}); the same `deidframe run` goes on with it"
        )
    lines = (folder / "cells.jsonl").read_text("utf-8", "surrogateescape").splitlines()
    for number, line in enumerate((line for line in lines if line), 1):
        said = json.loads(line)
        where = f"{str(folder)!r}, cells.jsonl, row {number}"
        if said.get("schema") != SCHEMA or said.get("metrics_version") != METRICS:
            raise UsageError(
                f"{where}: schema {said.get('schema')}, metrics {said.get('metrics_version')}; this version compares schema"
                f" {SCHEMA}, metrics {METRICS}: run the recipe again"
            )
    for number, cell in enumerate(record.cells, 1):
        wrong = _wrong(vars(cell))
        if wrong:
            raise UsageError(f"{str(folder)!r}, cells.jsonl, row {number}: {wrong}")
    return record


def digest(folder: Path) -> str:
    """Return the sha256 of a run's rows, by which two people know that they speak of the same."""
    return hashlib.sha256((folder / "cells.jsonl").read_bytes()).hexdigest()


def _wrong(cell: Mapping[str, Any]) -> str:
    """Return what no run would have written into a row, "" where nothing is."""
    if not all(isinstance(cell[name], str) and len(cell[name]) <= TEXT for name in TEXTS):
        return f"one of {', '.join(TEXTS)} is no text of at most {TEXT} characters"
    if cell["slug"] in ("", ".", "..") or "/" in cell["slug"] or "\0" in cell["slug"]:
        return f"slug {_short(cell['slug'])} is no folder's name"
    if cell["status"] not in ("ok", "failed", "refused"):
        return f"status {_short(cell['status'])}"
    if not all(_whole(cell[name]) for name in COUNTS):
        return f"one of {', '.join(COUNTS)} is no whole number of at least 0"
    if not all(cell[name] is None or (_whole(cell[name]) and cell[name] > 0) for name in ("k", "k_counted")):
        return "k is no whole number above 0"
    for name, kind in KINDS.items():
        if not isinstance(cell[name], kind):
            return f"{name} is of another kind: {_short(cell[name])}"
    for name, value in cell["metrics"].items():
        figure = value if isinstance(value, dict) else {"value": value}
        if isinstance(value, dict) and not {"value", "low", "high", "n"} <= set(value):
            return f"figure {_short(name)} lacks one of value, low, high, n"
        if not all(isinstance(one, (int, float)) and math.isfinite(one) for one in figure.values()):
            return f"figure {_short(name)} is no finite number"
        if isinstance(value, dict) and not value["low"] - 1e-9 <= value["value"] <= value["high"] + 1e-9 and _is_rate(name):
            return f"figure {_short(name)} lies outside its own interval"
        if _is_rate(name) and not -1e-9 <= figure["value"] <= 1 + 1e-9:
            return f"figure {_short(name)} is no share between 0 and 1"
    return ""


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_rate(name: str) -> bool:
    return name.startswith(("rank", "bound", "chance", "control"))


def _short(value: Any) -> str:
    return json.dumps(value, default=str)[:80]


def rows_missing(record: Record) -> Mapping[str, list[str]]:
    """Return method -> attacks of this run that have no row for it, where it was released or measured."""
    attacks = list(dict.fromkeys(c.attack for c in record.cells if c.attack and c.threat != "clear"))
    out = {}
    for cell in record.methods:
        if cell.grouping or cell.status != "ok":
            continue
        there = {c.attack for c in record.attacks_on(cell.method)}
        left = [name for name in attacks if name not in there]
        if left:
            out[cell.method] = left
    return out
