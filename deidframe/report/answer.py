"""The answer in three sentences, made from the figures by fixed rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deidframe.record.read import Record
from deidframe.record.schema import Cell
from deidframe.report.rows import Row, chance, groupings, rows, shown
from deidframe.report.threats import BEYOND, untried

FEW_PEOPLE = 30
"""Below so many people an interval is too wide to say much."""
BLIND = "blind scenes"
"""Kind of a certificate of scenes in which nothing that is drawn follows from the face beneath."""
TOLD_APART = frozenset({"unchanged, byte for byte", "unchanged inside the face", "the tool, guessed"})
SPEAKS = {
    "paired by": "that its pictures can be paired with the originals without a map",
    "cannot be opened": "broken files",
    "videos, which are not looked at": "videos that were not looked at",
    "different pictures": "that a picture stands for one person alone",
    "largest share of one person": "that one person has the larger share of a picture",
}
"""How findings are told in a sentence."""
NAMED = 6
"""Methods that are listed in a sentence; of more their number is said."""
WEAK = 0.9
"""A matcher that names fewer of the untouched faces at rank 1 proves nothing by failing on the others."""


def best(all_rows: Sequence[Row]) -> Row | None:
    """Return the row that keeps its promise at the least loss; None if none promises k-anonymity and keeps it."""
    honest = [r for r in all_rows if r.cell.k and r.cell.status == "ok" and not r.broken and r.loss]
    return min(honest, key=lambda r: float(r.loss["value"]) if r.loss else 0.0, default=None)


def answer(record: Record) -> tuple[str, ...]:
    """Return the sentences: warnings if there are any, the strongest attack, what holds, at what loss, what was not tried."""
    all_rows = rows(record)
    if groupings(record) and not all_rows:
        return _tightest(groupings(record))
    said = _warnings(record)
    if record.scene is not None:
        return tuple(s for s in (*said, *_scenes(record, all_rows)) if s)
    chosen = best(all_rows)
    said.append(_strongest(record, all_rows, chosen))
    said.append(_unfinished(all_rows))
    said.append(_promises(all_rows))
    if chosen is not None and chosen.loss is not None:
        ratio = (
            f" (squared: {chosen.ratio['value']:.2f} times the spread of the groups, whose bound is 1)" if chosen.ratio else ""
        )
        others = len([r for r in all_rows if r.cell.k and r.cell.status == "ok" and not r.broken])
        what = "It loses" if others == 1 else f"Of them {chosen.cell.method} loses least"
        said.append(f"{what}: a face lies {shown(chosen.loss)} from what is released for it{ratio}.")
    left = untried(record.cells)
    if left and any(row.attacks for row in all_rows):
        said.append(f"Not tried here: {', '.join(left)}.")
    return tuple(s for s in said if s)


def sharing(record: Record) -> tuple[str, ...]:
    """Say what is protected, and what may be shared."""
    released = [
        cell for cell in record.methods if cell.protects and not cell.grouping and cell.status == "ok" and cell.certificate
    ]
    said = [_audited(method, rows_of) for method, rows_of in record.audits.items()]
    if not released:
        return tuple(said)
    kept = [r.cell for r in rows(record) if r.cell in released and not r.broken and (r.cell.k or _promises_else(r.cell))]
    people = max(cell.people for cell in released)
    if record.scene is not None:
        return _shared_scenes(released, record.scene["files"])
    said.append(f"What is protected: the faces of {people} people. Everything else in a picture was cut away.")
    if kept:
        names = _listed([cell.method for cell in kept])
        said.append(f"What may be shared: {names}, under release/, for what the certificate says and for nothing else.")
        rest = [cell.method for cell in released if cell not in kept]
        if rest:
            verb = "promises" if len(rest) == 1 else "promise"
            said.append(f"What may not: {_listed(rest)}, under compared/, which {verb} nothing and only serve as a comparison.")
    else:
        said.append("Nothing here may be shared as de-identified: no method keeps a promise.")
    return tuple(said)


def _audited(method: str, seen: Sequence[Mapping[str, Any]]) -> str:
    """Say first of a foreign release whether it shows originals, and what else is wrong with its files."""
    unchanged = sum(int(row["count"]) for row in seen if str(row["what"]).startswith("unchanged"))
    bad = [SPEAKS.get(str(row["what"]), str(row["what"])) for row in seen if row["bad"] and row["what"] not in TOLD_APART]
    first = f"{unchanged} pictures of {method} show their original" if unchanged else f"No picture of {method} shows its original"
    return f"{first}. Against it speak: {', '.join(bad)}." if bad else f"{first}."


def _shared_scenes(released: Sequence[Cell], files: int) -> tuple[str, ...]:
    """Say what is protected in scenes, and what of them may be shared."""
    blind = [cell for cell in released if (cell.certificate or {}).get("kind") == BLIND]
    rest = [cell.method for cell in released if cell not in blind]
    people = max(cell.people for cell in released)
    said = [f"What is protected: the faces of {people} people in {files} files. Hair, ears, clothes, company and place stay."]
    if blind:
        names = _listed([cell.method for cell in blind])
        said.append(f"What may be shared: {names}, under release/, for what the certificate states and for nothing else.")
    if rest:
        said.append(f"What may not: {_listed(rest)}, under compared/: what is left of a face there is promised nothing.")
    return tuple(said)


def _scenes(record: Record, all_rows: Sequence[Row]) -> list[str]:
    """Say of scenes what stands behind the drawn faces, and what the strongest attack reached."""
    said = ["No scene is k-anonymous: a face is drawn over, and people are known by what is around it, too."]
    blind = [row for row in all_rows if (row.cell.certificate or {}).get("kind") == BLIND and row.cell.status == "ok"]
    for row in blind:
        k = ((row.cell.certificate or {}).get("surrogates") or {}).get("k_counted")
        share = row.cell.metrics.get("scene_drawn", 0.0)
        who = f"stands a group of at least {k} people" if k else "stands one person, who has one stranger's face in all files"
        said.append(
            f"Behind each face of {row.cell.method} {who}; {100 * share:.0f} of 100 faces are drawn, the others filled from"
            " around them."
        )
    said.append(_strongest(record, all_rows, blind[0] if blind else None))
    said.append(_unfinished(all_rows))
    return said


def _promises_else(cell: Cell) -> bool:
    """Whether a method without k promises something else; its certificate says what, after the first sentence."""
    return cell.k is None and len((cell.certificate or {}).get("holds", ())) > 1


def _tightest(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Say which grouping is tightest at each k, and which finds people best."""
    done = [c for c in cells if c.status == "ok"]
    said = ["Groups were made and measured; nothing was released and no attack was tried."]
    whole = [c for c in done if c.k and not c.metrics["noise_share"]]  # whoever leaves people out has less to sum
    sizes = sorted({c.k for c in whole if c.k})
    first = {k: min((c for c in whole if c.k == k), key=lambda c: float(c.metrics["sse"])) for k in sizes}
    if first:
        listed = "; ".join(f"k = {k}: {c.method} ({c.metrics['sse']:.2f})" for k, c in first.items())
        said.append(f"The smallest sum of squared errors among those that leave nobody out: {listed}.")
    finders = [c for c in done if "pairwise_f" in c.metrics]
    if finders:
        top = max(finders, key=lambda c: float(c.metrics["pairwise_f"]))
        said.append(
            f"People were found best by {top.method}: {top.groups} groups where {top.people} people are labelled,"
            f" pairwise F {top.metrics['pairwise_f']:.3f}."
        )
    return tuple(said)


