from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deidframe.contract import Context, Embeddings, NothingToDo, UsageError
from deidframe.contract.encodings import encodings_bytes
from deidframe_encodings.plugin import EncodingsParams
from deidframe_encodings.source import EncodingsSource


def load(path: Path, **params: object) -> Embeddings:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return EncodingsSource(EncodingsParams(path=path, **params), Context(seed=1, scratch=scratch)).load()


def dump(path: Path, value: object, protocol: int = 3) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def rows(count: int = 3) -> list[dict[str, object]]:
    return [{"imagePath": f"p/{n}.jpg", "loc": (1, 2, 3, 4), "encoding": np.arange(4, dtype=float) + n} for n in range(count)]


@pytest.mark.parametrize("protocol", [0, 2, 3, 5])
def test_the_legacy_list(tmp_path: Path, protocol: int) -> None:
    if protocol in (0, 5):  # numpy writes these with other names, which are refused
        with pytest.raises(UsageError, match="which no encoding needs"):
            load(dump(tmp_path / "e.pickle", rows(), protocol))
        return
    if protocol == 2:
        with pytest.raises(UsageError, match=r"_codecs\.encode"):
            load(dump(tmp_path / "e.pickle", rows(), protocol))
        return
    found = load(dump(tmp_path / "e.pickle", [*rows(), rows()[0]], protocol))
    assert found.ids == ("p/0.jpg", "p/1.jpg", "p/2.jpg", "p/0.jpg#2")
    assert found.vectors[1].tolist() == [1, 2, 3, 4]


class Gadget:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


def test_a_malicious_pickle_runs_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(UsageError, match=r"names (posix|nt)\.system, which no encoding needs"):
        load(dump(tmp_path / "e.pickle", [{"encoding": Gadget(trace)}]))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": 1}, "not a list of dictionaries"),
        ([1, 2], "not a list of dictionaries"),
        ([{"encoding": np.array(["x"])}], "expected numbers"),
        ([{"encoding": np.array([])}], "expected numbers"),
        ([{"encoding": np.zeros(3)}, {"encoding": np.zeros(4)}], "entry 1 has 4 dimensions, the first has 3"),
        ([{"encoding": np.array([1.0, np.nan])}], "finite numbers"),
        ([{"encoding": np.array([1.0, np.inf])}], "finite numbers"),
    ],
)
def test_a_pickle_of_something_else(tmp_path: Path, value: object, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load(dump(tmp_path / "e.pickle", value))


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    whole = pickle.dumps(rows(), 3)
    for percent in (0, 10, 50, 90, 99):
        (tmp_path / "cut.pickle").write_bytes(whole[: len(whole) * percent // 100])
        with pytest.raises(UsageError, match=r"cut\.pickle"):
            load(tmp_path / "cut.pickle")


def test_an_array_that_wants_all_memory(tmp_path: Path) -> None:
    """700 GiB declared in a few bytes: the child is refused the memory and the parent lives on."""
    huge = pickle.dumps(rows(1), 3).replace(b"K\x04\x85", b"\x8a\x08" + (700 * 2**27).to_bytes(8, "little") + b"\x85")
    assert huge != pickle.dumps(rows(1), 3)
    bomb = b"\x80\x03]q\x00" + b"B" + (2**32 - 1).to_bytes(4, "little")
    for data in (huge, bomb, pickle.dumps([{"encoding": b"x" * 10}] * 3, 3)):
        (tmp_path / "bomb.pickle").write_bytes(data)
        with pytest.raises(UsageError, match=r"bomb\.pickle"):
            load(tmp_path / "bomb.pickle", memory_mb=1024)


def test_the_child_is_held_to_its_memory_and_time_before_it_opens_the_file(tmp_path: Path) -> None:
    (tmp_path / "e.pickle").write_bytes(pickle.dumps([], 3))
    code = """
import resource, sys
from deidframe_encodings import unpickle

def limits(stream):
    print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CPU)[0])
    sys.exit()

unpickle.NumpyOnly = limits
unpickle.main(sys.argv[1], "out", 512)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "e.pickle")], capture_output=True, text=True)
    memory, seconds = map(int, done.stdout.split())
    assert memory == 512 * 1024 * 1024
    assert 0 < seconds < 10_000


def test_npz_and_npy(tmp_path: Path) -> None:
    encodings = Embeddings(("a", "b"), np.array([[3, 4], [0, 2]], np.float32), "sface", ("ada", "bob"))
    (tmp_path / "e.npz").write_bytes(encodings_bytes(encodings))
    again = load(tmp_path / "e.npz")
    assert (again.ids, again.space, again.subjects) == (encodings.ids, "sface", ("ada", "bob"))
    assert load(tmp_path / "e.npz", normalise=True).vectors.tolist() == pytest.approx(np.array([[0.6, 0.8], [0, 1]]))
    np.save(tmp_path / "e.npy", encodings.vectors)
    plain = load(tmp_path / "e.npy", space="mine")
    assert (plain.ids, plain.space) == (("000000", "000001"), "mine")


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a file"):
        load(tmp_path / "absent.npz")
    (tmp_path / "e.txt").write_text("x")
    with pytest.raises(UsageError, match=r"has none of the endings \.npz"):
        load(tmp_path / "e.txt")
    for name in ("e.npz", "e.npy", "e.parquet"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 no such thing")
        with pytest.raises(UsageError):
            load(tmp_path / name)
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="allow_pickle=False"):
        load(tmp_path / "o.npy")
    np.save(tmp_path / "f.npy", np.zeros(5))
    with pytest.raises(UsageError, match="expected shape"):
        load(tmp_path / "f.npy")
    np.save(tmp_path / "n.npy", np.zeros((0, 5)))
    with pytest.raises(NothingToDo):
        load(tmp_path / "n.npy")
    np.save(tmp_path / "z.npy", np.zeros((2, 5)))
    with pytest.raises(UsageError, match="'000000' is a zero vector"):
        load(tmp_path / "z.npy", normalise=True)
    np.savez(tmp_path / "d.npz", ids=np.array(["a", "a"]), vectors=np.zeros((2, 2)))
    with pytest.raises(UsageError, match="distinct ids"):
        load(tmp_path / "d.npz")
    with pytest.raises(UsageError, match="sha256"):
        load(tmp_path / "d.npz", sha256="0" * 64)


AUTHORS = Path(__file__).parents[4] / "shared" / "data" / "anonfaces"


@pytest.mark.skipif(not AUTHORS.is_dir(), reason="needs the original authors' encodings beside the project")
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dlib_celeba_979", (979, 128)),
        ("facenet_celeba_979", (979, 128)),
        ("pca_celeba_979", (979, 10)),
        ("encodings", (67, 128)),
    ],
)
def test_the_authors_files(tmp_path: Path, name: str, shape: tuple[int, int]) -> None:
    source = EncodingsSource(EncodingsParams(path=AUTHORS / f"{name}.pickle"), Context(seed=1, scratch=tmp_path))
    assert source.load().vectors.shape == shape
