"""Two nodes of a Ray cluster see what one machine sees; a worker, a node and a driver that are killed cost their parts alone."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deidframe.contract import UsageError
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.planning.plan import Plan
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run
from deidframe.engine.tools import ray_parts
from deidframe.engine.tools.parts import Part, apart, facts_of, merge
from deidframe.engine.tools.ray_cluster import cluster as connected
from deidframe.engine.tools.ray_parts import Answer, job_of
from deidframe.engine.tools.ray_surrogates import OnNodes
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse

TEXT = """\
schema = 1
name = "nodes"
seed = 5

[source]
use = "synthetic-people"
subjects = "labelled"
params = { people = 50, pictures = 6 }

[detector]
use = "yunet"

[[method]]
name = "pixel mean"
k = 5
encoder     = { use = "dlib-resnet" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "pixel-mean" }
"""
DRIVER = """
import sys
from pathlib import Path
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.planning.planner import plan
from deidframe.engine.runtime.progress import Quiet
from deidframe.engine.tools.ray_cluster import cluster
from deidframe.engine.tools.ray_parts import job_of, look_with_ray
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import load_recipe

recipe, scratch, cache, address = sys.argv[1:]
planned = plan(load_recipe(Path(recipe)), Catalogue(), Path(scratch), None)
with cluster(address) as nodes:
    look_with_ray(DiskCache(Path(cache)), Quiet(), nodes, job_of(planned, offline=False), shards=1)
"""


@pytest.fixture
def cluster() -> Iterator[Any]:
    pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        yield made
    finally:
        made.shutdown()


def planned(scratch: Path, text: str = TEXT) -> Plan:
    scratch.mkdir()
    return plan(parse(text, "nodes.toml"), Catalogue(), scratch, None)


def workers(task: bytes = b"ray::_look") -> list[int]:
    """Return the processes that do a task just now."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(task):
            found.append(int(folder.name))
    return found


def until(there: Any, seconds: float = 120.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = there()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def released(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("release/**/*"))
        if path.is_file()
    }


def test_three_kills_cost_their_parts_and_the_release_is_the_same(tmp_path: Path, cluster: Any) -> None:
    second = cluster.add_node(num_cpus=1)
    (tmp_path / "nodes.toml").write_text(TEXT)
    (tmp_path / "scratch").mkdir()
    cache = DiskCache(tmp_path / "stages")
    given = [str(tmp_path / name) for name in ("nodes.toml", "scratch", "stages")]
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, *given, cluster.address], start_new_session=True)
    try:
        os.kill(until(workers)[0], signal.SIGKILL)  # a worker
        until(lambda: list(tmp_path.glob("stages/parts/*.json")))
    finally:
        os.killpg(driver.pid, signal.SIGKILL)  # the driver
        driver.wait()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("stages/parts/*.json")}
    until(lambda: not workers())
    again = subprocess.Popen([sys.executable, "-c", DRIVER, *given, cluster.address], start_new_session=True)
    until(workers)
    cluster.remove_node(second, allow_graceful=False)  # a node
    assert again.wait(300) == 0
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("stages/parts/*.json")}
    assert before.items() <= after.items()  # what was seen before the kills was not seen again
    home = planned(tmp_path / "home", (tmp_path / "nodes.toml").read_text())
    assert len(after) >= 4
    assert merge(home, cache, []).of == len(after)
    run(home, tmp_path / "whole", cache=cache, names_key=b"k" * 32)
    assert json.loads((tmp_path / "whole" / "run.json").read_text())["kept"]["shards of faces"] == len(after)
    run(planned(tmp_path / "alone"), tmp_path / "local", names_key=b"k" * 32)
    assert released(tmp_path / "whole") == released(tmp_path / "local") != {}


