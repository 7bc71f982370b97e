"""One model of every table: columns that know how to read a line and how a figure is written, whatever the medium.

The page, the Markdown, the terminal, the CSV and the LaTeX are made from these; `deidframe.report.tables` says which there are
and `deidframe.report.render` how each medium writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from deidframe.measure.registry import metric_of
from deidframe.record.schema import ROUNDING, Cell

T = TypeVar("T")
NOTHING = "–"


@dataclass(frozen=True)
class Estimate:
    """A recorded figure with its 95 % interval; a star says that it was measured by an encoder that the method itself used."""

    value: float
    low: float
    high: float
    n: int
    star: bool = False

    @classmethod
    def of(cls, figure: Mapping[str, Any] | None) -> Estimate | None:
        """Return a record's figure, None where there is none."""
        return cls(figure["value"], figure["low"], figure["high"], figure["n"]) if figure else None


Single = float | int | str | Estimate | None
Value = Single | tuple[Single, ...]


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column.

    Args:
        head: as people read it; a line break is where it may be broken.
        read: a line -> what stands there.
        decimals: of floating-point figures.
        scale: what a figure is multiplied by before it is shown, 100 for per cent.
        narrow: shown where there is little room, too: on a terminal and in a paper.
        metric: name in the registry, so that the head can say what it means.
        bound: a line -> what no figure of this column should lie above; such figures are shaded where there is colour.
    """

    head: str
    read: Callable[[T], Value]
    decimals: int = 2
    scale: float = 1.0
    narrow: bool = False
    metric: str = ""
    bound: Callable[[T], float | None] | None = None

    @property
    def meaning(self) -> str:
        """What the figure means, "" where the registry has none."""
        found = metric_of(self.metric) if self.metric else None
        return f"{found.meaning} ({found.unit}; {found.direction})" if found else ""

    def text(self, value: Value) -> str:
        """Write a value plainly: `0.18 [0.12, 0.26]`, `5, 6`, or a dash."""
        if isinstance(value, tuple):
            return ", ".join(self.text(one) for one in value)
        if isinstance(value, Estimate):
            return f"{self.value(value)} {self.interval(value)}"
        return NOTHING if value is None else self._number(value)

    def interval(self, estimate: Estimate) -> str:
        """Write the interval alone."""
        return f"[{self._number(estimate.low)}, {self._number(estimate.high)}]"

    def value(self, estimate: Estimate) -> str:
        """Write an estimate without its interval."""
        return self._number(estimate.value) + ("*" if estimate.star else "")

    def above(self, of: T | None) -> float | None:
        """Return the bound of a line, None where there is none or the line's figure keeps it."""
        if self.bound is None or of is None:
            return None
        value, limit = self.read(of), self.bound(of)
        broken = isinstance(value, Estimate) and limit is not None and value.low > limit + ROUNDING
        return limit if broken else None

    def _number(self, value: float | int | str) -> str:
        if isinstance(value, float) or (isinstance(value, int) and self.scale != 1):
            return f"{self.scale * value:.{self.decimals}f}"
        return str(value)


@dataclass(frozen=True)
class Line(Generic[T]):
    """One line of a table.

    Args:
        label: what stands first.
        of: what the columns read; None for a line that has only some values.
        status: why there are no figures, "" where there are.
        notes: said below the label.
        broken: promises that are broken.
        values: head -> value, in the place of what the columns would read.
    """

    label: str
    of: T | None = None
    status: str = ""
    notes: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    values: Mapping[str, Value] | None = None

    def read(self, column: Column[T]) -> Value:
        """Return what stands in a column."""
        if self.values is not None:
            return self.values.get(column.head, "")
        assert self.of is not None, "a line without values reads them off what it is of"
        return column.read(self.of)


@dataclass(frozen=True)
class Table(Generic[T]):
    """A table: the first column is the line's label."""

    first: str
    columns: tuple[Column[T], ...]
    lines: tuple[Line[T], ...]

    @property
    def narrow(self) -> Table[T]:
        """The same with fewer columns."""
        return Table(self.first, tuple(c for c in self.columns if c.narrow), self.lines)._full()

    def _full(self) -> Table[T]:
        """Return it without lines of which nothing is left."""
        heads = {column.head for column in self.columns}
        kept = (x for x in self.lines if x.values is None or x.status or heads & set(x.values))
        return Table(self.first, self.columns, tuple(kept))


def metric(name: str, head: str, decimals: int = 2, *, scale: float = 1.0, narrow: bool = False) -> Column[Cell]:
    """Return the column of one metric of a cell."""
    return Column(head, lambda cell: measured(cell, name), decimals, scale, narrow, name)


def measured(cell: Cell | None, *names: str) -> Value:
    """Return a metric of a cell, several as a tuple; None where the first is missing."""
    if cell is None or names[0] not in cell.metrics:
        return None
    found = [_value(cell.metrics.get(name)) for name in names]
    return found[0] if len(found) == 1 else tuple(found)


def _value(recorded: Any) -> Single:
    if isinstance(recorded, dict):
        return Estimate.of(recorded)
    return recorded if isinstance(recorded, (int, float, str)) else None


def facts(names: Sequence[str]) -> tuple[Column[Cell], ...]:
    """Return the columns of plain fields of a cell, by their own names."""

    def column(name: str) -> Column[Cell]:
        return Column(name, lambda cell: getattr(cell, name))

    return tuple(column(name) for name in names)
