"""Write a comparison over runs: one self-contained page, the same as Markdown, tables for a spreadsheet and a paper, figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from deidframe.contract.errors import UsageError
from deidframe.measure.ranking import Ranking
from deidframe.record.write import write_bytes
from deidframe.report import render
from deidframe.report.across.contenders import Comparison
from deidframe.report.across.figures import critical_difference, front
from deidframe.report.across.tables import CRITERIA, answer, attacks_table, methods_table, ranked, ranks_table
from deidframe.report.assets import asset, environment, script_hash
from deidframe.report.columns import Table

OURS = ("compare.html", "compare.md", "tables", "figures")
"""What a comparison writes into its folder."""


def write_comparison(comparison: Comparison, folder: Path, command: str) -> Path:
    """Write `compare.html`, `compare.md`, `tables/` and `figures/` and return the page's path.

    Raises:
        UsageError: something else lies in the folder. StoreError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(path.name not in OURS for path in folder.iterdir())):
        raise UsageError(
            f"{str(folder)!r} holds something else than a comparison; give another folder with -o: nothing was touched"
        )
    names, rankings, unranked = ranked(comparison)
    left = [*comparison.left_out, *((what, f"left out of the ranks: {why}") for what, why in unranked)]
    said = answer(comparison, names, rankings)
    databases = []
    for n, one in enumerate(comparison.databases, 1):
        methods, attacks = methods_table(one), attacks_table(one)
        for name, table in ((f"methods-{n}", methods), (f"attacks-{n}", attacks)):
            _table(folder / "tables", name, table)
        svg = Markup(front(one, f"front-{n}", folder / "figures"))
        count = len(one.contenders)
        databases.append(
            {
                "n": n,
                "of": one,
                "svg": svg,
                "methods": render.html(methods, count, kind="first"),
                "attacks": render.html(attacks, kind="ladder"),
                "markdown": [render.markdown(methods), render.markdown(attacks)],
            }
        )
    if names:
        _table(folder / "tables", "ranks", ranks_table(names, rankings))
    lines = [
        {"name": c, "svg": Markup(critical_difference(names, rankings[c], f"ranks-{n}", folder / "figures"))}
        for n, c in enumerate(CRITERIA)
        if c in rankings
    ]
    text = _markdown(comparison, said, databases, names, rankings, left, command)
    write_bytes(folder / "compare.md", text.encode("utf-8", "replace"))
    page = folder / "compare.html"
    text = (
        environment()
        .get_template("compare.html.j2")
        .render(
            answer=said,
            databases=databases,
            ranks=render.html(ranks_table(names, rankings)) if names else "",
            lines=[one for one in lines if one["svg"]],
            blocks=next((found.blocks for found in rankings.values()), 0),
            left=left,
            sources=comparison.sources,
            command=command,
            style=asset("style.css"),
            script=asset("tables.js"),
            script_hash=script_hash(asset("tables.js")),
        )
    )
    write_bytes(page, text.encode("utf-8", "replace"))
    return page


def _table(folder: Path, name: str, table: Table[Any]) -> None:
    write_bytes(folder / f"{name}.csv", render.table_csv(table).encode("utf-8", "replace"))
    write_bytes(folder / f"{name}.tex", render.latex(table).encode("utf-8", "replace"))


def _markdown(
    comparison: Comparison,
    said: Sequence[str],
    databases: Sequence[dict[str, Any]],
    names: Sequence[str],
    rankings: dict[str, Ranking],
    left: Sequence[tuple[str, str]],
    command: str,
) -> str:
    parts = ["# Runs side by side", *map(render.plain, said)]
    for one in databases:
        of = one["of"]
        parts.append(f"## {render.plain(of.name)}: {of.pictures} pictures of {of.people} people")
        parts += one["markdown"]
    if names:
        parts += ["## Ranks", render.markdown(ranks_table(names, rankings))]
    if left:
        parts += ["## Left out", "\n".join(f"- {render.plain(what)}: {render.plain(why)}" for what, why in left)]
    rows = [f"| {render.plain(s.name)} | {s.version} | {s.seed} | {s.sha256} |" for s in comparison.sources]
    parts += ["## Runs", "\n".join(["| run | deidframe | seed | sha256 of its rows |", "|---|---|---|---|", *rows])]
    parts.append(f"Made by `{command}`.")
    return "\n\n".join(parts) + "\n"
