"""The report as Markdown."""

from __future__ import annotations

from deidframe.record.read import Record
from deidframe.report.table import attack_encoder, chance, rows, shown


def markdown(record: Record) -> str:
    """Return the comparison, the certificates and the provenance as one text."""
    encoder = attack_encoder(record)
    attacks = list(dict.fromkeys(c.attack for c in record.cells if c.attack and c.threat != "clear"))
    heads = ["method", "k", "people", "groups", "released", "withheld", "failed", "faces found"]
    heads += [f"rank-1, {a}" for a in attacks] + ["1/k", f"loss ({encoder})", "loss / SSE"]
    lines = [f"# {record.run['name']}", "", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows(record):
        c = row.cell
        found = c.metrics.get("faces_found")
        cells = [c.method, str(c.k_counted) if c.k else "–", str(c.people), str(c.groups or "–")]
        cells += [str(c.released), str(c.withheld), str(c.failed), f"{found['value']:.3f}" if found else "–"]
        cells += [shown(row.attacks[a].metrics.get("rank1")) if a in row.attacks else "–" for a in attacks]
        cells += [f"{1 / c.k_counted:.3f}" if c.k and c.k_counted else "–", shown(row.loss), shown(row.ratio)]
        lines.append("| " + " | ".join(x.replace("|", "\\|") for x in cells) + " |")
    guess = chance(record)
    lines += ["", f"Chance: {guess:.3f}." if guess is not None else ""]
    return "\n".join(lines) + "\n"
