"""Which methods of which runs can be compared: the same faces, the same attacks, the same figures; everything else is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deidframe.contract.errors import UsageError
from deidframe.measure.ranking import pareto_front
from deidframe.record.check import digest, rows_missing
from deidframe.record.read import Record
from deidframe.record.schema import ROUNDING, Cell
from deidframe.report.columns import Estimate
from deidframe.report.rows import Row, judges, rows


@dataclass(frozen=True)
class Contender:
    """One method on one database, under every seed that it was run with.

    Figures are means over the seeds, their intervals the widest of any seed.

    Args:
        label: its name, with that of its run where two methods of one name are not the same.
        settings: equal for methods that do the same.
        cell: the method's row under the first seed.
        seeds: of its runs.
        worst, by: rank-1 of the strongest of the attacks that all runs tried, and that attack's name; None where it is not known.
        attacks: protocol -> rank-1.
        above: protocol -> the bound that the whole interval of some seed lies above.
        losses: encoder -> loss.
        broken: promises that some seed broke.
        each: seed -> rank-1 of the strongest attack, and loss in the fairest encoder.
        leads: nobody is as low in both figures and lower in one.
    """

    label: str
    settings: str
    cell: Cell
    seeds: tuple[int, ...]
    worst: Estimate | None
    by: str
    attacks: Mapping[str, Estimate]
    above: Mapping[str, float]
    losses: Mapping[str, Estimate]
    broken: tuple[str, ...]
    each: Mapping[int, tuple[float, float]]
    leads: bool = False

    @property
    def competes(self) -> bool:
        """Whether it is ranked: baselines are measured and protect nothing, and what is not known cannot be ranked."""
        return (self.cell.protects or self.cell.foreign) and bool(self.each)


@dataclass(frozen=True)
class Database:
    """The methods that met the same attacks on the same faces.

    Args:
        key: digest of the faces.
        name: of the source.
        people, pictures: counts.
        attacks: protocol -> name, of those that every run tried.
        samples: protocol -> a row of that attack.
        clear: rows of untouched faces.
        judges: encoders in which loss was measured, the fairest first.
        contenders: the methods.
    """

    key: str
    name: str
    people: int
    pictures: int
    attacks: Mapping[str, str]
    samples: Mapping[str, Cell]
    clear: tuple[Cell, ...]
    judges: tuple[str, ...]
    contenders: tuple[Contender, ...]


@dataclass(frozen=True)
class Source:
    """A run whose records were read: its name, version and seed, the sha256 of its rows, and the database it belongs to."""

    name: str
    version: str
    seed: int
    sha256: str
    database: str


@dataclass(frozen=True)
class Comparison:
    """What can be said of several runs.

    Args:
        databases: one for each set of faces.
        left_out: what, and why.
        sources: the runs.
    """

    databases: tuple[Database, ...]
    left_out: tuple[tuple[str, str], ...]
    sources: tuple[Source, ...]


def compared(records: Sequence[Record]) -> Comparison:
    """Set runs beside each other.

    Args:
        records: from `read_checked`.

    Raises:
        UsageError: nothing in them can be compared.
    """
    left: list[tuple[str, str]] = []
    of: dict[str, list[Record]] = {}
    sources = []
    for record in records:
        run, name = record.run, _name(record)
        key = str(run.get("database") or "")
        sources.append(Source(name, str(run.get("deidframe", "")), int(run.get("seed", 0)), digest(record.folder), key))
        why = _unfit(record, key)
        if why:
            left.append((name, why))
        else:
            of.setdefault(key, []).append(record)
    databases = tuple(_database(key, found, left) for key, found in of.items())
    kept = tuple(one for one in databases if one.contenders)
    if not kept:
        said = "; ".join(f"{what}: {why}" for what, why in left)
        raise UsageError(f"nothing here can be compared{f': {said}' if said else ''}")
    return Comparison(kept, tuple(left), tuple(sources))


def _name(record: Record) -> str:
    return f"{record.run.get('name', '?')} ({record.folder.name}, seed {record.run.get('seed', '?')})"


def _unfit(record: Record, key: str) -> str:
    if not key:
        return "its record does not say which faces it took: it is of an earlier version, or its source could not tell"
    if record.scene is not None:
        return "it released whole photos or videos, and those are not compared yet"
    if not any(not cell.grouping for cell in record.methods):
        return "it only made groups, and nothing was released or attacked"
    if not any(cell.attack and cell.threat != "clear" for cell in record.cells):
        return "nothing was attacked in it"
    return ""


def _tried(record: Record) -> dict[str, str]:
    """Return protocol -> name of a run's attacks on releases."""
    return {cell.protocol: cell.attack for cell in record.cells if cell.attack and cell.threat != "clear" and cell.protocol}


