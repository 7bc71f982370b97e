"""How each medium writes a table: HTML, Markdown, a terminal, CSV for a spreadsheet, LaTeX for a paper."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, TypeVar

from markupsafe import Markup, escape
from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from deidframe.report.columns import Column, Estimate, Line, Table, Value

T = TypeVar("T")
INTERVAL = len("[0.00, 0.00]")


def html(table: Table[T], marks: int = 0, *, first: bool = False, kind: str = "") -> Markup:
    """Return a table for the page.

    Args:
        table: the table.
        marks: so many lines begin with the colour of their method.
        first: intervals stand below their figures, and the line of the best method is bold.
        kind: class names of its box.
    """
    heads = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(
            Markup(' title="{}"').format(c.meaning) if c.meaning else "", Markup("<br>").join(c.head.split("\n"))
        )
        for c in table.columns
    )
    body = Markup("").join(_html_line(table, line, n if n < marks else None) for n, line in enumerate(table.lines))
    return Markup(
        '<div class="wide{}" tabindex="0"><table>\n<thead><tr><th scope="col">{}</th>{}</tr></thead>\n'
        "<tbody>\n{}</tbody></table></div>"
    ).format(" first" if first else f" {kind}" if kind else "", table.first, heads, body)


def _html_line(table: Table[T], line: Line[T], mark: int | None) -> Markup:
    label = (
        Markup('<span class="mark" style="background: var(--m{})"></span>').format(mark % 8) if mark is not None else Markup("")
    )
    label += escape(line.label)
    label += Markup("").join(Markup('<span class="note">{}</span>').format(note) for note in line.notes)
    label += Markup("").join(Markup('<span class="broken">broken promise: {}</span>').format(word) for word in line.broken)
    if line.status:
        what, _, why = line.status.partition(": ")
        cells = Markup('<td class="words" colspan="{}"><span class="broken">{}</span> {}</td>').format(
            len(table.columns), what, why
        )
    else:
        cells = Markup("").join(_html_cell(c, line) for c in table.columns)
    kind = Markup(' class="beside"') if line.of is None else Markup(' class="best"') if _is_best(line) else Markup("")
    return Markup("<tr{}><td>{}</td>{}</tr>\n").format(kind, label, cells)


def _html_cell(column: Column[T], line: Line[T]) -> Markup:
    value = line.read(column)
    if column.bound is None or not isinstance(value, Estimate):
        return Markup("<td>{}</td>").format(_html_value(column, value))
    above = column.above(line.of)
    over = "" if above is None else Markup('<span class="broken">above {}</span>').format(column.text(above))
    share = round(100 * min(1.0, max(0.0, value.value)))
    return Markup('<td class="heat" style="--heat:{}%">{}{}</td>').format(share, _html_value(column, value), over)


def _is_best(line: Line[Any]) -> bool:
    return any("least loss" in note for note in line.notes)


def _html_value(column: Column[Any], value: Value) -> Markup:
    if isinstance(value, Estimate):
        return Markup('{} <span class="ci">{}</span>').format(column.value(value), column.interval(value))
    if value in ("failed", "refused"):
        return Markup('<span class="broken">{}</span>').format(value)
    return escape(column.text(value))


def markdown(table: Table[T]) -> str:
    """Return a table for a repository or a mail."""
    lines = []
    for line in table.lines:
        label = "".join([line.label, *(f" ({note})" for note in line.notes), *(f" (broken promise: {w})" for w in line.broken)])
        values = [line.status, *("" for _ in table.columns[1:])] if line.status else _texts(table, line)
        lines.append([label, *values])
    heads = [table.first, *(_one_line(c) for c in table.columns)]
    out = ["| " + " | ".join(map(_cell, heads)) + " |", "|" + "---|" * len(heads)]
    return "\n".join(out + ["| " + " | ".join(map(_cell, line)) + " |" for line in lines])


def plain(text: str) -> str:
    """Keep a name from being taken for markup."""
    return text.replace("<", "&lt;").replace("\n", " ")


def _cell(text: str) -> str:
    """Keep a name from ending its cell, too."""
    return plain(text.replace("\\", "\\\\").replace("|", "\\|"))


def terminal(table: Table[T], title: str) -> RichTable:
    """Return the narrow columns of a table for a terminal."""
    table = table.narrow
    out = RichTable(box=box.SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0))
    out.add_column(table.first, overflow="fold")
    for column in table.columns:
        intervals = any(isinstance(line.read(column), Estimate) for line in table.lines if not line.status)
        out.add_column(Text(_one_line(column)), justify="right", min_width=INTERVAL if intervals else None)
    for line in table.lines:
        label = Text(line.label)
        if line.broken:
            label.append(f"\nbroken: {'; '.join(line.broken)}", style="bold red")
        if line.status:
            out.add_row(label, *("" for _ in table.columns[1:]), Text(line.status.partition(":")[0], style="bold red"))
            continue
        out.add_row(label, *(_terminal_value(c, line.read(c)) for c in table.columns))
    return out


def _terminal_value(column: Column[Any], value: Value) -> Text:
    """Return an interval below its figure, so that several attacks fit beside each other."""
    if isinstance(value, Estimate):
        return Text.assemble(column.value(value), "\n", (column.interval(value), "dim"))
    return Text(column.text(value), style="red" if value in ("failed", "refused") else "")


def latex(table: Table[T]) -> str:
    """Return the narrow columns of a table as a tabular."""
    table = table.narrow
    heads = [table.first, *(_one_line(c) for c in table.columns)]
    lines = [r"\begin{tabular}{l" + "r" * len(table.columns) + "}", r"\hline", " & ".join(map(_tex, heads)) + r" \\", r"\hline"]
    for line in table.lines:
        values = [line.status, *("" for _ in table.columns[1:])] if line.status else _texts(table, line)
        lines.append(" & ".join(map(_tex, [line.label, *values])) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def table_csv(table: Table[T]) -> str:
    """Return a table for a spreadsheet: an estimate takes four columns, and no name is taken for a formula."""
    read = [[line.read(column) for column in table.columns] for line in table.lines]
    wide = [any(isinstance(values[n], Estimate) for values in read) for n in range(len(table.columns))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = [table.first]
    for column, is_wide in zip(table.columns, wide, strict=True):
        head += [column.head, *((f"{column.head}_{part}" for part in ("low", "high", "n")) if is_wide else ())]
    writer.writerow(head)
    for line, values in zip(table.lines, read, strict=True):
        cells: list[Any] = [line.label]
        for value, is_wide in zip(values, wide, strict=True):
            if isinstance(value, Estimate):
                cells += [value.value, value.low, value.high, value.n]
            else:
                cells += [value, *([None] * 3 if is_wide else ())]
        writer.writerow(map(_safe, cells))
    return out.getvalue()


def _texts(table: Table[T], line: Line[T]) -> Sequence[str]:
    return [column.text(line.read(column)) for column in table.columns]


def _one_line(column: Column[Any]) -> str:
    return column.head.replace("\n", " ")


def _safe(value: Any) -> Any:
    """Keep a spreadsheet from taking a name for a formula."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def _tex(text: str) -> str:
    safe = "".join("\\" + c if c in "&%$#_{}" else c for c in text.replace("\\", "/").replace("~", "-").replace("^", ""))
    return safe.replace("–", "--")
