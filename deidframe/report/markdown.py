"""The report as Markdown: the same figures for a terminal, a repository or a mail."""

from __future__ import annotations

from deidframe.record.read import Record
from deidframe.record.schema import Cell
from deidframe.report import render
from deidframe.report.answer import answer, sharing
from deidframe.report.rows import by_kind, encoders_of, groupings, rows
from deidframe.report.tables import (
    attacks_of,
    comparison,
    group_table,
    grouping_table,
    kept_of,
    ladder,
    measured_table,
)
from deidframe.report.who_pays import said


def markdown(record: Record) -> str:
    """Return the answer, the comparison, the groupings, the certificates and the provenance as one text."""
    run = record.run
    source = run["source"]
    head = f"{source['pictures']} pictures of {source['people']} people ({source['subjects']}) from {source['name']}"
    parts = [f"# {run['name']}", head + ".", *map(render.plain, (*sharing(record), *answer(record)))]
    for method, seen in record.audits.items():
        lines = [
            "| looked for | seen |",
            "|---|---|",
            *(f"| {'! ' if one['bad'] else ''}{one['what']} | {one['said']} |" for one in seen),
        ]
        parts.append(f"## {render.plain(method)}, before a recogniser looks\n\n" + "\n".join(lines))
    if rows(record):
        parts.append(render.markdown(comparison(record)))
    if attacks_of(record):
        parts.append(f"## Every attack\n\n{render.markdown(ladder(record))}")
    kept = kept_of(record)
    measured = measured_table(record)
    if measured.columns:
        parts.append(f"## Figures of plugins\n\n{render.markdown(measured)}")
    if kept.columns:
        parts.append(f"## What a face keeps of its original\n\n{render.markdown(kept)}")
    apart = said(record)
    if apart:
        parts.append("## Who pays\n\n" + "\n".join(f"- {render.plain(one)}" for one in apart[:12]))
    if encoders_of(record):
        parts.append(f"## Groups\n\n{render.markdown(group_table(record, encoders_of(record)))}")
    parts += [f"## {title}\n\n{render.markdown(grouping_table(cells))}" for title, cells in by_kind(groupings(record))]
    parts += [_certificate(cell) for cell in record.methods if cell.certificate]
    machine = run["machine"]
    parts.append(
        f"Made by deidframe {run['deidframe']} (contract {run['contract']}), seed {run['seed']}, Python {machine['python']},"
        f" {machine['processor']}, {machine['cores']} cores{', ' + machine['device'] if 'device' in machine else ''}."
    )
    return "\n\n".join(parts) + "\n"


def _certificate(cell: Cell) -> str:
    c = cell.certificate or {}
    checks = [f"- {'no claim' if x['held'] is None else 'checked'}: {x['name']}: {x['words']}" for x in c["checks"]]
    holds, holds_not = f"What holds: {'; '.join(c['holds'])}.", f"What does not: {'; '.join(c['holds_not'])}."
    return "\n".join([f"## Certificate: {render.plain(c['method'])}", "", *checks, "", holds, "", holds_not])
