"""Surrogates that are originals: a k-Same method that shows one member to the whole group is caught, in whatever guise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from examples import NAMES, RECIPE, docstring_code, listed, planned

from deidframe.engine.run import Outcome, run

LIAR = """
import numpy as np
from deidframe.contract import Component, FaceSet, IndexedStack, Params, hookimpl

class Settings(Params):
    pass

class Liar:
    def __init__(self, params, context):
        self.context = context

    def synthesize(self, faces, surrogates):
        groups, first, rows = np.unique(surrogates.groups, return_index=True, return_inverse=True)
        pictures = []
        for group, row in zip(groups.tolist(), first.tolist()):
            real = np.asarray(faces.images[row : row + 1])[0]
            other = np.asarray(faces.images[(row + 7) % len(faces) : (row + 7) % len(faces) + 1])[0]
            colour = np.full_like(real, self.context.rng(str(group)).integers(0, 256, 3))
            pictures.append(np.ascontiguousarray(WHAT, np.uint8))
        return FaceSet(faces.ids, IndexedStack(np.stack(pictures), rows.astype(np.int64)))

@hookimpl
def deidframe_synthesizers():
    return [Component("flat", f"{__name__}:Liar", Settings, "lies", one_picture_per_group=True, contract=2)]
"""
FACES = """
import cv2
import numpy as np
from deidframe.contract import Component, Params, Photos, hookimpl

class Settings(Params):
    count: int = 4

def opened(name):
    # a face of nobody: what matters is that it has contours and colours of its own
    rng = np.random.default_rng(int(name.removeprefix("noise-")))
    picture = cv2.resize(rng.integers(0, 256, (12, 12, 3)).astype(np.uint8), (256, 256), interpolation=cv2.INTER_CUBIC)
    return picture

class Faces:
    def __init__(self, params, context):
        self.count = params.count

    def load(self):
        ids = tuple(f"noise-{n}" for n in range(self.count))
        return Photos(ids, opened, ids)

@hookimpl
def deidframe_sources():
    return [Component("noise", f"{__name__}:Faces", Settings, "pictures of nobody", contract=2)]
