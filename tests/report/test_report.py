from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from examples import RECIPE, planned
from rich.console import Console

from deidframe.contract import UsageError
from deidframe.engine.run import run
from deidframe.record.read import Record, read_run
from deidframe.record.schema import Cell
from deidframe.report.answer import answer
from deidframe.report.page import render, write_report
from deidframe.report.render import html, latex, table_csv, terminal
from deidframe.report.render import markdown as table_markdown
from deidframe.report.rows import judges, rows
from deidframe.report.tables import comparison, every_attack, every_method, ladder

HOSTILE = '<img src=x onerror=alert(1)>=cmd|"\u202e'


def figure(value: float, reach: float = 0.05) -> dict[str, float | int]:
    return {"value": value, "low": value - reach, "high": value + reach, "n": 50}


def record(*cells: Cell, **facts: object) -> Record:
    run_facts = {"name": "trial", "source": {"people": 50}, "limit": None, **facts}
    return Record(Path("nowhere"), run_facts, cells)


CLEAR = Cell(
    "untouched faces",
    "untouched",
    "clear",
    threat="clear",
    encoder="sface",
    candidates=50,
    metrics={"rank1": figure(1.0), "chance1": 0.02},
)
METHOD = Cell(
    "k-Same", "k-same", k=5, k_counted=5, people=50, groups=10, total=300, released=300, metrics={"loss.sface": figure(1.1)}
)
ATTACK = replace(
    METHOD,
    attack="exact",
    threat="naive",
    encoder="sface",
    candidates=50,
    metrics={"rank1": figure(0.15), "bound1": 0.2, "chance1": 0.02},
)
BLUR = Cell("blur", "blur", people=50, total=300, released=300, metrics={"loss.sface": figure(0.9)})
BLURRED = replace(
    BLUR, attack="exact", threat="naive", encoder="sface", candidates=50, metrics={"rank1": figure(0.7), "chance1": 0.02}
)


