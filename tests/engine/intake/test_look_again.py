"""A face is looked for again before it is given up; of several the labelled person's is taken. With the real networks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from deidframe.contract import Context, Detections, Photos
from deidframe.engine.components.detections import which_face
from deidframe.engine.intake.look_again import CONTRAST, FARTHER, NEARER, TURNED, Faces, look_again, turned_back
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
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


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[np.ndarray]]:
    found = Catalogue().load("source", "synthetic-people")
    params = found.component.params.model_validate({"people": 12, "pictures": 4})
    photos = found.make(params, Context(seed=1, scratch=tmp_path_factory.mktemp("people"))).load()
    made: dict[str, list[np.ndarray]] = {}
    for photo, person in zip(photos.ids, photos.subjects, strict=True):
        made.setdefault(person, []).append(photos.open(photo))
    return made


@pytest.fixture(scope="module")
def yunet(tmp_path_factory: pytest.TempPathFactory):
    loaded = Catalogue().load("detector", "yunet")
    return loaded.make(loaded.component.params(), Context(seed=1, scratch=tmp_path_factory.mktemp("yunet")))


def first_look(detector, picture: np.ndarray) -> Faces:
    found = detector.detect(Photos.from_arrays(("a",), [picture]))
    return Faces(found.boxes, found.landmarks, found.scores)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_turned_face_has_its_landmarks_where_they_are(shots: dict[str, list[np.ndarray]], yunet, turn: int) -> None:
    for pictures in list(shots.values())[:4]:
        upright = first_look(yunet, pictures[0])
        picture = np.ascontiguousarray(np.rot90(pictures[0], -turn))
        got = look_again(picture, first_look(yunet, picture), 0.92, yunet.detect)
        assert (got.how, got.turn) == (TURNED if turn else "", turn)
        height, width = pictures[0].shape[:2]
        wanted = upright.landmarks[upright.scores.argmax()]
        for _ in range(turn):  # clockwise: x, y -> height - 1 - y, x
            wanted = np.stack([height - 1 - wanted[:, 1], wanted[:, 0]], 1)
            height, width = width, height
        marks = got.faces.landmarks[got.faces.scores.argmax()]
        assert np.abs(marks - wanted).max() < 0.02 * max(height, width)
        x0, y0, x1, y1 = got.faces.boxes[got.faces.scores.argmax()]
        assert x0 < marks[:, 0].min() and marks[:, 0].max() < x1 and y0 < marks[:, 1].min() and marks[:, 1].max() < y1
        again = turned_back(picture, turn, yunet.detect)
        assert np.allclose(again.boxes, got.faces.boxes)


class Fussy:
    """Sees a white square of a certain size in pixels on its own scale, and nothing else."""

    def __init__(self, least: int, most: int, light: int = 0) -> None:
        self.least, self.most, self.light = least, most, light

    def detect(self, photos: Photos) -> Detections:
        parts = []
        for photo in photos.ids:
            picture = photos.open(photo)
            shrunk = min(1.0, 400 / max(picture.shape[:2]))
            grey = cv2.resize(picture, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA).max(axis=2)
            rows, columns = np.nonzero(grey >= (self.light or 200))
            size = np.ptp(columns) + 1 if len(columns) else 0
            empty = not len(rows) or not self.least <= size <= self.most
            x0, y0, x1, y1 = (0,) * 4 if empty else (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            box = np.array([[x0, y0, x1, y1]], np.float32)[: 0 if empty else 1] / shrunk
            marks = np.repeat(box[:, None, :2], 5, 1)
            parts.append(Detections.one(photo, box, marks, np.ones(len(box), np.float32)))
        return Detections.join(parts)


@pytest.mark.parametrize(
    ("picture", "square", "detector", "how"),
    [
        ((300, 300), (10, 10, 290, 290), Fussy(50, 230), FARTHER),
        ((1200, 1600), (1100, 900, 1190, 990), Fussy(26, 100), NEARER),
        ((300, 300), (150, 150, 250, 250), Fussy(50, 150, light=66), CONTRAST),
    ],
)
def test_each_way_helps_and_maps_back(picture, square, detector: Fussy, how: str) -> None:
    shown = np.full((*picture, 3), 20, np.uint8)
    x0, y0, x1, y1 = square
    shown[y0:y1, x0:x1] = 60 if how == CONTRAST else 255
    first = Faces(np.zeros((0, 4), "f4"), np.zeros((0, 5, 2), "f4"), np.zeros(0, "f4"))
    got = look_again(shown, first, None, detector.detect)
    assert got.how == how
    assert np.abs(got.faces.boxes[0] - square).max() <= 6


def test_nothing_is_found_in_nothing(yunet) -> None:
    blank = np.full((900, 900, 3), 127, np.uint8)
    got = look_again(blank, first_look(yunet, blank), 0.92, yunet.detect)
    assert (len(got.faces.scores), got.how) == (0, "")


def test_which_face_by_centre_size_and_box() -> None:
    boxes = np.array([[40, 40, 60, 60], [0, 0, 35, 35]], np.float32)
    assert which_face(boxes, 100, 100, None, largest=False) == 0
    assert which_face(boxes, 100, 100, None, largest=True) == 1
    assert which_face(boxes, 100, 100, (2, 2, 30, 30), largest=False) == 1
    assert which_face(boxes, 100, 100, (70, 70, 90, 90), largest=False) is None


def laid(shots: dict[str, list[np.ndarray]], root: Path) -> Path:
    """Last picture of each person: somebody else in the middle, the person beside; the one before: upside down."""
    people = list(shots)
    for n, (person, pictures) in enumerate(shots.items()):
        (root / person).mkdir(parents=True)
        other = shots[people[(n + 1) % len(people)]][0]
        beside = np.concatenate([np.zeros_like(other)[:, :180], other, pictures[3]], axis=1)
        for k, picture in enumerate([pictures[0], pictures[1], np.rot90(pictures[2], 2), beside]):
            Image.fromarray(np.ascontiguousarray(picture)).save(root / person / f"{k}.png")
    return root


def test_turned_pictures_and_pictures_of_two_show_the_labelled_person(shots: dict[str, list[np.ndarray]], tmp_path: Path) -> None:
    root = laid(shots, tmp_path / "in")
    parsed = parse(RECIPE.replace("PATH", str(root)), "r.toml")
    (tmp_path / "s").mkdir()
    planned = plan(parsed, Catalogue(), tmp_path / "s")
    assert planned.faces == "labelled person"
    (cell,) = run(planned, tmp_path / "run").cells
    assert cell.status == "ok", cell.reason
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["intake"]["again"] == {TURNED: len(shots)}
    # were a face in the middle taken, it would be another person's, and withheld as a stray
    assert facts["labels"]["strays"] == 0
    assert cell.released == 4 * len(shots)
    centre = parse(RECIPE.replace("PATH", str(root)), "r.toml", ["source.faces=centre", "source.same_person=apart"])
    run(plan(centre, Catalogue(), tmp_path / "s"), tmp_path / "centre")
    labels = json.loads((tmp_path / "centre" / "run.json").read_text())["labels"]
    assert labels["strays"] + labels["apart"] >= len(shots)  # every one of them is noticed, as a stray or as a doubt


def test_a_box_says_which_face_is_meant(shots: dict[str, list[np.ndarray]], tmp_path: Path) -> None:
    root = laid(shots, tmp_path / "in")
    lines = ["path;person;X;y;w;h;ward"]
    for person in shots:
        lines += [f"{person}/{k}.png;{person};0;0;256;256;A" for k in range(3)]
        lines.append(f"{person}/3.png;{person};436;0;256;256;B")
    lines[-1] = lines[-1].replace("436;0;256;256", "0;0;90;90")
    (root / "list.csv").write_text("\n".join(lines))
    parsed = parse(RECIPE.replace("PATH", str(root / "list.csv")), "r.toml")
    (tmp_path / "s").mkdir()
    planned = plan(parsed, Catalogue(), tmp_path / "s")
    assert planned.photos.columns[f"{person}/0.png"] == {"ward": "A"}
    run(planned, tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["labels"]["strays"] == 0
    (line,) = csv.DictReader((tmp_path / "run" / "private" / "withheld.csv").read_text().splitlines())
    assert (line["file"], line["reason"]) == (f"{person}/3.png", "no face found where the box is")


def test_every_face_of_a_picture_is_somebody(shots: dict[str, list[np.ndarray]], tmp_path: Path) -> None:
    """Two people on one picture are two faces; one who is labelled elsewhere is known again."""
    root = tmp_path / "in"
    people = list(shots)
    for person in people[:4]:
        (root / person).mkdir(parents=True)
        for k in range(3):
            Image.fromarray(shots[person][k]).save(root / person / f"{k}.png")
    guest, known = shots[people[8]][0], shots[people[1]][3]
    own = shots[people[0]][3]
    Image.fromarray(np.concatenate([guest, own, known], axis=1)).save(root / people[0] / "three.png")
    (tmp_path / "s").mkdir()
    said = ["source.faces=every", "source.same_person=merge"]
    planned = plan(parse(RECIPE.replace("PATH", str(root)), "r.toml", said), Catalogue(), tmp_path / "s")
    (cell,) = run(planned, tmp_path / "run").cells
    assert cell.status == "ok", cell.reason
    assert (cell.total, cell.released, cell.people) == (15, 15, 5)  # four people and a guest
    mapping = json.loads((tmp_path / "run" / "private" / "mapping" / "pixel.json").read_text())
    who = {entry["face"]: entry["person"] for entry in mapping}
    beside = sorted(face for face in who if "#" in face)
    assert len(beside) == 2
    assert who[f"{people[0]}/three.png"] == people[0]
    assert sorted(who[face] == who[f"{people[1]}/0.png"] for face in beside) == [False, True]
