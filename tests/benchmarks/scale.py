"""How time and memory grow with the database: `python tests/benchmarks/scale.py 2000 13000 100000`.

Each size is a process of its own. Its database is made of 200 pictures of 50 people who do not exist, without a disk: everybody
is put together of three of them under a relief of light and shade of their own, so there is no end of them and no two of them are
alike, and has six pictures, each a little altered. With `--plain` the
detector and the encoder are trivial, and what is left is the engine's own.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from deidframe.contract import Component, Context, Detections, Embeddings, FaceSet, Params, Photos, align, hookimpl
from deidframe.contract.errors import RecipeError
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.engine.runtime.stopwatch import Stopwatch
from deidframe.host.catalogue import Catalogue
from deidframe.host.discover import Listed, list_plugins
from deidframe.recipe.parse import parse

RECIPE = """\
schema = 1
name = "scale"
seed = 7

[source]
use = "endless"
subjects = "labelled"
same_person = "apart"
fictitious = true

[detector]
use = "{detector}"

[[method]]
name = "pixel mean"
k = 5
encoder     = {{ use = "{encoder}" }}
clusterer   = {{ use = "fixed-size" }}
outliers    = {{ use = "nearest-group" }}
anonymizer  = {{ use = "centroid" }}
synthesizer = {{ use = "pixel-mean" }}

[[method]]
name = "blur"
redactor = {{ use = "gaussian-blur" }}

[[attack]]
name = "naive"
use = "nearest-face"
threat = "naive"
encoders = ["{attacker}"]
"""


EACH = 6
"""Pictures of a person."""
SEAMS, SOFT = (92, 152), 24
"""Rows at which one person's face goes over into another's, and how many it takes."""
RELIEF, DEEP = 16, 24.0
"""Places of a person's own relief along a side, and grey levels of one standard deviation of it: without it, among 16,667 people
a quarter of the groups of five nearest ones have so much of their faces in common that their mean shows an original."""


class EndlessParams(Params):
    """How much of it there is."""

    pictures: int = 600


@dataclass(frozen=True)
class Mixed:
    """Opens pictures of people whose brow, eyes and mouth are three others', moved by some pixels, lighter or darker."""

    base: list[np.ndarray]

    def __call__(self, photo_id: str) -> np.ndarray:
        person, turn = map(int, photo_id.split("-"))
        of = np.random.default_rng(person).choice(len(self.base), 3, replace=False)
        made = self.base[of[1]].copy()
        for part, seam in ((self.base[of[0]][: SEAMS[0] + SOFT], SEAMS[0]), (self.base[of[2]], SEAMS[1])):
            ramp = np.linspace(0, 1, SOFT)[:, None, None]
            above, below = (part, made) if seam == SEAMS[0] else (made, part)
            soft = slice(seam, seam + SOFT)
            made[soft] = above[soft] * (1 - ramp) + below[soft] * ramp
            if seam == SEAMS[0]:
                made[:seam] = part[:seam]
            else:
                made[seam + SOFT :] = part[seam + SOFT :]
        relief = np.random.default_rng([person]).normal(0, DEEP, (RELIEF, RELIEF, 1)).astype(np.float32).repeat(3, 2)
        made = cv2.add(made, cv2.resize(relief, made.shape[:2], interpolation=cv2.INTER_CUBIC), dtype=cv2.CV_8U)
        rng = np.random.default_rng([person, turn])
        gain, (right, down) = 1 + 0.2 * rng.uniform(-1, 1), rng.integers(-4, 5, 2)
        return np.asarray(cv2.convertScaleAbs(np.roll(made, (int(down), int(right)), (0, 1)), alpha=gain))


class Endless:
    """The source."""

    def __init__(self, params: EndlessParams, context: Context) -> None:
        self.params, self.context = params, context

    def load(self) -> Photos:
        loaded = Catalogue().load("source", "synthetic-people")
        base = loaded.make(loaded.component.params(people=50, pictures=4), self.context).load()
        places = [divmod(n, EACH) for n in range(self.params.pictures)]
        ids = tuple(f"{person:07d}-{turn}" for person, turn in places)
        subjects = tuple(f"{person:07d}" for person, _ in places)
        return Photos(ids, Mixed([base.open(one) for one in base]), subjects, fingerprint=str)


class Middle:
    """A detector that takes the middle of a picture for a face."""

    def __init__(self, params: Params, context: Context) -> None:
        pass

    def detect(self, photos: Photos) -> Detections:
        n = len(photos)
        marks, box = align.template(256).astype(np.float32), np.array([60, 40, 196, 230], np.float32)
        boxes, landmarks = np.repeat(box[None], n, 0), np.repeat(marks[None], n, 0)
        return Detections(photos.ids, photos.ids, boxes, landmarks, np.ones(n, np.float32))


