"""What the second detector finds, on faces of people who do not exist and with real networks."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from examples import RECIPE, catalogue, listed

from deidframe.contract import Context, RecipeError
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import Outcome, run
from deidframe.guard.audit import copy_bound, light_copy, unmatched
from deidframe.host.catalogue import Catalogue
from deidframe.host.discover import list_plugins
from deidframe.recipe.parse import parse
from deidframe.record.release import release_folders
from deidframe.report.page import write_report
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople

REAL = """\
schema = 1
name = "audited"
seed = 3

[source]
use = "folder"
subjects = "labelled"
params = {{ path = "{path}" }}

[detector]
use = "{detector}"

[audit]
detector = {{ use = "centerface" }}
encoder = "sface"

[[method]]
name = "planted"
redactor = {{ use = "planted" }}
"""
REDACTOR = """
import cv2
import numpy as np
from deidframe.contract import Component, FaceSet, hookimpl
from deidframe.contract import Params as Base


class NoParams(Base):
    pass


class Planted:
    def __init__(self, params, context):
        pass

    def redact(self, faces):
        pictures = np.array(faces.images[:])
        for n, (name, picture) in enumerate(zip(faces.ids, pictures)):
            {body}
        return FaceSet(faces.ids, pictures, faces.landmarks)


@hookimpl
def deidframe_redactors():
    return [Component(name="planted", make=f"{{__name__}}:Planted", params=NoParams, summary="planted", example="x", contract=2)]