def _database(key: str, records: list[Record], left: list[tuple[str, str]]) -> Database:
    tried = [_tried(record) for record in records]
    while len(records) > 1 and not set.intersection(*map(set, tried)):
        counts = Counter(protocol for one in tried for protocol in one)
        odd = min(range(len(records)), key=lambda n: sum(counts[protocol] - 1 for protocol in tried[n]))
        left.append((_name(records[odd]), "it tried none of the attacks that the other runs on these faces tried"))
        records, tried = records[:odd] + records[odd + 1 :], tried[:odd] + tried[odd + 1 :]
    common = set.intersection(*map(set, tried))
    for protocol, name in {p: n for one in tried for p, n in one.items() if p not in common}.items():
        without = [_name(record) for record, one in zip(records, tried, strict=True) if protocol not in one]
        left.append((f"attack {name}", f"not tried, or otherwise, in {', '.join(without)}"))
    cut = [_cut(record, common) for record in records]
    every = Record(records[0].folder, records[0].run, tuple(cell for record in cut for cell in record.cells))
    ordered = judges(every)
    met: dict[tuple[str, str], dict[int, tuple[Row, Record]]] = {}
    for record in cut:
        missing = rows_missing(record)
        for row in rows(record):
            where = f"{row.cell.method} in {_name(record)}"
            why = _gap(row, missing.get(row.cell.method, ()))
            if why:
                left.append((where, why))
                continue
            seeds = met.setdefault((row.cell.method, row.cell.settings), {})
            if row.cell.seed in seeds:
                left.append((where, "the same method is there under the same seed already"))
                continue
            seeds[row.cell.seed] = row, record
    names = Counter(method for method, _ in met)
    found = [
        _contender(seeds, settings, next(iter(ordered), ""), several=names[method] > 1)
        for (method, settings), seeds in met.items()
    ]
    source = records[0].run["source"]
    return Database(
        key,
        str(source.get("name", "")),
        int(source.get("people", 0)),
        int(source.get("pictures", 0)),
        {p: n for p, n in tried[0].items() if p in common},
        {cell.protocol: cell for cell in sorted(every.cells, key=lambda one: "chance1" in one.metrics) if cell.attack},
        cut[0].clear,
        ordered,
        tuple(led(found)),
    )


def _cut(record: Record, common: set[str]) -> Record:
    """Return a run with those attacks only that all runs tried."""
    kept = (cell for cell in record.cells if not cell.attack or cell.threat == "clear" or cell.protocol in common)
    return replace(record, cells=tuple(kept))


def _gap(row: Row, missing: Iterable[str]) -> str:
    """Return why nothing is known of how well a method stands, "" where everything is."""
    if row.cell.status != "ok":
        return f"{row.cell.status}: {row.cell.reason}"
    if missing:
        return f"its rows under {', '.join(missing)} are missing"
    failed = [name for name, cell in row.attacks.items() if cell.status != "ok"]
    if failed:
        return f"the attack {', '.join(failed)} failed on it, so that the strongest is not known"
    cut = [name for name, cell in row.attacks.items() if cell.unfinished]
    return f"the attack {', '.join(cut)} was cut short by its budget, so that the strongest is not known" if cut else ""