def test_the_answer_says_what_holds_what_it_costs_and_what_was_reached() -> None:
    assert answer(record(CLEAR, METHOD, ATTACK, BLUR, BLURRED)) == (
        'The strongest attack ("exact", seeing with sface) matched 0.15 [0.10, 0.20] of the people in k-Same right, where'
        " guessing reaches 0.02 and untouched faces give 1.00; the weakest method here, blur, lets 0.70 [0.65, 0.75] be matched.",
        "k-Same keeps its promise: every released picture stands for at least k people (counted on the files: 5).",
        "It loses: a face lies 1.10 [1.05, 1.15] from what is released for it.",
        "Not tried here: linkage, shared, replay, inversion, informed, parrot, reversal, intersection, membership, attribute,"
        " surroundings.",
    )


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (
            (replace(CLEAR, metrics={"rank1": figure(0.4), "chance1": 0.02}), METHOD, ATTACK),
            "The matcher (sface) is weak: it names only 0.40",
        ),
        ((replace(CLEAR, candidates=12), METHOD, replace(ATTACK, candidates=12)), "Only 12 people were tried"),
        ((METHOD, ATTACK), "nothing here says how good the matcher is"),
        (
            (CLEAR, replace(METHOD, k_counted=3), ATTACK),
            "No method kept its promise of k-anonymity: k-Same (k counted 3 below k asked 5)",
        ),
        ((CLEAR, METHOD, replace(ATTACK, metrics={"rank1": figure(0.5), "bound1": 0.2})), "rank-1 above 1/k under exact"),
        ((CLEAR, replace(METHOD, status="refused", reason="why")), "No method kept its promise of k-anonymity: k-Same (refused)"),
        ((CLEAR, BLUR, BLURRED), "No method here promises k-anonymity"),
        ((), "No attack on a release was tried"),
    ],
)
def test_the_answer_warns(cells: tuple[Cell, ...], says: str) -> None:
    assert says in " ".join(answer(record(*cells)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("report")
    text = RECIPE.replace('name = "grey"', f"name = {json.dumps(HOSTILE.replace('/', ''), ensure_ascii=False)}")
    run(planned(scratch, recipe=text), scratch / "run")
    write_report(scratch / "run")
    return scratch / "run"


def test_the_page_is_inert_and_whole(finished: Path) -> None:
    page = (finished / "report.html").read_text("utf-8")
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1
    allowed = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in page
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(s.startswith(("data:", "#")) for s in sources)
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", page.replace(scripts[0], "")).lower())
    for heading in ("The methods side by side", "The trade-off", "Attack by attack", "Groups", "Certificates", "Provenance"):
        assert heading in page


def test_originals_of_real_people_are_not_in_the_page(finished: Path, tmp_path: Path) -> None:
    sheets = list((finished / "figures" / "sheet").glob("*/sheet.json"))
    assert sheets
    assert all(not group["members"] for sheet in sheets for group in json.loads(sheet.read_text())["groups"])
    run(planned(tmp_path), tmp_path / "run", with_originals=True)
    write_report(tmp_path / "run")
    assert (tmp_path / "run" / "private" / "report-with-originals.html").stat().st_mode & 0o777 == 0o600
    public = [json.loads(s.read_text()) for s in (tmp_path / "run" / "figures").rglob("sheet.json")]
    private = [json.loads(s.read_text()) for s in (tmp_path / "run" / "private").rglob("sheet.json")]
    assert not any(group["members"] for sheet in public for group in sheet["groups"])
    assert all(group["members"] for sheet in private for group in sheet["groups"])


def test_tables_hold_every_figure_and_no_formula(finished: Path) -> None:
    made = read_run(finished)
    lines = table_csv(every_method(made)).splitlines()
    assert lines[0].startswith("method,status,reason,k,k_counted")
    assert len(lines) == 3
    assert "rank1_low" in table_csv(every_attack(made)).splitlines()[0]
    hostile = replace(made.cells[0], method="=cmd()")
    assert "'=cmd()" in table_csv(every_method(Record(finished, made.run, (hostile,))))
    assert r"\begin{tabular}" in latex(comparison(made))


def test_every_medium_says_the_same_of_the_same_figure() -> None:
    """One model of the columns: a head or a figure cannot drift apart between page, Markdown, terminal, CSV and LaTeX."""
    failed = replace(ATTACK, method="blur", status="failed", reason="broke")
    table = comparison(record(CLEAR, METHOD, ATTACK, BLUR, failed))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(terminal(table, "trial"))
    texts = [str(html(table)), table_markdown(table), latex(table)]
    said = console.export_text()
    assert all(
        word in said for word in ("0.15", "[0.10, 0.20]", "[1.05, 1.15]", "rank-1, exact", "failed", "untouched faces (sface)")
    )
    assert '0.15 <span class="ci">[0.10, 0.20]</span>' in texts[0]
    for text in texts:
        flat = re.sub(r"<[^>]*>", "", text.replace("<br>", " "))
        assert "0.15 [0.10, 0.20]" in flat
        assert "1.10 [1.05, 1.15]" in flat
        assert "rank-1, exact" in flat
        assert "failed" in flat
        assert "untouched faces (sface)" in flat
    read = list(csv.DictReader(io.StringIO(table_csv(table))))
    assert (read[0]["rank-1,\nexact"], read[0]["rank-1,\nexact_low"], read[0]["rank-1,\nexact_n"]) == ("0.15", "0.1", "50")
    assert {column.head for column in table.narrow.columns} < {column.head for column in table.columns}


def test_a_head_says_what_its_figure_means() -> None:
    table = comparison(record(CLEAR, METHOD, ATTACK))
    shown = [column for column in table.columns if column.metric]
    assert shown
    assert all(column.meaning for column in shown)
    assert 'title="people whom the attacker names among its first r candidates' in html(table)


def test_a_run_without_attacks_still_has_a_page(tmp_path: Path) -> None:
    text = RECIPE[: RECIPE.index("[[attack]]")]
    run(planned(tmp_path, recipe=text), tmp_path / "run")
    page = write_report(tmp_path / "run").read_text("utf-8")
    assert "nothing to draw" in page
    assert render(read_run(tmp_path / "run"), "", tmp_path)


def test_a_folder_that_is_no_run(tmp_path: Path, finished: Path) -> None:
    with pytest.raises(UsageError, match=r"run\.json is missing"):
        read_run(tmp_path)
    for name in ("run.json", "cells.jsonl"):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    for text in ('{"method": ', "[]", '{"method": "x", "slug": "x", "people": NaN}', '{"slug": "x"}'):
        (tmp_path / "cells.jsonl").write_text(text)
        with pytest.raises(UsageError, match="a record is damaged"):
            read_run(tmp_path)


def test_no_figure_is_ever_not_a_number() -> None:
    with pytest.raises(ValueError, match="not finite"):
        replace(METHOD, metrics={"loss": figure(float("nan"))}).as_dict()


def test_the_markdown_says_the_same(finished: Path) -> None:
    text = (finished / "report.md").read_text("utf-8")
    for sentence in answer(read_run(finished)):
        assert sentence.replace("<", "&lt;") in text
    assert "## Certificate: flat" in text
    assert "| chance |" in text
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)>=cmd\\|" in text


def test_a_bound_that_is_reached_exactly_is_kept() -> None:
    exact = {"value": 0.2, "low": 0.2 + 1e-12, "high": 0.2, "n": 50}
    table = comparison(record(CLEAR, METHOD, replace(ATTACK, metrics={"rank1": exact, "bound1": 0.2, "chance1": 0.02})))
    assert not table.lines[0].broken


def test_the_ladder_shades_every_attack_and_says_what_lies_above_its_bound() -> None:
    above = replace(ATTACK, attack="linkage", threat="linkage", metrics={"rank1": figure(0.5), "bound1": 0.2, "chance1": 0.02})
    control = replace(BLURRED, metrics={**BLURRED.metrics, "control1": figure(0.03)})
    table = ladder(record(CLEAR, METHOD, ATTACK, above, BLUR, control))
    assert [line.label for line in table.lines] == ["exact", "linkage"]
    assert [column.head for column in table.columns] == ["guessing", "exchanged\npeople", "untouched\nfaces", "k-Same", "blur"]
    first, second = (list(map(line.read, table.columns)) for line in table.lines)
    assert (first[0], first[1]) == (0.02, 0.03)
    assert second[4] is None
    page = html(table)
    assert page.count("above 0.20") == 1
    assert "--heat:70%" in page
    for text in (table_markdown(table), table_csv(table)):
        assert "0.5" in text


def test_loss_is_told_in_an_encoder_that_as_few_methods_as_can_be_used() -> None:
    own = replace(METHOD, sees=("dlib", "sface"), metrics={f"loss.{by}": figure(1.0) for by in ("dlib", "facenet", "sface")})
    other = replace(BLUR, metrics={f"loss.{by}": figure(0.9) for by in ("dlib", "facenet", "sface")})
    asked = record(CLEAR, own, replace(ATTACK, sees=own.sees), other, BLURRED)
    assert judges(asked) == ("facenet", "sface", "dlib")
    assert "1.00 [0.95, 1.05]" in table_markdown(comparison(asked))
    assert "1.00* [0.95, 1.05]" in table_markdown(comparison(asked))
    everywhere = record(CLEAR, own, replace(ATTACK, sees=own.sees), BLUR, BLURRED)
    assert judges(everywhere)[0] == "sface", "in which every method was measured"


def test_the_naive_attack_stands_beside_the_worst() -> None:
    stronger = replace(BLURRED, attack="undone", threat="inversion", metrics={"rank1": figure(0.9), "chance1": 0.02})
    row = next(one for one in rows(record(CLEAR, BLUR, BLURRED, stronger)) if one.cell is BLUR)
    assert (row.worst, row.naive) == (stronger, BLURRED)