def _warnings(record: Record) -> list[str]:
    said = []
    people = max((c.candidates for c in record.cells), default=0)
    weak = [c for c in record.clear if c.metrics.get("rank1", {"value": 1.0})["value"] < WEAK]
    if not record.clear:
        said.append("No attack was tried on untouched faces, so nothing here says how good the matcher is.")
    for cell in weak:
        value = cell.metrics["rank1"]["value"]
        said.append(
            f"The matcher ({cell.encoder}) is weak: it names only {value:.2f} of untouched faces, so its failures prove little."
        )
    if 0 < people < FEW_PEOPLE:
        said.append(f"Only {people} people were tried: the intervals are wide and small differences mean nothing.")
    if record.run.get("limit"):
        said.append(f"Only the first {record.run['limit']} pictures were taken (--limit).")
    if record.run.get("sample"):
        said.append(
            f"Only a sample of {record.run['sample']['of']:,} pictures was taken (--sample): it is grouped otherwise than the"
            " whole, and whoever has both releases can intersect them, so do not share it."
        )
    return said


def _promises(all_rows: Sequence[Row]) -> str:
    promising = [r for r in all_rows if r.cell.k]
    if not promising:
        return "No method here promises k-anonymity; what protects these faces is only what the attacks failed to do."
    held = [r.cell.method for r in promising if r.cell.status == "ok" and not r.broken]
    broken = [f"{r.cell.method} ({'; '.join(r.broken) or r.cell.status})" for r in promising if r.cell.method not in held]
    if not held:
        return f"No method kept its promise of k-anonymity: {'; '.join(broken)}."
    sizes = sorted({r.cell.k_counted or 0 for r in promising if r.cell.method in held})
    counted = " and ".join(map(str, sizes[:2])) if len(sizes) < 3 else f"{sizes[0]} to {sizes[-1]}"
    verb = "keeps its promise" if len(held) == 1 else "keep their promise"
    tail = f" Broken: {'; '.join(broken)}." if broken else ""
    return f"{_listed(held)} {verb}: every released picture stands for at least k people (counted on the files: {counted}).{tail}"


