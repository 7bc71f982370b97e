"""A program is run as the recipe says, and nothing that it does wrong reaches a release."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from deidframe.contract import Context, FaceSet, PluginError, Surrogates
from deidframe_command.plugin import CommandParams
from deidframe_command.program import _without_network
from deidframe_command.redactor import CommandRedactor
from deidframe_command.synthesizer import CommandSynthesizer

HEAD = "import sys, os, pathlib, shutil, cv2, numpy as np\nsource, made = map(pathlib.Path, sys.argv[1:3])\n"
DARKER = "for p in source.iterdir(): cv2.imwrite(str(made / p.name), cv2.imread(str(p)) // 2)\n"


def faces(count: int = 6) -> FaceSet:
    pictures = np.random.default_rng(0).integers(40, 256, (count, 48, 48, 3), np.uint8)
    return FaceSet(tuple(f"f{n}" for n in range(count)), pictures)


def redactor(tmp_path: Path, code: str, said: list[str] | None = None, **params: object) -> CommandRedactor:
    (tmp_path / "tool.py").write_text(HEAD + code)
    run = (sys.executable, str(tmp_path / "tool.py"), "{input}", "{output}")
    (tmp_path / "scratch").mkdir(exist_ok=True)
    log = said.append if said is not None else print
    checked = CommandParams.model_validate({"run": run, **params})
    return CommandRedactor(checked, Context(seed=1, scratch=tmp_path / "scratch", log=log))


def test_what_the_program_makes_is_read_back_by_name(tmp_path: Path) -> None:
    given = faces()
    tool = redactor(tmp_path, DARKER + "open('runs', 'w')\n")
    tool.fit(given)
    made = tool.redact(given)
    assert made.withheld == {}
    assert made.faces.ids == given.ids
    assert np.array_equal(made.faces.images[:], np.asarray(given.images[:]) // 2)
    assert np.array_equal(tool.redact(given.slice(2, 4)).faces.images[:], np.asarray(given.images[2:4]) // 2)


def test_it_is_run_once_on_all_faces_and_again_on_others(tmp_path: Path) -> None:
    count = tmp_path / "count"
    tool = redactor(tmp_path, DARKER + f"open({str(count)!r}, 'a').write('x')\n")
    tool.fit(faces())
    for part in faces().batches(2):
        tool.redact(part)
    assert count.read_text() == "x"
    tool.redact(FaceSet(("new",), np.full((1, 48, 48, 3), 99, np.uint8)))
    assert count.read_text() == "xx"


FIRST = "p = sorted(source.iterdir())[0]\n"
WRONG = {
    "made no picture": "for p in sorted(source.iterdir())[1:]: cv2.imwrite(str(made / p.name), cv2.imread(str(p)) // 2)",
    "left it as it was": DARKER + FIRST + "shutil.copy(p, made / p.name)",
    "cannot be opened": DARKER + FIRST + "(made / p.name).write_bytes(b'no picture')",
    "another size": DARKER + FIRST + "cv2.imwrite(str(made / p.name), np.zeros((20, 30, 3), np.uint8))",
    "made 2 pictures": DARKER
    + "p = sorted(source.iterdir())[0]; cv2.imwrite(str(made / (p.stem + '.jpg')), cv2.imread(str(p)) // 3)",
}


@pytest.mark.parametrize("says", WRONG)
def test_a_face_that_went_wrong_is_withheld_and_the_others_are_not(tmp_path: Path, says: str) -> None:
    given = faces()
    made = redactor(tmp_path, WRONG[says]).redact(given)
    assert len(made.withheld) == 1
    ((face, why),) = made.withheld.items()
    assert says in why
    row = given.ids.index(face)
    assert not np.asarray(made.faces.images[row : row + 1]).any(), "and what stands there is nobody"


@pytest.mark.parametrize("how", ["beside", "over", "deeper"])
def test_programs_that_write_elsewhere(tmp_path: Path, how: str) -> None:
    where = {
        "beside": "cv2.imwrite(str(source / (p.stem + '_anonymized.png')), x)",
        "over": "cv2.imwrite(str(p), x)",
        "deeper": "cv2.imwrite(str(made / (p.stem + '-done.png')), x)",
    }[how]
    code = f"for p in sorted(source.iterdir()):\n x = cv2.imread(str(p)) // 2\n {where}\n"
    made = redactor(tmp_path, code).redact(faces())
    assert made.withheld == {}
    assert np.array_equal(made.faces.images[:], np.asarray(faces().images[:]) // 2)


def test_files_of_nobody_and_links_are_left_alone(tmp_path: Path) -> None:
    said: list[str] = []
    code = DARKER + (
        "(made / 'notes.txt').write_text('x'); cv2.imwrite(str(made / 'somebody.png'), np.zeros((48, 48, 3), np.uint8))\n"
        "os.symlink('/etc/passwd', made / 'link.png')\n"
    )
    assert redactor(tmp_path, code, said).redact(faces()).withheld == {}
    assert any("2 files that belong to no face" in line for line in said)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("sys.exit('it broke')", "ended with 1: it broke"),
        ("import time; time.sleep(60)", "took more than 1 s and was ended"),
        ("os.kill(os.getpid(), 9)", "ended with -9"),
    ],
)
def test_a_program_that_fails_fails_the_method(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(PluginError, match=says):
        redactor(tmp_path, code, seconds=1.0 if "sleep" in code else 60.0).redact(faces())


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    params = CommandParams.model_validate({"run": ["no-such-program", "{input}"]})
    with pytest.raises(PluginError, match="there is no program 'no-such-program'"):
        CommandRedactor(params, Context(seed=1, scratch=tmp_path)).redact(faces())
    with pytest.raises(ValidationError, match=r"give \{input\}"):
        CommandParams.model_validate({"run": ["tool"]})


def test_it_sees_no_secret_of_the_environment_and_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET", "hush")
    seen = tmp_path / "seen"
    told = "repr(dict(os.environ)) + repr([p.name for p in source.iterdir()]) + os.getcwd()"
    code = DARKER + f"open({str(seen)!r}, 'w').write({told})\n"
    redactor(tmp_path, code, environment={"MINE": "yes"}).redact(faces())
    text = seen.read_text()
    assert "hush" not in text
    assert "'MINE': 'yes'" in text
    assert not any(f"'{face}" in text for face in faces().ids)


@pytest.mark.skipif(not _without_network(), reason="this machine lets nobody run a program without a network")
def test_it_has_no_network_unless_it_says_so(tmp_path: Path) -> None:
    code = "import socket\nnames = [name for _, name in socket.if_nameindex()]\nassert names == ['lo'], names\n" + DARKER
    assert redactor(tmp_path, code).redact(faces()).withheld == {}


def test_a_group_gets_the_picture_of_its_folder(tmp_path: Path) -> None:
    code = (
        "for g in sorted(source.iterdir()):\n"
        " x = np.mean([cv2.imread(str(p)) for p in g.iterdir()], axis=0)\n"
        " if g.name != 'g000001': cv2.imwrite(str(made / (g.name + '.png')), x.astype(np.uint8))\n"
    )
    (tmp_path / "tool.py").write_text(HEAD + code)
    params = CommandParams.model_validate({"run": [sys.executable, str(tmp_path / "tool.py"), "{input}", "{output}"]})
    given = faces()
    groups = np.array([5, 5, 5, 9, 9, 9], np.int64)
    aims = Surrogates(given.ids, np.zeros((6, 4), np.float32), groups, np.full(6, 1 / 3), "any")
    made = CommandSynthesizer(params, Context(seed=1, scratch=tmp_path)).synthesize(given, aims)
    assert set(made.withheld) == set(given.ids[3:])
    mean = np.asarray(given.images[:3], float).mean(axis=0).astype(np.uint8)
    assert np.array_equal(made.faces.images[0:1][0], mean)
    assert np.array_equal(made.faces.images[2:3][0], mean)