class Thumbnail:
    """An encoder whose encodings are 8 x 8 pixels in two channels."""

    def __init__(self, params: Params, context: Context) -> None:
        pass

    def encode(self, faces: FaceSet) -> Embeddings:
        small = np.stack([cv2.resize(one, (8, 8), interpolation=cv2.INTER_AREA)[..., :2] for one in np.asarray(faces.images[:])])
        return Embeddings(faces.ids, small.reshape(len(faces), -1).astype(np.float32) - 128, "thumbnail")


@hookimpl
def deidframe_sources() -> list[Component]:
    return [Component("endless", f"{__name__}:Endless", EndlessParams, "people without end", contract=2)]


@hookimpl
def deidframe_detectors() -> list[Component]:
    return [Component("middle", f"{__name__}:Middle", Params, "the middle of a picture", contract=2)]


@hookimpl
def deidframe_encoders() -> list[Component]:
    return [Component("thumbnail", f"{__name__}:Thumbnail", Params, "few pixels", contract=2)]


def one(options: argparse.Namespace) -> dict[str, object]:
    """Run one size and return what it took."""
    mine = [
        Listed(role, name, __name__, "scale", "1", "")
        for role, name in (("source", "endless"), ("detector", "middle"), ("encoder", "thumbnail"))
    ]
    names = ("middle", "thumbnail", "thumbnail") if options.plain else ("yunet", "dlib-resnet", "sface")
    text = RECIPE.format(detector=names[0], encoder=names[1], attacker=names[2])
    text = text.replace('use = "endless"', f'use = "endless"\nparams = {{ pictures = {options.pictures[0]} }}')
    with tempfile.TemporaryDirectory(dir=options.room) as room:
        began, cpu = time.perf_counter(), time.process_time()
        with Stopwatch() as watch:
            planned = plan(parse(text, "scale.toml"), Catalogue((*list_plugins(), *mine)), Path(room))
            done = run(planned, Path(room) / "run", watch, cache=DiskCache(Path(room) / "cache") if options.cache else None)
        assert all(cell.status == "ok" for cell in done.cells), [(cell.method, cell.reason) for cell in done.cells]
        disk = sum(path.stat().st_size for path in Path(room).rglob("*") if path.is_file())
        stages = {name: [s.items, s.seconds, s.cpu, s.peak] for name, s in watch.stages.items()}
        return {
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "peak": watch.peak,
            "disk": disk,
            "stages": stages,
        }


def main() -> None:
    """Run all sizes and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=int, nargs="+")
    parser.add_argument("--plain", action="store_true", help="no networks: the engine alone")
    parser.add_argument("--cache", action="store_true", help="keep stages in a cache, as the command line does")
    parser.add_argument("--room", default=None, help="where runs are written (default: the system's temporary folder)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        try:
            print(json.dumps(one(options)))
        except RecipeError as error:
            sys.exit("\n".join(error.complaints))
        return
    told = []
    for count in options.pictures:
        given = [arg for arg in sys.argv[1:] if not arg.isdigit()]
        done = subprocess.run(
            [sys.executable, __file__, *given, "--one", str(count)], stdout=subprocess.PIPE, text=True, check=True
        )
        made = json.loads(done.stdout.splitlines()[-1])
        told.append(made)
        each = f"{1000 * made['cpu'] / count:6.2f} ms a picture, peak {made['peak'] / 2**20:6.0f} MB"
        print(f"{count:9,} pictures: {made['seconds']:8.1f} s, CPU {made['cpu']:8.1f} s, {each}", flush=True)
        print(f"    on disk {made['disk'] / count / 1024:.1f} KB a picture")
        for name, (items, seconds, cpu, peak) in sorted(made["stages"].items(), key=lambda stage: -stage[1][2]):
            took = f"{seconds:8.1f} s {cpu:8.1f} CPU s {1000 * cpu / count:8.3f} ms {peak / 2**20:6.0f} MB"
            print(f"    {name:40} {items:9,} {took}{grown(told, options.pictures, name)}", flush=True)
        if len(told) > 1:
            before, n = told[-2], options.pictures[len(told) - 2]
            print(f"    memory grew by {(made['peak'] - before['peak']) / (count - n) / 1024:.2f} KB a picture", flush=True)


def grown(told: list[dict], counts: list[int], name: str) -> str:
    """Return with which power of the number of pictures a stage grew from the size before."""
    if len(told) < 2 or name not in told[-2]["stages"]:
        return ""
    before, after = told[-2]["stages"][name][2], told[-1]["stages"][name][2]
    if min(before, after) < 0.1:
        return ""
    power = math.log(after / before) / math.log(counts[len(told) - 1] / counts[len(told) - 2])
    return f"   n^{power:.2f}"


if __name__ == "__main__":
    main()
