"""Write the report of a run: one self-contained page, the same as Markdown, the tables and the figure as files."""

from __future__ import annotations

import base64
import json
import shlex
from pathlib import Path
from typing import Any

from markupsafe import Markup

from deidframe.recipe.parse import slug
from deidframe.record.read import Record, read_run
from deidframe.record.write import write_bytes
from deidframe.report.answer import answer, sharing
from deidframe.report.assets import asset, environment, script_hash
from deidframe.report.curve_figure import curves
from deidframe.report.elbow_figure import draw_elbows
from deidframe.report.figure import trade_off
from deidframe.report.glossary import glossary
from deidframe.report.grouping_figure import loss_against_k, time_against_loss
from deidframe.report.map_figure import HOME, draw_groupings
from deidframe.report.markdown import markdown
from deidframe.report.measure_figure import measure_figures
from deidframe.report.render import html, latex, table_csv
from deidframe.report.rows import by_kind, chance, encoders_of, groupings, judges, rows, shown
from deidframe.report.surrogate_figure import against_k, distances
from deidframe.report.survey import RESULT as SURVEY
from deidframe.report.tables import (
    attack_table,
    attacks_of,
    comparison,
    every_attack,
    every_method,
    group_table,
    grouping_table,
    inside_table,
    judged_of,
    kept_of,
    ladder,
    looks_of,
    measured_table,
    quality_table,
    seconds_table,
    survey_table,
)
from deidframe.report.threats import known, untried
from deidframe.report.who_pays import apart_table, columns_of, facts_in_words, said


def write_report(folder: Path) -> Path:
    """Write `report.html`, `report.md`, `tables/` and `figures/` and return the page's path.

    Where the run kept originals of real people, a second page that shows them is written under `private/`.
    """
    record = read_run(folder)
    fairest = next(iter(judges(record)), "")
    svg = trade_off(rows(record), chance(record), fairest, folder / "figures")
    curves(record, folder / "figures")
    loss_against_k(groupings(record), folder / "figures")
    time_against_loss(groupings(record), folder / "figures")
    against_k(rows(record), fairest, folder / "figures")
    measure_figures(record, folder / "figures")
    for encoder in looks_of(record)["encoders"]:
        distances(record.methods, encoder, folder / "figures")
    draw_groupings(record)
    elbows = draw_elbows(record)
    write_bytes(folder / "report.md", markdown(record).encode("utf-8", "replace"))
    for name, text in (
        *elbows.items(),
        ("methods.csv", table_csv(every_method(record))),
        ("attacks.csv", table_csv(every_attack(record))),
        *((f"by-{slug(name)}.csv", table_csv(apart_table(record, name))) for name in columns_of(record)),
        ("methods.tex", latex(comparison(record))),
        *((("ladder.csv", table_csv(ladder(record))), ("ladder.tex", latex(ladder(record)))) if attacks_of(record) else ()),
    ):
        write_bytes(folder / "tables" / name, text.encode("utf-8", "replace"))
    shown_originals = folder / "private" / "figures" / "sheet"
    if shown_originals.is_dir():
        private = folder / "private" / "report-with-originals.html"
        write_bytes(private, render(record, svg, shown_originals).encode("utf-8", "replace"), private=True)
    page = folder / "report.html"  # last: where it is, all is
    write_bytes(page, render(record, svg, folder / "figures" / "sheet").encode("utf-8", "replace"))
    return page


