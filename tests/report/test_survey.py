"""People as attackers: the page holds no answer, answers are counted as they were given, and those of another run are refused."""

from __future__ import annotations

import json
import re
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from browser import PROGRAM, opened
from examples import RECIPE, docstring_code, listed, planned

from deidframe.cli.main import main
from deidframe.contract import UsageError
from deidframe.engine.run import run
from deidframe.report.page import write_report
from deidframe.report.survey import CLEAR, HOME, RESULT, take_answers, write_survey

SOURCE = docstring_code("source").replace("subjects=ids", 'subjects=[f"p{n // 3:02d}" for n in range(self.count)]')
NOBODY = RECIPE.replace("count = 12", "count = 36").replace('use = "noise"', 'use = "noise"\nfictitious = true')


def made_in(scratch: Path, recipe: str = NOBODY, **options: Any) -> Path:
    run(planned(scratch, listed("source", "noise", SOURCE), recipe=recipe), scratch / "run", **options)
    return scratch / "run"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return made_in(tmp_path)


def key_of(folder: Path) -> dict[str, Any]:
    (path,) = (folder / HOME).glob("key-*.json")
    out: dict[str, Any] = json.loads(path.read_text())
    return out


def answered(folder: Path, out: Path, who: str, choose: str) -> Path:
    """Write a participant's answers: right, none or first."""
    key = key_of(folder)
    answers = {}
    for q in key["questions"]:
        right = q["candidates"].index(q["person"]) if q["person"] in q["candidates"] else -1
        answers[str(q["number"])] = {"right": right, "none": -1, "first": 0}[choose]
    out.write_text(json.dumps({"survey": key["survey"], "participant": who, "answers": answers}))
    return out


def test_the_page_asks_and_does_not_answer(made: Path) -> None:
    page, count = write_survey(made, each=6, controls=5)
    key = key_of(made)
    assert count == len(key["questions"]) == 2 * 6 + 5
    assert page == made / "private" / "survey" / "survey.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text()
    pictures = re.sub(r"base64,[^\"]*", "", text)
    assert not any(word in pictures for q in key["questions"] for word in (f'"{q["person"]}"', q["face"], f'"{q["method"]}"'))
    for q in key["questions"]:
        assert len(set(q["candidates"])) == 5
    there = [q["person"] in q["candidates"] for q in key["questions"]]
    assert any(there)
    assert {q["method"] for q in key["questions"]} == {"flat", "grey", CLEAR}
    index = json.loads((made / "private" / "originals" / "index.json").read_text())
    assert all(q["face"] != index[q["person"]][0][0] for q in key["questions"]), "no picture is asked about beside itself"


def test_answers_are_counted_beside_the_machine(made: Path, tmp_path: Path) -> None:
    write_survey(made, each=12, controls=12)
    key = key_of(made)
    files = [answered(made, tmp_path / "a.json", "one", "right"), answered(made, tmp_path / "b.json", "two", "none")]
    told = take_answers(made, files)
    assert told["participants"] == 2
    for method in ("flat", "grey", CLEAR):
        here = sum(q["person"] in q["candidates"] for q in key["questions"] if q["method"] == method)
        assert told["methods"][method]["right"]["value"] == 0.5
        assert told["methods"][method]["right"]["n"] == here
    assert told["methods"]["flat"].get("accused", {"value": 0.0})["value"] == 0.0
    assert 0 <= told["methods"]["grey"]["machine"]["value"] <= 1
    page = write_report(made).read_text()
    assert "People as attackers" in page
    assert "2 participants" in page
    assert not any(person in json.dumps(told) for person in {q["person"] for q in key["questions"]})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "holds no answers"),
        ("[]", "holds no answers"),
        ('{"survey": "x", "participant": "p", "answers": {"0": 9}}', "no number from -1 to 4"),
        ('{"survey": "x", "participant": "p", "answers": {"0": true}}', "no number from -1 to 4"),
        ('{"survey": "../key", "participant": "p", "answers": {}}', "answers another survey"),
        ('{"survey": "abcdef", "participant": "p", "answers": {}}', "answers another survey"),
    ],
)
def test_what_is_no_answer_is_refused(made: Path, tmp_path: Path, text: str, says: str) -> None:
    write_survey(made, each=4, controls=0)
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(UsageError, match=says):
        take_answers(made, [tmp_path / "bad.json"])
    assert not (made / RESULT).exists()


def test_twice_and_unknown_questions_are_refused(made: Path, tmp_path: Path) -> None:
    write_survey(made, each=4, controls=0)
    one = answered(made, tmp_path / "a.json", "one", "first")
    with pytest.raises(UsageError, match="counted already"):
        take_answers(made, [one, one])
    said = json.loads(one.read_text())
    one.write_text(json.dumps(said | {"answers": {"999": 0}}))
    with pytest.raises(UsageError, match="question 999 is not in this survey"):
        take_answers(made, [one])


def test_real_people_are_shown_to_nobody_unasked(tmp_path: Path) -> None:
    real = made_in(tmp_path, NOBODY.replace("fictitious = true", ""))
    assert not (real / "private" / "originals").exists()
    assert main(["survey", str(real)]) == 2
    (tmp_path / "asked").mkdir()
    asked = made_in(tmp_path / "asked", NOBODY.replace("fictitious = true", ""), with_originals=True)
    page, _ = write_survey(asked, each=3, controls=2)
    assert "real people who may be shown to you and to nobody else" in page.read_text()


def test_bounds(made: Path) -> None:
    assert main(["survey", str(made), "--each", "0"]) == 2
    assert main(["survey", str(made), "--each", "300"]) == 2


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
def test_in_a_browser_by_keyboard(made: Path, tmp_path: Path) -> None:
    page, count = write_survey(made, each=2, controls=1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, opened(Path(scratch)) as tab:
        tab.open(page, 400)
        assert tab.complaints == []
        assert tab.run("document.documentElement.scrollWidth") <= 400
        tab.run("window.kept = ''; URL.createObjectURL = made => { made.text().then(text => { kept = text; }); return '#'; }; 1")
        for n in range(count):
            assert tab.run("document.getElementById('where').textContent") == f"Question {n + 1} of {count}"
            tab.press(str(n % 3), 48 + n % 3, str(n % 3))
        assert not tab.run("document.getElementById('done').hidden")
        said = json.loads(tab.run("new Promise(done => setTimeout(() => done(kept), 100))"))
        assert said["survey"] == key_of(made)["survey"]
        assert [said["answers"][str(n)] for n in range(count)] == [n % 3 - 1 for n in range(count)]