def _strongest(record: Record, all_rows: Sequence[Row], chosen: Row | None) -> str:
    row = chosen or next((r for r in all_rows if (r.cell.protects or r.cell.foreign) and r.worst), None)
    worst = row.worst if row else None
    if row is None or worst is None:
        return "No attack on a release was tried."
    guess = chance(record)
    clear = next((c for c in record.clear if "rank1" in c.metrics), None)
    beside = [f"guessing reaches {guess:.2f}"] if guess is not None else []
    if clear:
        beside.append(f"untouched faces give {clear.metrics['rank1']['value']:.2f}")
    rest = [r for r in all_rows if (r.cell.protects or r.cell.foreign) and r is not row and r.worst]
    top = max(rest, key=lambda r: float(r.worst.metrics["rank1"]["value"]) if r.worst else 0.0, default=None)
    more = ""
    if top is not None and top.worst is not None and top.worst.metrics["rank1"]["value"] > worst.metrics["rank1"]["value"]:
        more = f"; the weakest method here, {top.cell.method}, lets {shown(top.worst.metrics['rank1'])} be matched"
    bound = row.bound
    within = ""
    if worst.threat in BEYOND and bound is not None:
        within = (
            f" It {BEYOND[worst.threat]}, which k-anonymity promises nothing against; the strongest attack without that"
            f" matched {shown(bound.metrics['rank1'])}."
        )
    return (
        f'The strongest attack ("{worst.attack}", seeing with {worst.encoder}) matched {shown(worst.metrics["rank1"])}'
        f" of the people in {row.cell.method} right, where {' and '.join(beside)}{more}.{within}"
    )


def _unfinished(all_rows: Sequence[Row]) -> str:
    """Say which attacks ended without a result: the strongest of the others need not be the strongest."""
    of = {row.cell.method: [name for name, cell in row.attacks.items() if cell.unfinished] for row in all_rows}
    told = ['"' + '", "'.join(names) + f'" on {method}' for method, names in of.items() if names]
    if not told:
        return ""
    which = "; ".join(told) if len(told) <= NAMED else f"{sum(map(len, of.values()))} (their rows say why)"
    return f"Attacks that failed or were cut short, which may be stronger: {which}."


def _listed(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        return f"{len(names)} methods (the table below says which)"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
