"""Equal seeds give equal bytes, whatever the number of threads, the size of batches and the order of files on the disk."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from deidframe.contract import Context
from deidframe.record.release import release_folders
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople

RECIPE = """\
schema = 1
name = "equal"
seed = 5

[source]
use = "folder"
subjects = "labelled"
params = { path = "in" }

[detector]
use = "yunet"

[release]
allow_intersection = true

[audit]
detector = { use = "centerface" }
encoder = "sface"

[[method]]
name = "StyleGAN"
k = 5
encoder     = { use = "dlib-resnet" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "stylegan" }

[[method]]
name = "GNN"
k = 5
encoder     = { use = "sface" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "gnn" }

[[method]]
name = "eigen"
k = 2
encoder     = { use = "dlib-resnet" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "eigen" }

[[method]]
name = "blur"
redactor = { use = "gaussian-blur" }
"""
AIMED = """
[[method]]
name = "StyleGAN aimed"
k = 5
encoder     = { use = "dlib-resnet" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "stylegan", params = { aim = "gradient", steps = 2, tries = 1 } }
"""
if importlib.util.find_spec("torch"):
    RECIPE += AIMED
SCRIPT = """\
import os, sys
from pathlib import Path
cores, batch = int(sys.argv[1]), int(sys.argv[2])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
from deidframe.engine.cache import shards
from deidframe.engine.components import recognizer
from deidframe.engine.evaluate import audit
from deidframe.engine.intake import take_in
audit.BATCH = recognizer.BATCH = take_in.BATCH = batch
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import load_recipe
from deidframe.record.release import release_folders
planned = plan(load_recipe(Path("r.toml"), ()), Catalogue(), Path("."))
sys.exit(run(planned, Path("run"), names_key=b"k" * 32).exit_code)
"""


def folder_of(home: Path, *, backwards: bool) -> None:
    photos = SyntheticPeople(PeopleParams(people=10, pictures=1), Context(seed=1, scratch=home)).load()
    for photo in sorted(photos.ids, reverse=backwards):
        person, picture = photo.removesuffix(".jpg").split("/")
        (home / "in" / person).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(home / "in" / person / f"{picture}.png"), photos.open(photo)[..., ::-1])


def released(home: Path, cores: int, batch: int, *, backwards: bool = False) -> dict[str, str]:
    home.mkdir()
    folder_of(home, backwards=backwards)
    (home / "r.toml").write_text(RECIPE)
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(cores), str(batch)], cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pictures = [one for folder in release_folders(home / "run") for one in sorted(folder.glob("*.jpg"))]
    return {f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in pictures}


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core has one thread")
def test_threads_batches_and_the_order_on_the_disk_change_no_byte(tmp_path: Path) -> None:
    first = released(tmp_path / "first", cores=2, batch=32)
    assert len(first) == RECIPE.count("[[method]]") * 10
    assert released(tmp_path / "second", cores=1, batch=3, backwards=True) == first
