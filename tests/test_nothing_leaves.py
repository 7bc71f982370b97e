"""No process of an offline run opens a socket, and none writes outside the run, the cache and the temporary folder."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidframe.contract import Context, Embeddings
from deidframe.contract.encodings import encodings_bytes
from deidframe.engine.planning.planner import plan
from deidframe.environment import cache_folder
from deidframe.host.catalogue import Catalogue
from deidframe.models import weights_path
from deidframe.recipe.parse import load_recipe
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "recipes" / "quickstart.toml"
WATCHER = Path(__file__).parent / "support" / "watcher"
CALL = re.compile(r'^(?:\[pid +)?(\d+)?\]? *(\w+)\((?:AT_FDCWD, |\d+[^,]*, )?"([^"]*)"(.*)$')
BYTECODE = re.compile(r"__pycache__(/[^/]*\.pyc[^/]*)?$")
"""Python itself keeps these beside its modules; they hold code and nothing else."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fetch what the quickstart needs, so that it can run offline."""
    scratch = tmp_path_factory.mktemp("weights")
    for step in plan(load_recipe(QUICKSTART), Catalogue(), scratch, limit=36).steps():
        for name in step.loaded.component.weights:
            weights_path(step.loaded.listed.package[0], name, Context(seed=0, scratch=scratch))


class Watched:
    """A command in a home of its own, and all that it did."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.temporary = folder, folder / "home", folder / "temporary"
        for place in (self.home, self.temporary):
            place.mkdir()
        self.notes, self.trace = folder / "notes", folder / "trace"
        self.allowed = (folder / "run", self.temporary, cache_folder(), self.notes)

    def run(self, *command: str) -> None:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("XDG_", "MPL", "NUMBA_", "TORCH", "PYTEST_"))
        }
        path = os.pathsep.join([str(WATCHER), kept.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        own = {"HOME": str(self.home), "TMPDIR": str(self.temporary), "PYTHONPATH": path}
        watch = {"DEIDFRAME_WATCH": str(self.notes), "DEIDFRAME_CACHE": str(cache_folder())}
        calls = "socket,connect,sendto,sendmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink"
        tracer = [shutil.which("strace") or "", "-f", "-qq", "-s", "4096", "-e", f"trace={calls}", "-o", str(self.trace)]
        traced = tracer if tracer[0] and subprocess.run([tracer[0], "true"], capture_output=True).returncode == 0 else []
        done = subprocess.run([*traced, *command], env={**kept, **own, **watch}, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def sockets(self) -> list[str]:
        noted = [" ".join(map(str, line)) for line in self._noted() if str(line[1]).startswith("socket.")]
        return noted + [line for line in self._traced() if re.search(r"\b(socket|connect|sendto|sendmsg)\(", line)]

    def written(self) -> set[str]:
        """Every path that was opened for writing, made, renamed or removed."""
        paths = {str(path) for line in self._noted() if not str(line[1]).startswith("socket.") for path in line[2:]}
        for line in self._traced():
            call = CALL.match(line)
            if call is None or "= -1 E" in line:
                continue
            name, path, rest = call[2], call[3], call[4]
            if not name.startswith("open") or re.search(r"O_(WRONLY|RDWR|CREAT)", rest):
                paths.add(os.path.abspath(self.folder / path))  # noqa: PTH100
        return paths

    def outside(self) -> list[str]:
        fine = [f"{place}{os.sep}" for place in self.allowed] + ["/dev/", "/proc/self/"]
        return sorted(
            path
            for path in self.written()
            if not path.startswith(tuple(fine)) and Path(path) not in self.allowed and not BYTECODE.search(path)
        )

    def _noted(self) -> list[Sequence[object]]:
        return [json.loads(line) for line in self.notes.read_text("utf-8").splitlines()]

    def _traced(self) -> list[str]:
        return self.trace.read_text("utf-8", "replace").splitlines() if self.trace.exists() else []


def test_an_offline_run_opens_no_socket_and_writes_nowhere_else(tmp_path: Path, weights: None) -> None:
    watched = Watched(tmp_path)
    out = str(tmp_path / "run")
    watched.run(
        sys.executable, "-m", "deidframe", "run", str(QUICKSTART), "--offline", "--no-cache", "--limit", "36", "--out", out
    )
    assert any(path.endswith("RELEASE.json") for path in watched.written()), "the watch saw nothing"
    assert watched.sockets() == []
    assert watched.outside() == []
    assert list(watched.home.iterdir()) == []


def test_torch_leaves_no_folder_among_temporary_files(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    watched = Watched(tmp_path)
    code = """
        from deidframe.environment import contain_libraries
        from deidframe.models import reproducible_torch

        contain_libraries()
        with reproducible_torch():
            pass
    """
    watched.run(sys.executable, "-c", textwrap.dedent(code))
    assert watched.outside() == []
    assert list(watched.temporary.iterdir()) == []


PIECES = {
    "check": ["check", str(QUICKSTART)],
    "cluster": ["cluster", "in/enc.npz", "--use", "fixed-size", "-k", "2", "-o", "out/groups.csv"],
    "completion": ["completion", "bash"],
    "doctor": ["doctor"],
    "encode": ["encode", "in/faces", "--use", "sface", "-o", "out/enc.npz", "--offline"],
    "means": ["means", "in/enc.npz", "-k", "2", "--out", "out/means"],
    "models": ["models"],
    "photos": ["photos", "in/faces", "out/covered", "--offline"],
    "plugins": ["plugins"],
    "stats": ["stats", "in/enc.npz", "-k", "2"],
    "video": ["video", "in/clip.mp4", "out/covered", "--offline"],
}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures of people who do not exist, a clip of one of them that moves, and encodings."""
    folder = tmp_path_factory.mktemp("material")
    photos = SyntheticPeople(PeopleParams(people=6, pictures=1), Context(seed=1, scratch=folder)).load()
    for one in photos.ids:
        home = folder / "faces" / str(one).partition("/")[0].replace(".", "-")
        home.mkdir(parents=True)
        cv2.imwrite(str(home / "a.png"), photos.open(one)[..., ::-1])
    if importlib.util.find_spec("av"):
        picture = photos.open(photos.ids[0])
        from clips import write

        write(folder / "clip.mp4", iter([np.roll(picture, n, axis=1) for n in range(6)]))
    rows = np.random.default_rng(1).standard_normal((12, 4)).astype(np.float32)
    ids = tuple(f"e{n}" for n in range(12))
    (folder / "enc.npz").write_bytes(encodings_bytes(Embeddings(ids, rows, "any", ids)))
    return folder


