"""Whatever gives one person two labels stops the run, or is said and cured; with the real detector and recogniser."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from deidframe.contract import Context, RecipeError, ReleaseRefused, UsageError
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import Outcome, run
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse

RECIPE = """
schema = 1
name = "people"
[source]
use = "folder"
subjects = "labelled"
params = { path = "PATH" }
[detector]
use = "yunet"
[[method]]
name = "pixel"
k = 2
encoder = { use = "dlib-resnet" }
clusterer = { use = "fixed-size" }
outliers = { use = "nearest-group" }
anonymizer = { use = "centroid" }
synthesizer = { use = "pixel-mean" }
"""
PEOPLE, PICTURES = 4, 4


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Pictures of people who do not exist: person -> files."""
    folder = tmp_path_factory.mktemp("people")
    found = Catalogue().load("source", "synthetic-people")
    params = found.component.params.model_validate({"people": 30, "pictures": PICTURES})
    photos = found.make(params, Context(seed=1, scratch=folder)).load()
    made: dict[str, list[Path]] = {}
    for photo, person in zip(photos.ids, photos.subjects, strict=True):
        target = folder / f"{person}-{len(made.get(person, []))}.png"
        Image.fromarray(photos.open(photo)).save(target)
        made.setdefault(person, []).append(target)
    return made


def lay(shots: dict[str, list[Path]], root: Path, where: Callable[[str, int], str], people: int = PEOPLE) -> Path:
    for person, files in list(shots.items())[:people]:
        for n, file in enumerate(files):
            target = root / where(person, n)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    return root


def ran(path: Path, out: Path, *overrides: str) -> Outcome:
    parsed = parse(RECIPE.replace("PATH", str(path)), "r.toml", overrides)
    scratch = out.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return run(plan(parsed, Catalogue(), scratch), out)


def certificate(outcome: Outcome) -> str:
    (cell,) = outcome.cells
    assert cell.status == "ok", cell.reason
    assert cell.certificate is not None
    return " ".join(check["words"] for check in cell.certificate["checks"])


@pytest.mark.parametrize(
    "where",
    [
        lambda person, n: f"{person}/visit{1 + n % 2}/{n}.png",
        lambda person, n: f"{person}/{'.picasaoriginals/' if n > 1 else ''}{n % 2}.png",
        lambda person, n: f"{person.upper() if n % 2 else person}/{n}.png",
        lambda person, n: f"{person}/{'@eaDir/' if n % 2 else ''}{n}.png",
    ],
)
def test_a_person_has_one_label_however_the_files_lie(
    shots: dict[str, list[Path]], tmp_path: Path, where: Callable[[str, int], str]
) -> None:
    outcome = ran(lay(shots, tmp_path / "in", where), tmp_path / "run")
    assert f"compared all pairs of {PEOPLE} labels" in certificate(outcome)
    assert "99 of 100" in certificate(outcome) or "98 of 100" in certificate(outcome)


def test_spellings_in_a_table_are_one_person(shots: dict[str, list[Path]], tmp_path: Path) -> None:
    root = lay(shots, tmp_path / "in", lambda person, n: f"{person}-{n}.png")
    lines = ["path,person"]
    lines += [
        f"{person}-{n}.png,{person.upper() if n % 2 else f' {person}'}"
        for person in list(shots)[:PEOPLE]
        for n in range(PICTURES)
    ]
    (root / "list.csv").write_text("\n".join(lines))
    assert f"all pairs of {PEOPLE} labels" in certificate(ran(root / "list.csv", tmp_path / "run"))