def test_surrogates_that_nodes_drew_are_those_of_one_machine(tmp_path: Path, cluster: Any) -> None:
    cluster.add_node(num_cpus=1)
    text = TEXT.replace("people = 50, pictures = 6", "people = 8, pictures = 2").replace("k = 5", "k = 2")
    pytest.importorskip("torch")
    text = text.replace('"pixel-mean"', '"stylegan", params = { aim = "gradient", steps = 1, tries = 1 }')
    local = run(planned(tmp_path / "alone", text), tmp_path / "local", names_key=b"k" * 32)
    assert {cell.status for cell in local.cells} == {"ok"}
    home, killed = planned(tmp_path / "home", text), []

    def kill() -> None:
        at_work = until(lambda: workers(b"ray::_draw"))
        os.kill(at_work[0], signal.SIGKILL)
        killed.append(at_work[0])

    with connected(cluster.address) as nodes:
        threading.Thread(target=kill, daemon=True).start()
        cache, draws = DiskCache(tmp_path / "stages"), OnNodes(nodes, job_of(home, offline=False)).draw
        spread = run(home, tmp_path / "spread", cache=cache, names_key=b"k" * 32, draws=draws)
    assert killed
    assert {cell.status for cell in spread.cells} == {"ok"}, [cell.reason for cell in spread.cells]
    assert released(tmp_path / "spread") == released(tmp_path / "local") != {}


def test_a_node_that_sees_something_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = planned(tmp_path / "home")
    ours = facts_of(home, ["x"] * 300)
    job = ray_parts.Job(home.parsed.text, "nodes.toml", (), None, str(tmp_path), True, ours)
    monkeypatch.chdir(tmp_path)
    answer = ray_parts._look(job, Part(1, 2))
    assert "is of other pictures" in str(answer.error)
    with pytest.raises(UsageError, match=f"node {answer.node}: what it sees is not what the run sees"):
        ray_parts._take(DiskCache(tmp_path / "stages"), ours, Part(1, 2), answer)
    assert not (tmp_path / "stages" / "parts").exists()
    older = json.loads(json.dumps(ours))
    older["steps"]["encoder deidframe-dlib:dlib-resnet"]["version"] = "0.0.1"
    assert apart(older, ours) == ["was made by another version of encoder deidframe-dlib:dlib-resnet (0.0.1, here 0.1.0)"]
    older = json.loads(json.dumps(ours))
    older["steps"]["detector deidframe-opencv-zoo:yunet"]["weights"]["yunet"] = "0"
    assert apart(older, ours) == ["was made by another weights of detector deidframe-opencv-zoo:yunet"]


def test_a_node_without_the_weights_or_with_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deidframe.contract import StoreError
    from deidframe.engine.cache.shards import fingerprints_of

    home = planned(tmp_path / "home")
    facts = facts_of(home, fingerprints_of(home.photos))
    job = ray_parts.Job(home.parsed.text, "nodes.toml", (), None, str(tmp_path), True, facts)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deidframe.models.fetch.find_weights", lambda weights: None)
    answer = ray_parts._look(job, Part(1, 4))
    assert answer.done is None
    assert "weights" in str(answer.error), answer.error
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise StoreError("cannot write '/tmp/x': No space left on device")

    monkeypatch.setattr(ray_parts, "look_at_part", full)
    with pytest.raises(StoreError, match=r"node .*No space left on device"):
        ray_parts._take(DiskCache(tmp_path / "stages"), facts, Part(1, 4), ray_parts._look(job, Part(1, 4)))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", ":", "127.0.0.1:x", "127.0.0.1:99999999"])
def test_a_cluster_that_is_none_is_said_at_once(tmp_path: Path, address: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(UsageError, match="no cluster answers there"), connected(address):
        pass


def test_without_ray_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"deidframe\[ray\]"), connected("local"):
        pass


def test_an_answer_goes_through_pickle(tmp_path: Path) -> None:
    import pickle

    answer = Answer("n", None, (("a" * 64, b"x"),), UsageError("no"))
    back = pickle.loads(pickle.dumps(answer))
    assert (back.entries, str(back.error)) == (answer.entries, "no")