"""


def ran(tmp_path: Path, what: str, *, shows: bool = False) -> Outcome:
    code = LIAR.replace("WHAT", what)
    if shows:
        code = code.replace("one_picture_per_group=True", "one_picture_per_group=True, shows_person=True")
    plugins = (listed("synthesizer", "flat", code), listed("source", "noise", FACES))
    return run(planned(tmp_path, *plugins, recipe=RECIPE.replace("count = 12", "count = 30")), tmp_path / "run")


@pytest.mark.parametrize(
    "what",
    [
        "real",
        "other",
        "real[::-1]",
        "np.rot90(real, 2)",
        "real.transpose(1, 0, 2)",
        "255 - real",
        "255 - np.rot90(other)",
        "real ^ 0x80",
        "real >> 4",
        "(colour & 0xF0) | (real >> 4)",
        "np.roll(real, 40, 0)",
        "np.random.default_rng(5).permutation(real.reshape(-1, 3)).reshape(real.shape)",
        "real * np.array([0, 1, 0])",
        "real if group else colour",
    ],
)
def test_an_original_as_the_surrogate_of_a_group_is_caught(tmp_path: Path, what: str) -> None:
    outcome = ran(tmp_path, what)
    cell = next(c for c in outcome.cells if c.method == "flat")
    assert cell.status == "refused", cell
    assert "original" in cell.reason
    assert not (outcome.folder / "release" / "flat").exists()
    assert not list(outcome.folder.glob("private/**/staged/**/*.jpg"))


def test_one_group_of_many_is_withheld_and_the_others_are_released(tmp_path: Path) -> None:
    outcome = ran(tmp_path, "np.rot90(real, 2) if group == 0 else colour")
    cell = next(c for c in outcome.cells if c.method == "flat")
    assert cell.status == "ok"
    assert cell.reasons == {"its protected picture shows an original in another guise": 3}
    assert (cell.released, cell.withheld) == (27, 3)


def test_colours_are_released_and_the_certificate_says_what_was_looked_for(tmp_path: Path) -> None:
    cell = next(c for c in ran(tmp_path, "colour").cells if c.method == "flat")
    assert cell.status == "ok"
    assert cell.certificate is not None
    words = {check["name"]: check["words"] for check in cell.certificate["checks"]}
    assert "none of 30 released pictures shows an original turned" in words["no original in another guise"]
    assert "all 30 originals" in words["no original in another guise"]


def test_a_large_database_is_compared_with_those_behind_a_picture_and_with_some_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deidframe.engine.evaluate.disguised.MOST", 5)
    (tmp_path / "a").mkdir()
    cell = next(c for c in ran(tmp_path / "a", "colour").cells if c.method == "flat")
    assert cell.certificate is not None
    assert "those behind it and 5 of 30 originals" in json.dumps(cell.certificate)
    (tmp_path / "b").mkdir()
    cell = next(c for c in ran(tmp_path / "b", "real[::-1]").cells if c.method == "flat")
    assert cell.status == "refused"


def test_a_method_that_shows_people_by_design_says_so(tmp_path: Path) -> None:
    outcome = ran(tmp_path, "real", shows=True)
    cell = next(c for c in outcome.cells if c.method == "flat")
    assert cell.status == "ok"
    assert cell.certificate is not None
    checks = {check["name"]: check for check in cell.certificate["checks"]}
    assert checks["nothing handed back"]["held"] is None
    assert checks["no original in another guise"]["held"] is None
    assert "30 of 30 released pictures show one real person" in checks["no original in another guise"]["words"]
    assert cell.certificate["holds_not"][0].startswith("real faces: by design of flat")
    text = " ".join((outcome.folder / "release" / "flat" / "README.txt").read_text().split())
    assert "It shows real faces: by design of flat released pictures show single real people" in text


def test_who_may_show_people_and_does_not_says_nothing_of_it(tmp_path: Path) -> None:
    cell = next(c for c in ran(tmp_path, "colour", shows=True).cells if c.method == "flat")
    assert cell.certificate is not None
    assert "real faces" not in json.dumps(cell.certificate)
    assert all(check["held"] for check in cell.certificate["checks"] if check["name"] != "who is who")


CACHE = (
    "stack = getattr(faces.images, 'pictures', faces.images); "
    "[(setattr(one.flags, 'writeable', True), one.fill(0)) for one in getattr(stack, '_cache', {}).values()]"
)


@pytest.mark.parametrize(
    ("role", "verb", "body"),
    [
        ("redactor", "redact", CACHE),
        ("synthesizer", "synthesize", CACHE),
        ("encoder", "encode", "marks = faces.landmarks; marks.flags.writeable = True; marks += 1"),
        (
            "redactor",
            "redact",
            "marks = faces.landmarks; base = marks if marks.base is None else marks.base; base.flags.writeable = True; base += 1",
        ),
        ("redactor", "redact", "stack = getattr(faces.images, 'pictures', faces.images); stack._matrices += 0.5"),
    ],
)
def test_who_writes_into_what_others_see_changes_nothing_or_fails_by_name(
    tmp_path: Path, role: str, verb: str, body: str
) -> None:
    before, found, after = docstring_code(role).partition(f"    def {verb}(")
    assert found
    signature, _, rest = after.partition("\n")
    poison = listed(role, NAMES[role], f"{before}    def {verb}({signature}\n        {body}\n{rest}")
    source = listed("source", "noise", FACES)
    (tmp_path / "poisoned").mkdir()
    (tmp_path / "clean").mkdir()
    outcome = run(planned(tmp_path / "poisoned", poison, source), tmp_path / "poisoned" / "run", names_key=b"k" * 32)
    clean = run(planned(tmp_path / "clean", source), tmp_path / "clean" / "run", names_key=b"k" * 32)
    same = {c.method: c.metrics for c in clean.cells if not c.attack}
    for cell in outcome.cells:
        if cell.attack:
            continue
        if cell.status == "failed":
            assert "as they were" in cell.reason or "as it was when it was first read" in cell.reason, cell.reason
        else:
            assert cell.metrics == same[cell.method]  # what it changed was its own


def test_an_encoder_that_is_given_everybody_to_learn_from_and_moves_their_landmarks_fails_by_name(tmp_path: Path) -> None:
    poison = """
    def fit(self, faces):
        marks = faces.landmarks
        while marks.base is not None:
            marks = marks.base
        marks.flags.writeable = True
        marks += 40

    def encode("""
    encoder = listed("encoder", "colour", docstring_code("encoder").replace("    def encode(", poison.lstrip("\n"), 1))
    outcome = run(planned(tmp_path, encoder, listed("source", "noise", FACES)), tmp_path / "run")
    cell = next(c for c in outcome.cells if c.method == "flat")
    assert cell.status == "failed"
    assert "encoder colour: its input: expected landmarks and labels as they were" in cell.reason
    assert not (outcome.folder / "release" / "flat").exists()