def test_two_labels_of_one_person_stop_the_run_until_somebody_decides(shots: dict[str, list[Path]], tmp_path: Path) -> None:
    root = lay(shots, tmp_path / "in", lambda person, n: f"{person}{'ab'[n % 2]}/{n}.png")
    with pytest.raises(ReleaseRefused, match=r"4 pairs of labels look like one person.*same_person") as caught:
        ran(root, tmp_path / "stopped")
    assert caught.value.exit_code == 6
    assert not (tmp_path / "stopped" / "release").exists()
    listed = tmp_path / "stopped" / "private" / "same_person.csv"
    assert listed.stat().st_mode & 0o777 == 0o600
    pairs = list(csv.DictReader(listed.read_text().splitlines()))
    assert {(line["a"], line["b"]) for line in pairs} == {(f"{p}a", f"{p}b") for p in list(shots)[:PEOPLE]}
    assert f"{PEOPLE} pairs looked alike and were taken for one person" in certificate(
        ran(root, tmp_path / "merged", "source.same_person=merge")
    )
    mapping = json.loads((tmp_path / "merged" / "private" / "mapping" / "pixel.json").read_text())
    assert len({entry["person"] for entry in mapping}) == PEOPLE
    (false,) = ran(root, tmp_path / "false", "source.same_person=apart").cells  # a mean of two labels is one person's face
    assert false.status == "refused"
    assert "show an original" in false.reason
    apart = ran(root, tmp_path / "apart", "source.same_person=apart", "method[0].k=4")
    assert "kept apart as the owner says" in certificate(apart)
    with listed.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(pairs[0]))
        writer.writeheader()
        writer.writerows({**line, "same": "yes" if n else "no"} for n, line in enumerate(pairs))
    decided = ran(root, tmp_path / "decided", f'source.same_person={{ decisions = "{listed}" }}', "method[0].k=4")
    assert "3 pairs looked alike and were taken for one person; 1 pair looked alike and were kept apart" in certificate(decided)
    listed.write_text("a,b,same\nx,y,perhaps\n")
    with pytest.raises(UsageError, match=r'same_person.csv:2: same = .perhaps.; expected "yes", "no"'):
        ran(root, tmp_path / "again", f'source.same_person={{ decisions = "{listed}" }}')
    listed.write_text("one,other,same\nx,y,yes\n")
    with pytest.raises(UsageError, match=r"same_person.csv:1: expected"):
        ran(root, tmp_path / "columns", f'source.same_person={{ decisions = "{listed}" }}')
    with pytest.raises(RecipeError):
        ran(root, tmp_path / "again2", "source.same_person=perhaps")


def test_one_per_image_of_several_pictures_a_person_stops(shots: dict[str, list[Path]], tmp_path: Path) -> None:
    root = lay(shots, tmp_path / "in", lambda person, n: f"{person}-{n}.png")
    with pytest.raises(ReleaseRefused, match="look like one person"):
        ran(root, tmp_path / "run", "source.subjects=one-per-image")


def test_somebody_else_under_a_label_is_withheld_with_its_name(shots: dict[str, list[Path]], tmp_path: Path) -> None:
    root = lay(shots, tmp_path / "in", lambda person, n: f"{person}/{n}.png", 30)
    first, second, *_ = shots
    shutil.copy(shots[second][0], root / first / "stray.png")
    assert "1 picture showing another face were withheld" in certificate(ran(root, tmp_path / "run"))
    (line,) = csv.DictReader((tmp_path / "run" / "private" / "withheld.csv").read_text().splitlines())
    assert (line["file"], line["stage"]) == (f"{first}/stray.png", "checking people")
    assert line["reason"] == "does not show the face of its label's other pictures"
    assert line["what to do"].startswith("look at who is on it")


def test_a_folder_in_a_folder_is_said_and_can_be_a_person(shots: dict[str, list[Path]], tmp_path: Path) -> None:
    root = lay(shots, tmp_path / "in", lambda person, n: f"ward/{person}/{n}.png")
    parsed = parse(RECIPE.replace("PATH", str(root)), "r.toml", ["method[0].k=2"])
    with pytest.raises(RecipeError, match="thing wrong"):
        plan(parsed, Catalogue(), tmp_path)  # one person
    deeper = parse(RECIPE.replace("PATH", str(root)), "r.toml", ["source.params.person_level=2"])
    assert plan(deeper, Catalogue(), tmp_path).person_count == PEOPLE
    root = lay(shots, tmp_path / "in2", lambda person, n: f"{person}/visit{n % 2}/{n}.png")
    (said,) = plan(parse(RECIPE.replace("PATH", str(root)), "r.toml"), Catalogue(), tmp_path).notes
    assert "holds 2 folders: visit0, visit1" in said
    assert "person_level = 2" in said
