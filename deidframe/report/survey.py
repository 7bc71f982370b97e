"""People as attackers: a page that asks whom a released face shows, its key, and what came back.

The page holds no answer: which of the candidates is right lies in a key beside it that stays with the owner.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.contract.errors import UsageError
from deidframe.measure.interval import Estimate, mean_by_person
from deidframe.recipe.parse import slug
from deidframe.record.private import people_of, read_arrays
from deidframe.record.read import Record, read_run
from deidframe.record.write import write_bytes, write_json
from deidframe.report.assets import asset, environment, script_hash

ORIGINALS = Path("private") / "originals"
HOME = Path("private") / "survey"
RESULT = Path("figures") / "survey.json"
CANDIDATES = 5
ABSENT = 0.2
"""Share of questions in which the right one is not among the candidates."""
MOST = 400
"""Questions of one page."""
SIDE = 160
"""Pixels of a picture."""
CLEAR = "untouched faces"
"""What questions about clear faces are told as: how well people match at all."""


@dataclass(frozen=True)
class Question:
    """One question, as the key has it.

    Args:
        number: from 0, as the page has it.
        method: whose released picture is shown, or `CLEAR`.
        person: who is on it.
        face: its id.
        candidates: people, in the order of the page.
    """

    number: int
    method: str
    person: str
    face: str
    candidates: tuple[str, ...]

    @property
    def right(self) -> int:
        """The place of the right candidate, -1 where it is not among them."""
        return self.candidates.index(self.person) if self.person in self.candidates else -1


def write_survey(folder: Path, out: Path | None = None, *, each: int = 20, controls: int = 10) -> tuple[Path, int]:
    """Write the page and its key; return the page and how many questions it has.

    Args:
        folder: the run folder.
        out: folder of the page, `private/survey` of the run without it; the key stays in the run.
        each: questions for each method.
        controls: questions about clear faces.

    Raises:
        UsageError: the run kept no originals that may be shown, or too few people, or nothing was released.
    """
    if each < 1 or controls < 0:
        raise UsageError(f"{each} questions a method and {controls} controls: expected at least 1 and 0")
    record = read_run(folder)
    index = _index(folder)
    if len(index) <= CANDIDATES:
        raise UsageError(f"{len(index)} people have pictures that may be shown; a question needs {CANDIDATES + 1}")
    shown = {cell.method: _shown(folder, cell.slug, index) for cell in record.methods if cell.protects and not cell.grouping}
    shown = {method: faces for method, faces in shown.items() if faces}
    if not shown:
        raise UsageError(f"{str(folder)!r} released nothing of those people whose originals may be shown")
    if len(shown) * each + controls > MOST:
        raise UsageError(f"{len(shown)} methods with {each} questions and {controls} controls are more than {MOST}; ask fewer")
    secret = secrets.token_bytes(16)
    draw = np.random.default_rng(int.from_bytes(hashlib.sha256(secret).digest()[:8], "big"))
    people = sorted(index)
    asked: list[tuple[str, str, str, str]] = []
    for method, faces in shown.items():
        for n in draw.permutation(len(faces))[:each].tolist():
            asked.append((method, *faces[n]))
    twice = [person for person in people if len(index[person]) > 1]
    for n in draw.permutation(len(twice))[:controls].tolist():
        face, file = index[twice[n]][1]
        asked.append((CLEAR, twice[n], face, str(folder / ORIGINALS / file)))
    questions, pages = [], []
    for number, place in enumerate(draw.permutation(len(asked)).tolist()):
        method, person, face, path = asked[place]
        others = [other for other in people if other != person]
        candidates = [others[n] for n in draw.permutation(len(others))[:CANDIDATES].tolist()]
        if draw.random() >= ABSENT:
            candidates[int(draw.integers(CANDIDATES))] = person
        questions.append(Question(number, method, person, face, tuple(candidates)))
        small = _small(Path(path))
        pages.append(
            {
                "shown": _uri(small),
                "candidates": [_uri((folder / ORIGINALS / index[one][0][1]).read_bytes()) for one in candidates],
            }
        )
    name = hmac.digest(secret, json.dumps([vars(q) for q in questions]).encode(), "sha256").hex()[:20]
    key = {"survey": name, "questions": [{**vars(q), "candidates": list(q.candidates)} for q in questions]}
    write_json(folder / HOME / f"key-{name}.json", key, private=True)
    fictitious = bool(record.run.get("source", {}).get("fictitious"))
    page = (out or folder / HOME) / "survey.html"
    text = (
        environment()
        .get_template("survey.html.j2")
        .render(
            fictitious=fictitious,
            count=len(questions),
            data=json.dumps({"survey": name, "questions": pages}).replace("<", "\\u003c"),
            style=asset("style.css") + asset("survey.css"),
            script=asset("survey.js"),
            script_hash=script_hash(asset("survey.js")),
        )
    )
    write_bytes(page, text.encode("utf-8"), private=True)
    return page, len(questions)


def _index(folder: Path) -> dict[str, list[list[str]]]:
    path = folder / ORIGINALS / "index.json"
    if not path.is_file():
        raise UsageError(
            f"{str(folder)!r} kept no originals that may be shown to people: run the recipe with --with-originals, or on people"
            " who do not exist (fictitious = true)"
        )
    found: dict[str, list[list[str]]] = json.loads(path.read_text("utf-8", "surrogateescape"))
    return found


def _shown(folder: Path, name: str, index: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return person, face and file of one released picture of each person, never of the picture that stands among candidates."""
    mapping = folder / "private" / "mapping" / f"{name}.json"
    home = next((path for path in (folder / "release" / name, folder / "compared" / name) if path.is_dir()), None)
    if home is None or not mapping.is_file():
        return []
    found: dict[str, tuple[str, str, str]] = {}
    for one in json.loads(mapping.read_text("utf-8", "surrogateescape")):
        person = one["person"]
        if person not in index or one["face"] == index[person][0][0] or person in found:
            continue
        path = home / one["file"]
        if one["file"] and path.is_file():
            found[person] = (person, one["face"], str(path))
    return [found[person] for person in sorted(found)]


