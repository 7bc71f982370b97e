"""Redactors that take a person's pictures together, or whole photos; what they could not make is withheld."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.contract import RecipeError
from deidframe.engine.run import Outcome, run
from deidframe.guard.hygiene import decode_jpeg
from deidframe.record.schema import Cell

GREY = docstring_code("redactor")
HEAD = "from typing import Literal\nclass Settings(Params):\n    @property\n    def takes(self):\n        return {!r}\n"
SOURCE = docstring_code("source").replace("subjects=ids)", "subjects=[f'p{n % 4}' for n in range(self.count)])")
# a person's pictures in one grey: the mean of all of them
PERSON = GREY.replace("class Settings(Params):\n    pass\n", HEAD.format("person")).replace(
    "grey = np.asarray(faces.images[:]).mean(axis=3, keepdims=True).astype(np.uint8)",
    "assert len(faces) == 3 and faces.subjects is None, (len(faces), faces.subjects)\n"
    "        one = int(np.asarray(faces.images[:]).mean()) + int(faces.images[:].sum() % 50)\n"
    "        grey = np.full((len(faces), *faces.size, 1), one, np.uint8)",
)
SCENE = GREY.replace("class Settings(Params):\n    pass\n", HEAD.format("scene")).replace(
    "    def redact(self, faces):",
    "    def redact_scene(self, photos, seen):\n"
    "        from deidframe.contract import Photos\n"
    "        assert seen.looked_at == photos.ids and len(seen) >= len(photos)\n"
    "        made = [255 - photos.open(i) for i in photos]\n"
    "        return CODE\n\n"
    "    def redact(self, faces):",
)
ALL = "Photos.from_arrays(photos.ids, made)"


def ran(tmp_path: Path, code: str, source: str = SOURCE) -> Outcome:
    return run(planned(tmp_path, listed("redactor", "grey", code), listed("source", "noise", source)), tmp_path / "run")


def row(outcome: Outcome) -> Cell:
    return next(cell for cell in outcome.cells if cell.method == "grey" and not cell.attack)


def shown(tmp_path: Path) -> list[np.ndarray]:
    return [decode_jpeg(path.read_bytes()) for path in sorted((tmp_path / "run" / "compared" / "grey").glob("*.jpg"))]


def test_a_persons_pictures_are_given_together(tmp_path: Path) -> None:
    cell = row(ran(tmp_path, PERSON))
    assert (cell.status, cell.released) == ("ok", 12), cell.reason
    tones = sorted(round(float(one.mean())) for one in shown(tmp_path))
    assert len(set(tones)) <= 4
    assert all(tones.count(tone) % 3 == 0 for tone in set(tones))


def test_whole_photos_are_redacted_and_faces_cut_out_of_them(tmp_path: Path) -> None:
    cell = row(ran(tmp_path, SCENE.replace("CODE", ALL)))
    assert (cell.status, cell.released) == ("ok", 12), cell.reason
    again = row(
        ran(
            tmp_path / "plain",
            GREY.replace(
                "grey = np.asarray(faces.images[:]).mean(axis=3, keepdims=True)",
                "grey = (255 - np.asarray(faces.images[:], np.int64))",
            ).replace("np.repeat(grey, 3, axis=3)", "grey"),
        )
        if (tmp_path / "plain").mkdir() is None
        else None
    )
    assert again.status == "ok"
    one, other = shown(tmp_path), shown(tmp_path / "plain")
    means = [sorted(float(p.mean()) for p in side) for side in (one, other)]
    assert np.abs(np.subtract(*means)).max() < 1.5, "the negative of a crop is the crop of the negative"


@pytest.mark.parametrize(
    ("code", "withheld", "says"),
    [
        ("Photos.from_arrays(photos.ids[1:], made[1:]).__class__(photos.ids[1:], lambda i: made[photos.ids.index(i)],"
         " skipped={photos.ids[0]: 'no face in it'})", 1, "grey: no face in it"),
        ("Photos.from_arrays(photos.ids, [one[:-1] for one in made])", 12, "another size"),
        ("Photos(photos.ids, lambda i: 1 / 0)", 12, "could not be opened (ZeroDivisionError)"),
    ],
)  # fmt: skip
def test_what_could_not_be_made_is_withheld(tmp_path: Path, code: str, withheld: int, says: str) -> None:
    cell = row(ran(tmp_path, SCENE.replace("CODE", code)))
    if withheld == 12:
        assert cell.status == "refused"
        assert says in cell.reason
    else:
        assert (cell.status, cell.released, cell.withheld) == ("ok", 12 - withheld, withheld)
        assert cell.reasons[says] == withheld
    assert len(shown(tmp_path)) == 12 - withheld


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("Photos.from_arrays(photos.ids[1:], made[1:])", "all 12 photos"),
        ("made", "expected Photos, got list"),
        ("Photos.from_arrays(photos.ids, [photos.open(i) for i in photos])", "are the originals"),
    ],
)
def test_what_breaks_the_contract_fails_the_method(tmp_path: Path, code: str, says: str) -> None:
    cell = row(ran(tmp_path, SCENE.replace("CODE", code)))
    assert cell.status in ("failed", "refused")
    assert says in cell.reason
    assert not shown(tmp_path)


def test_it_is_told_no_names(tmp_path: Path) -> None:
    seen = tmp_path / "seen.txt"
    spy = f"import os; file = os.open({str(seen)!r}, os.O_CREAT | os.O_WRONLY)"
    spy += "; os.write(file, repr((photos, seen)).encode()); os.close(file)"
    ran(tmp_path, SCENE.replace("        made = [", f"        {spy}\n        made = [").replace("CODE", ALL))
    assert "noise-" not in seen.read_text()


def test_without_the_verb_it_is_refused(tmp_path: Path) -> None:
    code = GREY.replace("class Settings(Params):\n    pass\n", HEAD.format("scene"))
    cell = row(ran(tmp_path, code))
    assert cell.status == "failed"
    assert "has no method redact_scene" in cell.reason


def test_after_a_method_there_are_no_photos(tmp_path: Path) -> None:
    text = RECIPE.replace('synthesizer = { use = "flat" }', 'synthesizer = { use = "flat" }\nthen = [{ use = "grey" }]')
    with pytest.raises(RecipeError) as caught:
        planned(tmp_path, listed("redactor", "grey", SCENE.replace("CODE", ALL)), recipe=text)
    assert "takes whole photos here, and what a method made are faces" in "".join(caught.value.complaints)
