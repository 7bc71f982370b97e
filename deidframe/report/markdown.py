"""The report as Markdown: the same figures for a terminal, a repository or a mail."""

from __future__ import annotations

from collections.abc import Sequence

from deidframe.record.read import Record
from deidframe.record.schema import Cell
from deidframe.report.answer import answer
from deidframe.report.rows import attack_encoder, chance, groupings, rows, shown


def markdown(record: Record) -> str:
    """Return the answer, the comparison, the groupings, the certificates and the provenance as one text."""
    run = record.run
    source = run["source"]
    head = f"{source['pictures']} pictures of {source['people']} people ({source['subjects']}) from {source['name']}"
    parts = [f"# {run['name']}", head + ".", *map(_plain, answer(record))]
    if rows(record):
        parts.append(_methods(record))
    if groupings(record):
        parts.append(_groupings(groupings(record)))
    parts += [_certificate(cell) for cell in record.methods if cell.certificate]
    machine = run["machine"]
    parts.append(
        f"Made by deidframe {run['deidframe']} (contract {run['contract']}), seed {run['seed']}, Python {machine['python']},"
        f" {machine['processor']}, {machine['cores']} cores."
    )
    return "\n\n".join(parts) + "\n"


def _methods(record: Record) -> str:
    attacks = list(dict.fromkeys(c.attack for c in record.cells if c.attack and c.threat != "clear"))
    heads = ["method", "k", "people", "groups", "released", "withheld", "failed", "faces found"]
    heads += [*(f"rank-1, {a}" for a in attacks), "1/k", f"loss ({attack_encoder(record) or 'no attack'})", "loss / SSE"]
    lines = []
    for row in rows(record):
        c = row.cell
        found = c.metrics.get("faces_found")
        name = c.method if c.status == "ok" else f"{c.method}: {c.status}, {c.reason}"
        name += "".join(f" (broken promise: {word})" for word in row.broken)
        cells = [name, str(c.k_counted) if c.k else "–", str(c.people), str(c.groups or "–")]
        cells += [str(c.released), str(c.withheld), str(c.failed), f"{found['value']:.3f}" if found else "–"]
        cells += [shown(row.attacks[a].metrics.get("rank1")) if a in row.attacks else "–" for a in attacks]
        cells += [f"{1 / c.k_counted:.3f}" if c.k and c.k_counted else "–", shown(row.loss), shown(row.ratio)]
        lines.append(cells)
    guess = chance(record)
    if guess is not None:
        lines.append(["chance", *("" for _ in range(7)), *(f"{guess:.3f}" for _ in attacks), "", "", ""])
    return _table(heads, lines)


def _groupings(cells: Sequence[Cell]) -> str:
    heads = ["method", "encoder", "k", "groups", "sizes", "noise", "SSE", "pair sum", "silhouette", "pairwise F", "seconds"]
    lines = []
    for c in cells:
        if c.status != "ok":
            lines.append([f"{c.method}: {c.status}, {c.reason}", *("" for _ in heads[1:])])
            continue
        m = c.metrics
        noise = m.get("noise_before", m["noise_share"])
        lines.append(
            [
                c.method,
                c.encoder,
                str(c.k or "–"),
                str(c.groups),
                f"{m['smallest']} to {m['largest']}",
                f"{noise:.3f}",
                f"{m['sse']:.2f}",
                f"{m['seed_ssd_l2']:.2f}",
                shown(m.get("silhouette")),
                f"{m['pairwise_f']:.3f}" if "pairwise_f" in m else "–",
                f"{sum(c.stages.values()):.2f}",
            ]
        )
    return _table(heads, lines)


def _certificate(cell: Cell) -> str:
    c = cell.certificate or {}
    checks = [f"- {'no claim' if x['held'] is None else 'checked'}: {x['name']}: {x['words']}" for x in c["checks"]]
    holds, holds_not = f"What holds: {'; '.join(c['holds'])}.", f"What does not: {'; '.join(c['holds_not'])}."
    return "\n".join([f"## Certificate: {_plain(c['method'])}", "", *checks, "", holds, "", holds_not])


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    out = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    out += ["| " + " | ".join(_cell(text) for text in line) + " |" for line in lines]
    return "\n".join(out)


def _plain(text: str) -> str:
    """Keep a name from being taken for markup."""
    return text.replace("<", "&lt;").replace("\n", " ")


def _cell(text: str) -> str:
    """Keep a name from ending its cell, too."""
    return _plain(text.replace("\\", "\\\\").replace("|", "\\|"))