def _small(path: Path) -> bytes:
    import cv2

    from deidframe.guard.hygiene import decode_jpeg, encode_jpeg

    picture = decode_jpeg(path.read_bytes())
    return encode_jpeg(np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8))


def _uri(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def take_answers(folder: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Count what people answered, write `figures/survey.json` and return it.

    Args:
        folder: the run folder.
        files: answers that came back.

    Raises:
        UsageError: answers of another run or survey, given twice, or no answers at all; nothing is written.
    """
    record = read_run(folder)
    taken: dict[str, dict[int, int]] = {}
    keys: dict[str, dict[int, Question]] = {}
    for path in files:
        name, who, answers = _answers(path)
        if name not in keys:
            keys[name] = _key(folder, name, path)
        if who in taken:
            raise UsageError(f"{str(path)!r}: these answers are of a participant who is counted already ({who})")
        questions = keys[name]
        if set(answers) - set(questions):
            raise UsageError(f"{str(path)!r}: question {min(set(answers) - set(questions))} is not in this survey")
        taken[who] = answers
        if len(keys) > 1:
            raise UsageError(f"{str(path)!r}: answers of two surveys cannot be counted together; give those of one")
    if not taken:
        raise UsageError("no answers were given")
    questions = next(iter(keys.values()))
    result = {"participants": len(taken), "candidates": CANDIDATES, "methods": {}}
    for method in dict.fromkeys(q.method for q in questions.values()):
        own = [q for q in questions.values() if q.method == method]
        told = _told(own, taken)
        if told:
            machine = _machine(record, method, [q for q in own if q.right >= 0])
            result["methods"][method] = told | ({"machine": machine.as_dict()} if machine else {})  # type: ignore[index]
    write_json(folder / RESULT, result)
    return result


def _answers(path: Path) -> tuple[str, str, dict[int, int]]:
    """Return survey, participant and question -> the place that was chosen, -1 for none of them."""
    try:
        if path.stat().st_size > 2**20:
            raise ValueError("it is larger than answers are")
        said = json.loads(path.read_text("utf-8"))
        name, who, given = said["survey"], said["participant"], said["answers"]
        if not (isinstance(name, str) and isinstance(who, str) and isinstance(given, dict)):
            raise ValueError("survey, participant or answers is of another kind")
        answers = {int(number): choice for number, choice in given.items()}
        if any(isinstance(one, bool) or not isinstance(one, int) or not -1 <= one < CANDIDATES for one in answers.values()):
            raise ValueError(f"an answer is no number from -1 to {CANDIDATES - 1}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{str(path)!r} holds no answers of a survey: {error}") from None
    return name, who[:80], answers


def _key(folder: Path, name: str, path: Path) -> dict[int, Question]:
    key = folder / HOME / f"key-{name}.json"
    if not name.isalnum() or not key.is_file():
        raise UsageError(f"{str(path)!r} answers another survey: {str(folder)!r} has no key for it")
    said = json.loads(key.read_text("utf-8", "surrogateescape"))["questions"]
    return {q["number"]: Question(q["number"], q["method"], q["person"], q["face"], tuple(q["candidates"])) for q in said}


def _told(questions: Sequence[Question], taken: Mapping[str, Mapping[int, int]]) -> dict[str, Any]:
    """Return how often people were right where the right one was there, and how often they chose somebody where it was not."""
    out: dict[str, Any] = {}
    for name, wanted in (("right", True), ("accused", False)):
        shares = []
        for q in questions:
            given = [answers[q.number] for answers in taken.values() if q.number in answers]
            if (q.right >= 0) == wanted and given:
                hits = [one == q.right for one in given] if wanted else [one >= 0 for one in given]
                shares.append(sum(hits) / len(hits))
        figure = mean_by_person(np.array(shares), proportion=True) if shares else None
        if figure is not None:
            out[name] = figure.as_dict()
    return out


def _machine(record: Record, method: str, questions: Sequence[Question]) -> Estimate | None:
    """Return how often the attack that reached most is right on the very same questions; None where its scores do not say."""
    attacks = [c for c in record.attacks_on(method) if c.threat == "naive" and c.gallery == "exact" and "rank1" in c.metrics]
    if not attacks or not questions:
        return None
    cell = max(attacks, key=lambda one: float(one.metrics["rank1"]["value"]))
    path = record.folder / "private" / "scores" / cell.slug / f"{slug(cell.attack)}.npz"
    person_of = people_of(record.folder, cell.slug)
    if not path.is_file():
        return None
    kept = read_arrays(path)
    probes, gallery, columns, scores = (kept[name] for name in ("probes", "gallery", "columns", "scores"))
    row_of = {face: n for n, face in enumerate(probes.tolist())}
    people = np.array([person_of.get(face, "") for face in gallery.tolist()])
    right = []
    for q in questions:
        if q.face not in row_of:
            continue
        row = row_of[q.face]
        seen = columns[row] >= 0
        who, score = people[columns[row][seen]], scores[row][seen]
        best = [float(score[who == one].max(initial=-np.inf)) for one in q.candidates]
        top = max(best)
        right.append(0.0 if top == -np.inf else (best[q.right] == top) / best.count(top))
    return mean_by_person(np.array(right), proportion=True) if right else None