@pytest.mark.parametrize("command", PIECES)
def test_no_command_opens_a_socket_or_writes_elsewhere(tmp_path: Path, material: Path, weights: None, command: str) -> None:
    if command == "video":
        pytest.importorskip("av")
    shutil.copytree(material, tmp_path / "in")
    (tmp_path / "out").mkdir()
    watched = Watched(tmp_path)
    watched.allowed = (*watched.allowed, tmp_path / "out")
    watched.run(sys.executable, "-m", "deidframe", *PIECES[command])
    assert watched.sockets() == []
    assert watched.outside() == []
    assert list(watched.home.iterdir()) == []


def test_the_watch_sees_what_leaves(tmp_path: Path) -> None:
    """A socket of the process itself and of its child, and a file under the home."""
    watched = Watched(tmp_path)
    talk = "import socket, pathlib; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()"
    note = f"{talk}; (pathlib.Path.home() / 'id').write_text('1')"
    watched.run(sys.executable, "-c", f"{note}; import subprocess, sys; subprocess.run([sys.executable, '-c', {talk!r}])")
    assert len({line.split()[0] for line in watched.sockets() if "socket.__new__" in line}) == 2
    assert watched.outside() == [str(watched.home / "id")]


def test_one_function_imports_openvino() -> None:
    """Bare, the import writes a client id under the home and asks a name server; see `deidframe.environment`."""
    direct = re.compile(r"^\s*(import openvino|from openvino)", re.MULTILINE)
    files = [*(ROOT / "deidframe").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    assert [path.name for path in files if direct.search(path.read_text("utf-8"))] == ["network.py"]
