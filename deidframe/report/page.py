"""Write the report of a run: one self-contained page, the same as Markdown, the tables and the figure as files."""

from __future__ import annotations

import base64
import json
import shlex
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from deidframe.record.read import Record, read_run
from deidframe.record.schema import Cell
from deidframe.record.write import write_bytes
from deidframe.report.answer import answer, best
from deidframe.report.elbow_figure import draw_elbows
from deidframe.report.exports import attacks_csv, methods_csv, methods_latex
from deidframe.report.figure import style_of, trade_off
from deidframe.report.grouping_figure import loss_against_k, time_against_loss
from deidframe.report.map_figure import HOME, draw_groupings
from deidframe.report.markdown import markdown
from deidframe.report.rows import attack_encoder, chance, groupings, rows, shown
from deidframe.report.surrogate_figure import against_k, distances

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(folder: Path) -> Path:
    """Write `report.html`, `report.md`, `tables/` and `figures/` and return the page's path.

    Where the run kept originals of real people, a second page that shows them is written under `private/`.
    """
    record = read_run(folder)
    svg = trade_off(rows(record), chance(record), attack_encoder(record), folder / "figures")
    loss_against_k(groupings(record), folder / "figures")
    time_against_loss(groupings(record), folder / "figures")
    against_k(rows(record), attack_encoder(record), folder / "figures")
    for encoder in _judges(record)["encoders"]:
        distances(record.methods, encoder, folder / "figures")
    draw_groupings(record)
    elbows = draw_elbows(record)
    write_bytes(folder / "report.md", markdown(record).encode("utf-8", "replace"))
    for name, text in (
        *elbows.items(),
        ("methods.csv", methods_csv(record)),
        ("attacks.csv", attacks_csv(record)),
        ("methods.tex", methods_latex(record)),
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
        record: of the run. svg: the trade-off figure. sheets: folder of the contact sheets' thumbnails.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = _figure
    environment.filters["number"] = _number
    all_rows = rows(record)
    attacks = list(dict.fromkeys(c.attack for c in record.cells if c.attack and c.threat != "clear"))
    tried = [(name, next(c for c in record.cells if c.attack == name)) for name in attacks]
    return environment.get_template("report.html.j2").render(
        run={"people": None, **record.run},
        answer=answer(record),
        rows=list(enumerate(all_rows)),
        groupings=groupings(record),
        grouped=_by_kind(groupings(record)),
        k_svg=Markup(against_k(all_rows, attack_encoder(record), None)),
        distance_svgs=[(e, Markup(distances(record.methods, e, None))) for e in _judges(record)["encoders"]],
        panels=_panels(record),
        judged=[c for c in record.methods if "distinct" in c.metrics],
        judges=_judges(record),
        elbows=_elbows(record),
        people_svg=Markup(loss_against_k(groupings(record), None)),
        times_svg=Markup(time_against_loss(groupings(record), None)),
        best=best(all_rows),
        attacks=attacks,
        tried=tried,
        clear=record.clear,
        chance=chance(record),
        encoder=attack_encoder(record),
        encoders=_encoders(record),
        svg=Markup(svg),
        style=_style(),
        marks=[style_of(n) for n in range(len(all_rows))],
        sheets=_sheets(record, sheets),
        stages=list(dict.fromkeys(s for c in record.methods for s in c.stages)),
        command=_command(record),
        shown=shown,
    )


def _figure(figure: dict[str, Any] | None, decimals: int = 2) -> Any:
    """Return a value with its interval in smaller type, or a dash."""

    if not figure:
        return "–"
    d = decimals
    interval = f"[{figure['low']:.{d}f}, {figure['high']:.{d}f}]"
    return Markup('{} <span class="ci">{}</span>').format(f"{figure['value']:.{d}f}", interval)


def _number(value: float | None, decimals: int = 2) -> str:
    """Return a plain number, or a dash."""
    return "–" if value is None else f"{value:.{decimals}f}"


def _judges(record: Record) -> dict[str, Any]:
    """Return the detectors and encoders by which pictures were judged."""
    names = {name for c in record.methods for name in c.metrics}

    def of(kind: str) -> list[str]:
        return sorted(name.partition(".")[2] for name in names if name.startswith(f"{kind}."))

    return {"detectors": of("least_score"), "encoders": of("kernel"), "attributes": "age_off" in names}


def _style() -> Any:

    return Markup((_TEMPLATES / "style.css").read_text("utf-8"))


def _encoders(record: Record) -> list[str]:
    """Return the encoders in which the groups were measured."""
    return sorted({name.partition(".")[2] for c in record.methods for name in c.metrics if name.startswith("sse.")})


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


def _by_kind(cells: tuple[Cell, ...]) -> list[tuple[str, list[Cell]]]:
    """Return the groupings of people, which have a k, and those that find people among pictures."""
    kinds = (
        ("Groups of at least k people", [c for c in cells if c.k]),
        ("People found among pictures", [c for c in cells if not c.k]),
    )
    return [(title, kept) for title, kept in kinds if kept]


def _uri(path: Path, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _command(record: Record) -> str:
    recipe = record.run["recipe"]
    words = ["deidframe", "run", recipe["file"], *(w for s in recipe["set"] for w in ("--set", s))]
    if record.run.get("limit"):
        words += ["--limit", str(record.run["limit"])]
    return shlex.join(words)