def render(record: Record, svg: str, sheets: Path) -> str:
    """Return the page as text.

    Args:
        record: of the run.
        svg: the trade-off figure.
        sheets: folder of the contact sheets' thumbnails.
    """
    all_rows, looks, encoders, fairest = rows(record), looks_of(record), encoders_of(record), next(iter(judges(record)), "")
    tried = [
        (name, next(c for c in record.cells if c.attack == name), html(attack_table(record, name))) for name in attacks_of(record)
    ]
    judged = judged_of(record)
    quality = quality_table(judged, looks["detectors"], looks["encoders"], attributes=looks["attributes"])
    survey = _survey(record)
    measured = measured_table(record)
    kept = kept_of(record)
    inside = inside_table(judged, list(record.run.get("attributes", {})))
    grouped = [(title, html(grouping_table(cells))) for title, cells in by_kind(groupings(record))]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            run={"people": None, **record.run},
            answer=answer(record),
            sharing=sharing(record),
            audits=record.audits,
            glossary=glossary(record),
            rows=all_rows,
            methods=html(comparison(record, ladder_beside=True), len(all_rows), first=True),
            matrix=html(ladder(record), kind="first ladder") if tried else "",
            curve_svg=Markup(curves(record, None)),
            groups=html(group_table(record, encoders), kind="first") if encoders else "",
            quality=html(quality, kind="first") if judged else "",
            kept=html(kept, kind="first") if kept.columns else "",
            inside=html(inside) if inside.lines else "",
            measured=html(measured, kind="first") if measured.columns else "",
            measures=[(name, said, Markup(svg)) for name, said, svg in measure_figures(record, None)],
            apart=[(name, html(apart_table(record, name))) for name in columns_of(record)],
            differences=said(record),
            survey=survey,
            asked=html(survey_table(survey["methods"])) if survey else "",
            attributes=facts_in_words(record.run.get("attributes", {})),
            seconds=html(seconds_table(record)),
            grouped=grouped,
            k_svg=Markup(against_k(all_rows, fairest, None)),
            distance_svgs=[(e, Markup(distances(record.methods, e, None))) for e in looks["encoders"]],
            panels=_panels(record),
            elbows=_elbows(record),
            people_svg=Markup(loss_against_k(groupings(record), None)),
            times_svg=Markup(time_against_loss(groupings(record), None)),
            tried=tried,
            knows=known,
            untried=untried(record.cells) if tried else [],
            clear=record.clear,
            encoder=fairest,
            used=[row.cell.method for row in all_rows if fairest in row.cell.sees],
            svg=Markup(svg),
            style=asset("style.css"),
            script=asset("tables.js"),
            script_hash=script_hash(asset("tables.js")),
            sheets=_sheets(record, sheets),
            strips=_strips(record),
            command=_command(record),
            shown=shown,
        )
    )


def _survey(record: Record) -> dict[str, Any]:
    """Return what people answered, empty where nobody was asked."""
    path = record.folder / SURVEY
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def _sheets(record: Record, folder: Path) -> list[dict[str, Any]]:
    """Return the contact sheets with their pictures as data URIs."""
    out = []
    for cell in record.methods:
        home = folder / cell.slug
        listing = home / "sheet.json"
        if not listing.is_file():
            continue
        sheet = json.loads(listing.read_text("utf-8"))
        groups = [
            {"shown": _uri(home / g["shown"]), "members": [_uri(home / m) for m in g["members"]], "people": g["people"]}
            for g in sheet["groups"]
        ]
        out.append({"method": cell.method, "shared": sheet["shared"], "groups": groups})
    return out


def _strips(record: Record) -> list[tuple[str, str]]:
    """Return method and picture of the strips of released scenes."""
    drawn = [(cell.method, record.folder / "figures" / "strips" / f"{cell.slug}.jpg") for cell in record.methods]
    return [(name, _uri(path)) for name, path in drawn if path.is_file()]


def _panels(record: Record) -> list[tuple[str, str]]:
    """Return method and picture of the groupings that are drawn."""
    drawn = [(c.method, record.folder / HOME / f"{c.slug}.png") for c in groupings(record)]
    return [(name, _uri(path, "png")) for name, path in drawn if path.is_file()]


def _elbows(record: Record) -> list[dict[str, str]]:
    """Return title, picture or error of each elbow."""
    out = []
    for path in sorted((record.folder / "figures").glob("elbow-*.json")):
        data = json.loads(path.read_text("utf-8"))
        picture = path.with_suffix(".png")
        uri = _uri(picture, "png") if picture.is_file() else ""
        title = data.get("title") or data["use"]
        out.append({"title": title, "encoder": data["encoder"], "error": data["error"], "uri": uri})
    return out


def _uri(path: Path, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _command(record: Record) -> str:
    recipe = record.run["recipe"]
    words = ["deidframe", "run", recipe["file"], *(w for s in recipe["set"] for w in ("--set", s))]
    if record.run.get("limit"):
        words += ["--limit", str(record.run["limit"])]
    if record.run.get("sample"):
        words += ["--sample", str(record.run["sample"]["pictures"])]
    return shlex.join(words)
