"""The tables as files: CSV for a spreadsheet, LaTeX for a paper."""

from __future__ import annotations

import csv
import io
from typing import Any

from deidframe.record.read import Record
from deidframe.report.rows import attack_encoder, rows

_COUNTS = ("k", "k_counted", "people", "groups", "total", "released", "withheld", "failed")


def methods_csv(record: Record) -> str:
    """Return one line a method with every figure and its interval."""
    names = sorted({name for cell in record.methods for name in cell.metrics})
    stages = list(dict.fromkeys(name for cell in record.methods for name in cell.stages))
    head = ["method", "status", "reason", *_COUNTS]
    head += [c for name in names for c in _columns(name, record.methods)] + [f"seconds_{s}" for s in stages]
    lines = []
    for cell in record.methods:
        line: list[Any] = [cell.method, cell.status, cell.reason, *(getattr(cell, c) for c in _COUNTS)]
        for name in names:
            line += _values(cell.metrics.get(name), len(_columns(name, record.methods)))
        lines.append(line + [cell.stages.get(s) for s in stages])
    return _csv(head, lines)


def attacks_csv(record: Record) -> str:
    """Return one line a method and attack."""
    attacked = [c for c in record.cells if c.attack]
    names = sorted({name for cell in attacked for name in cell.metrics})
    facts = (
        "method",
        "attack",
        "threat",
        "gallery",
        "encoder",
        "status",
        "reason",
        "k",
        "candidates",
        "probes",
        "missed",
        "seed",
    )
    head = [*facts, *(c for name in names for c in _columns(name, attacked))]
    lines = []
    for cell in attacked:
        line: list[Any] = [getattr(cell, f) for f in facts]
        for name in names:
            line += _values(cell.metrics.get(name), len(_columns(name, attacked)))
        lines.append(line)
    return _csv(head, lines)


def methods_latex(record: Record) -> str:
    """Return the side-by-side table as a LaTeX tabular."""
    attacks = list(dict.fromkeys(c.attack for c in record.cells if c.attack and c.threat != "clear"))
    head = ["method", "$k$", "released", *(f"rank-1, {_tex(a)}" for a in attacks), f"loss ({_tex(attack_encoder(record))})"]
    lines = [r"\begin{tabular}{l" + "r" * (len(head) - 1) + "}", r"\hline", " & ".join(head) + r" \\", r"\hline"]
    for row in rows(record):
        cells = [_tex(row.cell.method), str(row.cell.k_counted) if row.cell.k else "--", str(row.cell.released)]
        for name in attacks:
            attack = row.attacks.get(name)
            cells.append(_interval(attack.metrics.get("rank1") if attack else None))
        cells.append(_interval(row.loss))
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def _columns(name: str, cells: Any) -> list[str]:
    sample = next((c.metrics[name] for c in cells if name in c.metrics), None)
    return [name, f"{name}_low", f"{name}_high", f"{name}_n"] if isinstance(sample, dict) else [name]


def _values(value: Any, width: int) -> list[Any]:
    if isinstance(value, dict):
        return [value["value"], value["low"], value["high"], value["n"]]
    return [value] + [None] * (width - 1)


def _csv(head: list[str], lines: list[list[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for line in lines:
        writer.writerow([_safe(v) for v in line])
    return out.getvalue()


def _safe(value: Any) -> Any:
    """Keep a spreadsheet from taking a name for a formula."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def _tex(text: str) -> str:
    return "".join("\\" + c if c in "&%$#_{}" else c for c in text.replace("\\", "/").replace("~", "-").replace("^", ""))


def _interval(figure: dict[str, Any] | None) -> str:
    return f"{figure['value']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]" if figure else "--"
