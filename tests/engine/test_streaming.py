"""Memory does not grow with the database, and nothing depends on order, batches or the number of faces taken together."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.engine.run import run

PEAK = """
import resource, sys
from pathlib import Path
sys.path[:0] = [{support!r}]
from examples import RECIPE, docstring_code, listed, planned
from deidframe.contract import Photos
from deidframe.engine.evaluate import attack
from deidframe.engine.intake import crops
from deidframe.engine.run import run

LAZY = '''
import hashlib
import numpy as np
from deidframe.contract import Params as Base
from deidframe.contract import Component, Photos, hookimpl

class Params(Base):
    count: int = 4

def opened(photo_id):
    rng = np.random.default_rng(int(photo_id))
    return np.repeat(np.repeat(rng.integers(0, 256, (16, 16, 3)).astype(np.uint8), 32, 0), 32, 1)

class Lazy:
    def __init__(self, params, context):
        self.count = params.count

    def load(self):
        ids = tuple(str(n) for n in range(self.count))
        return Photos(ids, opened, ids)

@hookimpl
def deidframe_sources():
    return [Component("noise", f"{{__name__}}:Lazy", Params, "made when asked for", contract=2)]
'''
text = RECIPE.replace("count = 12", "count = {count}").replace("k = 3", "k = 150")
attack.SCORES, crops.CACHE_BYTES = 2**16, crops.CACHE_BYTES // 4
outcome = run(planned(Path({scratch!r}), listed("source", "noise", LAZY), recipe=text), Path({scratch!r}) / "run")
assert outcome.exit_code == 0, [c.reason for c in outcome.cells]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(count: int, scratch: Path) -> int:
    """Return the megabytes that a run over so many 512 x 512 pictures held at most."""
    scratch.mkdir()
    support = str(Path(__file__).parents[1] / "support")
    code = PEAK.format(support=support, scratch=str(scratch), count=count)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def test_memory_does_not_grow_with_the_database(tmp_path: Path) -> None:
    few, many = peak(500, tmp_path / "few"), peak(1000, tmp_path / "many")
    # the further 500 pictures are 390 MB decoded and 98 MB cut; 48 MB of cut faces are kept in both
    assert many - few < 60, (few, many)


def released(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*.jpg")) if "release" in p.parts}


def test_a_run_is_the_same_twice_but_for_its_secret_names(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        run(planned(tmp_path / name), tmp_path / name / "run", names_key=None if name == "c" else b"k" * 32)
    first, again, other = (released(tmp_path / name) for name in ("a", "b", "c"))
    assert first == again
    assert sorted(first.values()) == sorted(other.values())
    assert not set(first) & set(other)


def test_limit_takes_the_first_pictures(tmp_path: Path) -> None:
    outcome = run(planned(tmp_path, limit=7), tmp_path / "run")
    assert {c.total for c in outcome.cells if not c.attack} == {7}


def test_a_shared_stage_runs_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    code = docstring_code("clusterer").replace(
        "last = max", f"with open({str(count)!r}, 'a') as stream: stream.write('x')\n        last = max"
    )  # fmt: skip
    twice = RECIPE + RECIPE[RECIPE.index("[[method]]") : RECIPE.index('[[method]]\nname = "grey"')].replace(
        '"flat"\nk', '"again"\nk'
    )
    outcome = run(planned(tmp_path, listed("clusterer", "in-order", code), recipe=twice), tmp_path / "run")
    assert outcome.exit_code == 0
    assert count.read_text() == "x"


@pytest.mark.parametrize("shift", [0, 90])
def test_other_faces_in_a_picture_are_covered(shift: int) -> None:
    from deidframe.contract import Photos, align
    from deidframe.engine.intake.crops import SIZE, CropStack

    photo = np.full((SIZE, SIZE, 3), 200, np.uint8)
    photo[:, 180 + shift // 3 :] = (255, 0, 0)
    box = np.array([[180 + shift // 3, 60, 290 + shift // 3, 200]], np.float32)
    stack = CropStack(Photos.from_arrays(["a"], [photo]), ("a",), np.eye(2, 3)[None], {0: box})
    face = stack[0:1][0]
    assert not (face[80:180, 215:] == (255, 0, 0)).all(axis=2).any()
    x, y = align.template(SIZE).mean(axis=0).astype(int)
    assert np.array_equal(face[y, x], photo[y, x])


def test_an_attack_says_the_same_in_one_call_and_in_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = docstring_code("attacker").replace(
        "scores = self.context.rng(self.briefing.threat).random(shape, np.float32)",
        """seen, known = (np.asarray(one.images[:], np.float32).mean(axis=(1, 2)) for one in (probes, self.briefing.gallery))
        CALLS.append(len(probes))
        scores = -((seen[:, None] - known[None]) ** 2).sum(axis=2).reshape(shape)""",
    )
    text = text.replace("class Guess:", "CALLS = []\n\nclass Guess:").replace("import numpy as np\n", "")
    text = "import numpy as np\n" + text
    said = []
    for name, scores in (("one", 2**26), ("many", 5 * 12), ("each", 1)):
        monkeypatch.setattr("deidframe.engine.evaluate.attack.SCORES", scores)
        guess = listed("attacker", "guess", text)
        (tmp_path / name).mkdir()
        outcome = run(planned(tmp_path / name, guess), tmp_path / name / "run")
        calls = sys.modules[guess.module].CALLS
        assert max(calls) == {"one": 12, "many": 5, "each": 1}[name]
        said.append([(c.method, c.metrics, c.probes, c.missed, c.candidates) for c in outcome.cells if c.attack])
        assert len(said[-1]) == 2
    assert said[0] == said[1] == said[2]