"""
MASK = "picture[:] = 0"
FIRST_ONLY = '''
import numpy as np
from deidframe.contract import Component, Detections, hookimpl
from deidframe.contract import Params as Base
from deidframe_opencv_zoo.plugin import YuNetParams
from deidframe_opencv_zoo.yunet import YuNet


class NoParams(Base):
    pass


class FirstOnly:
    """Sees the largest face of each picture and no other."""

    def __init__(self, params, context):
        self.inner = YuNet(YuNetParams(), context)

    def detect(self, photos):
        seen = self.inner.detect(photos)
        size = (seen.boxes[:, 2:] - seen.boxes[:, :2]).prod(axis=1)
        best = {}
        for row, photo in enumerate(seen.photo_ids):
            if photo not in best or size[row] > size[best[photo]]:
                best[photo] = row
        rows = sorted(best.values())
        ids = tuple(seen.photo_ids[row] for row in rows)
        return Detections(seen.looked_at, ids, seen.boxes[rows], seen.landmarks[rows], seen.scores[rows])


@hookimpl
def deidframe_detectors():
    return [Component("first-only", f"{__name__}:FirstOnly", NoParams, "planted", example="x", contract=2)]
'''


def people(count: int) -> list[np.ndarray]:
    photos = SyntheticPeople(PeopleParams(people=count, pictures=1), Context(seed=1, scratch=Path())).load()
    return [photos.open(one) for one in photos]


def folder_of(tmp_path: Path, pictures: list[np.ndarray]) -> Path:
    for n, picture in enumerate(pictures):
        home = tmp_path / "in" / f"person{n}"
        home.mkdir(parents=True)
        cv2.imwrite(str(home / "a.png"), picture[..., ::-1])
    return tmp_path / "in"


def audited(tmp_path: Path, pictures: list[np.ndarray], body: str, detector: str = "yunet") -> Outcome:
    planted = (
        listed("redactor", "planted", REDACTOR.format(body=body)),
        listed("detector", "first-only", FIRST_ONLY),
    )
    names = Catalogue((*list_plugins(), *planted))
    recipe = REAL.format(path=folder_of(tmp_path, pictures), detector=detector)
    return run(plan(parse(recipe, "r.toml"), names, tmp_path), tmp_path / "run")


def test_the_audit_is_in_the_certificate_and_on_the_page(tmp_path: Path) -> None:
    outcome = audited(tmp_path, people(3), MASK)
    (cell,) = outcome.cells
    assert (cell.status, cell.released) == ("ok", 3)
    assert cell.certificate is not None
    said = {check["name"]: check["words"] for check in cell.certificate["checks"]}
    assert said["no other face"] == "centerface saw no second face in any of 3 released pictures"
    assert "where copies lie (sface)" in said["no copy"]
    record = json.loads((outcome.folder / "run.json").read_text())
    assert record["intake"]["audit"] == {"detector": "centerface", "covered": 0, "unseen": 0}
    page = write_report(outcome.folder).read_text("utf-8")
    assert "centerface, looking a second time, saw 0 more faces" in page


def test_a_copy_that_differs_in_its_pixels_is_refused(tmp_path: Path) -> None:
    """Six pixels aside, with grain: the pixel gate lets it pass, the encoder does not."""
    grain = "np.random.default_rng(n).integers(-9, 9, picture.shape)"
    moved = f"picture[:] = np.clip(np.roll(picture, 6, axis=1).astype(int) + {grain}, 0, 255)"
    outcome = audited(tmp_path, people(4), moved)
    (cell,) = outcome.cells
    assert cell.status == "refused"
    assert "as close to an original as a copy would be (sface: 0." in cell.reason
    assert outcome.exit_code == 6
    assert not list(release_folders(outcome.folder)) and not list(outcome.folder.glob("private/staged/**/*.jpg"))


def test_one_copy_among_others_is_withheld_and_counted(tmp_path: Path) -> None:
    one = "picture[:] = np.roll(picture, 6, axis=1) if n == 1 else 0"
    outcome = audited(tmp_path, people(4), one)
    (cell,) = outcome.cells
    assert (cell.status, cell.released, cell.withheld) == ("ok", 3, 1)
    assert cell.reasons == {"its protected picture is as close to an original as a copy would be": 1}
    files = sorted(path.name for path in (outcome.folder / "compared" / "planted").glob("*.jpg"))
    mapping = json.loads((outcome.folder / "private" / "mapping" / "planted.json").read_text())
    assert sorted(row["file"] for row in mapping) == files
    assert not any("person1" in row["face"] for row in mapping)


def beside(pictures: list[np.ndarray]) -> np.ndarray:
    """Return the first person with the second, small, at the upper left."""
    picture = pictures[0].copy()
    picture[8:80, 8:80] = cv2.resize(pictures[1], (72, 72), interpolation=cv2.INTER_AREA)
    return picture


def test_a_bystander_whom_the_first_detector_missed_is_covered(tmp_path: Path) -> None:
    both = people(3)
    only_face = "picture[70:250, 50:210] = 0"  # the face, and not the corner where the bystander is
    outcome = audited(tmp_path, [beside(both), both[2]], only_face, "first-only")
    record = json.loads((outcome.folder / "run.json").read_text())
    assert record["intake"]["audit"]["covered"] == 1
    (cell,) = outcome.cells
    assert (cell.status, cell.released) == ("ok", 2)
    shown = [cv2.imread(str(path)) for path in (outcome.folder / "compared" / "planted").glob("*.jpg")]
    corner = [picture[30:60, 25:55].reshape(-1, 3).std(axis=0).max() for picture in shown]
    assert min(corner) < 3  # one colour, give or take the file format


def test_a_face_that_a_method_shows_besides_is_withheld(tmp_path: Path) -> None:
    both = people(3)
    np.save(tmp_path / "other.npy", cv2.resize(both[1], (72, 72), interpolation=cv2.INTER_AREA))
    paste = f"picture[:] = 0; picture[8:80, 8:80] = np.load({str(tmp_path / 'other.npy')!r}) if n == 0 else 0"
    outcome = audited(tmp_path, [both[0], both[2]], paste)
    (cell,) = outcome.cells
    assert (cell.status, cell.released, cell.withheld) == ("ok", 1, 1)
    assert cell.reasons == {"a second face is visible in its protected picture": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[audit]\ndetector = { use = "whole" }\n', '"whole" finds the faces already'),
        ('[audit]\ndetector = { use = "whale" }\n', 'no detector is called "whale"'),
        ('[audit]\nencoder = "colour"\n', "audit.detector"),
        ('[audit]\ndetector = { use = "whole" }\nencoder = "color"\n', 'did you mean "colour"?'),
    ],
)
def test_a_bad_audit_is_refused_before_anything_runs(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        plan(parse(RECIPE + text, "r.toml"), catalogue(), tmp_path)
    assert message in "\n".join(caught.value.complaints)


def test_boxes_are_one_face_where_they_overlap_or_hold_each_other() -> None:
    known = np.array([[0, 0, 100, 100]], np.float32)
    boxes = np.array([[10, 10, 110, 110], [40, 40, 60, 60], [200, 200, 260, 260], [95, 0, 195, 100]], np.float32)
    assert unmatched(boxes, known).tolist() == [2, 3]
    assert unmatched(boxes, known[:0]).tolist() == [0, 1, 2, 3]
    assert unmatched(boxes[:0], known).tolist() == []


def test_a_light_copy_is_another_picture_of_the_same_size() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    copy = light_copy(picture)
    assert copy.shape == picture.shape and copy.dtype == np.uint8
    assert not np.array_equal(copy, picture)
    assert copy_bound(np.arange(101.0)) == 95.0


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_small_original_in_a_corner_is_seen_however_it_is_turned(tmp_path: Path, turns: int) -> None:
    inset = f"small = np.rot90(picture[::2, ::2].copy(), {turns}); picture[:] = 0; picture[:128, :128] = small"
    outcome = audited(tmp_path, people(3), inset)
    (cell,) = outcome.cells
    assert (cell.status, cell.released) == ("refused", 0)
    assert "a second face is visible" in cell.reason


BESIDE = '''
import numpy as np
from deidframe.contract import Component, FaceSet, IndexedStack, hookimpl
from deidframe.contract import Params as Base


class NoParams(Base):
    pass


class Beside:
    """One colour for each group, and in the first one's corner a member's face."""

    def __init__(self, params, context):
        pass

    def synthesize(self, faces, surrogates):
        groups, first, rows = np.unique(surrogates.groups, return_index=True, return_inverse=True)
        pictures = np.full((len(groups), *faces.size, 3), 90, np.uint8)
        pictures[0, :128, :128] = np.asarray(faces.images[first[:1]])[0][::2, ::2]
        return FaceSet(faces.ids, IndexedStack(pictures, rows.astype(np.int64)))


@hookimpl
def deidframe_synthesizers():
    return [
        Component(
            name="beside", make=f"{__name__}:Beside", params=NoParams, summary="x", contract=2, one_picture_per_group=True
        )
    ]
'''
CHAIN = """\
k = 2
encoder     = {{ use = "dlib-resnet" }}
clusterer   = {{ use = "fixed-size" }}
outliers    = {{ use = "nearest-group" }}
anonymizer  = {{ use = "centroid" }}
synthesizer = {{ use = "beside" }}
"""
SHARED = REAL.replace('redactor = {{ use = "planted" }}\n', CHAIN)


def test_a_picture_that_a_group_shares_is_withheld_for_all_of_them(tmp_path: Path) -> None:
    assert "beside" in SHARED
    names = Catalogue((*list_plugins(), listed("synthesizer", "beside", BESIDE)))
    recipe = SHARED.format(path=folder_of(tmp_path, people(8)), detector="yunet")
    outcome = run(plan(parse(recipe, "r.toml"), names, tmp_path), tmp_path / "run")
    (cell,) = outcome.cells
    assert cell.status == "ok", cell.reason
    assert cell.reasons == {"a second face is visible in its protected picture": 2}
    assert (cell.released, cell.withheld) == (6, 2)
