"""By kind of people: whom the strongest attack matches more often, and of whom less is kept; differences in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deidframe.record.read import Record
from deidframe.report.columns import Column, Estimate, Line, Table, Value
from deidframe.report.rows import Row, judges, rows, shown

TIMES = 1.1
"""A difference that is smaller than a tenth is in the tables, and not in a sentence."""


@dataclass(frozen=True)
class Kind:
    """A class of people under one method: its name, the figures of the strongest attack on it, and of the method itself."""

    attacked: Mapping[str, Any]
    kept: Mapping[str, Any]


def columns_of(record: Record) -> list[str]:
    """Return the attributes by which any figure is told."""
    return sorted({column for cell in record.cells for column in cell.by})


def apart_table(record: Record, column: str) -> Table[Kind]:
    """Return the strongest attack, the loss and the faces found by class of one attribute, a line a method and class."""
    judge = next(iter(judges(record)), "")

    def read(name: str, *, attacked: bool) -> Column[Kind]:
        heads = {"rank1": "rank-1,\nstrongest", f"loss.{judge}": f"loss,\n{judge}", "faces_found": "found"}

        def value(kind: Kind) -> Value:
            return Estimate.of((kind.attacked if attacked else kind.kept).get(name))

        return Column(heads[name], value, metric=name)

    columns: tuple[Column[Kind], ...] = (
        Column("people", lambda kind: next((f["n"] for f in (*kind.kept.values(), *kind.attacked.values())), None)),
        read("rank1", attacked=True),
        read(f"loss.{judge}", attacked=False),
        read("faces_found", attacked=False),
    )
    lines = []
    for row in rows(record):
        kept, attacked = row.cell.by.get(column, {}), row.worst.by.get(column, {}) if row.worst else {}
        for value in dict.fromkeys((*kept, *attacked)):
            kind = Kind(attacked.get(value, {}), kept.get(value, {}))
            lines.append(Line(f"{row.cell.method}: {value}", kind))
    return Table(f"method, {column}", columns, tuple(lines))


def said(record: Record) -> list[str]:
    """Return a sentence for each difference of a tenth or more that lies beyond both intervals, the largest first."""
    judge = next(iter(judges(record)), "")
    out: list[tuple[float, str]] = []
    for row in rows(record):
        if not (row.cell.protects or row.cell.foreign) or row.cell.status != "ok":
            continue
        if row.worst is not None:
            attack = f'are matched by the attack "{row.worst.attack}"'
            out += _differences(row, row.worst.by, "rank1", attack, "often")
        out += _differences(row, row.cell.by, f"loss.{judge}", f"are changed, in {judge},", "much")
    return [sentence for _, sentence in sorted(out, key=lambda one: -one[0])]


def _differences(
    row: Row, by: Mapping[str, Mapping[str, Mapping[str, Any]]], name: str, what: str, how: str
) -> list[tuple[float, str]]:
    out = []
    for column, classes in by.items():
        found = {value: figures[name] for value, figures in classes.items() if name in figures}
        if len(found) < 2:
            continue
        most = max(found, key=lambda value: found[value]["value"])
        least = min(found, key=lambda value: found[value]["value"])
        high, low = found[most], found[least]
        if high["low"] <= low["high"] or low["value"] <= 0 or most == least:
            continue
        times = high["value"] / low["value"]
        if times < TIMES:
            continue
        out.append(
            (
                times,
                f"{row.cell.method}: people with {column} “{most}” {what} {_times(times)} as {how} as those with “{least}”:"
                f" {shown(high)} of {high['n']} against {shown(low)} of {low['n']}.",
            )
        )
    return out


def _times(times: float) -> str:
    return "twice" if 1.9 <= times < 2.15 else f"{times:.1f} times"


def facts_in_words(attributes: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    """Return where each attribute comes from, and which make no classes."""
    out = []
    for name, facts in attributes.items():
        if facts.get("unfit"):
            out.append(f"Nothing is told by {name}: {facts['unfit']}.")
        else:
            out.append(f"{name}: {facts['classes']} classes, {facts['people']} people, by {facts['by']}.")
    return out