def _contender(seeds: Mapping[int, tuple[Row, Record]], settings: str, judge: str, *, several: bool) -> Contender:
    each_row = {seed: row for seed, (row, _) in sorted(seeds.items())}
    first, record = next(iter(seeds.values()))
    protocols = {cell.protocol: cell for row in each_row.values() for cell in row.attacks.values()}
    attacks, above = {}, {}
    for protocol in protocols:
        of = [cell for row in each_row.values() for cell in row.attacks.values() if cell.protocol == protocol]
        mean = _mean([cell.metrics.get("rank1") for cell in of])
        if mean is not None:
            attacks[protocol] = mean
        pairs = [(c.metrics["rank1"]["low"], c.metrics["bound1"]) for c in of if {"rank1", "bound1"} <= set(c.metrics)]
        if any(low > bound + ROUNDING for low, bound in pairs):
            above[protocol] = max(bound for _, bound in pairs)
    encoders = {name.partition(".")[2] for row in each_row.values() for name in row.cell.metrics if name.startswith("loss.")}
    losses = {e: m for e in sorted(encoders) if (m := _mean([row.cell.metrics.get(f"loss.{e}") for row in each_row.values()]))}
    worst = [row.worst for row in each_row.values()]
    by = Counter(cell.attack for cell in worst if cell is not None).most_common(1)
    each = {
        seed: (float(row.worst.metrics["rank1"]["value"]), float(row.cell.metrics[f"loss.{judge}"]["value"]))
        for seed, row in each_row.items()
        if row.worst is not None and f"loss.{judge}" in row.cell.metrics
    }
    label = f"{first.cell.method} [{record.folder.name}]" if several else first.cell.method
    broken = tuple(dict.fromkeys(word for row in each_row.values() for word in row.broken))
    strongest = _mean([cell.metrics.get("rank1") if cell else None for cell in worst])
    return Contender(
        label,
        settings,
        first.cell,
        tuple(each_row),
        strongest,
        by[0][0] if by else "",
        attacks,
        above,
        losses,
        broken,
        each if len(each) == len(each_row) else {},
    )


def _mean(figures: Sequence[Mapping[str, Any] | None]) -> Estimate | None:
    """Return the mean of one figure over seeds with the widest interval; None where a seed has none."""
    if not figures or any(figure is None for figure in figures):
        return None
    kept = [figure for figure in figures if figure is not None]
    value = sum(one["value"] for one in kept) / len(kept)
    return Estimate(value, min(one["low"] for one in kept), max(one["high"] for one in kept), min(one["n"] for one in kept))


def led(found: Sequence[Contender]) -> list[Contender]:
    """Mark those whom nobody beats in both figures, among those that are ranked."""
    racing = [one for one in found if one.competes]
    points = [tuple(sum(figure) / len(figure) for figure in zip(*one.each.values(), strict=True)) for one in racing]
    front = {id(one) for one, leads in zip(racing, pareto_front([(p[0], p[1]) for p in points]), strict=True) if leads}
    return [replace(one, leads=id(one) in front) for one in found]


@dataclass(frozen=True)
class Block:
    """A database under one seed: where methods are ranked."""

    database: Database
    seed: int


def blocks(comparison: Comparison) -> tuple[list[Block], list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the blocks, the methods (label, settings) that stand in all of them, and what is left out of the ranks and why."""
    every = [
        Block(one, seed)
        for one in comparison.databases
        for seed in sorted({s for c in one.contenders if c.competes for s in c.each})
    ]
    there: dict[tuple[str, str], int] = Counter(
        (c.label, c.settings) for block in every for c in block.database.contenders if c.competes and block.seed in c.each
    )
    kept = [name for name, count in there.items() if count == len(every)]
    left = [
        (c.label, "its loss or its rank-1 is not known")
        for one in comparison.databases
        for c in one.contenders
        if (c.cell.protects or c.cell.foreign) and not c.each
    ]
    left += [(label, "not run on every database and seed") for (label, _), count in there.items() if count < len(every)]
    return every, kept, left
