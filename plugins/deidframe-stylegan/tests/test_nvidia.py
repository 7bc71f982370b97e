"""NVIDIA's pickles: the form of theirs, made here (no file of theirs could be had), and pictures by their formulas."""

from __future__ import annotations

import hashlib
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402

from deidframe.contract import WeightsError  # noqa: E402
from deidframe_stylegan.checkpoint import read_checkpoint  # noqa: E402
from deidframe_stylegan.nvidia import convert, main, rosinality  # noqa: E402
from deidframe_stylegan.stylegan2 import StyleGan2  # noqa: E402


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> object:
    raise AssertionError("the source in a pickle was run")


_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"


class EasyDict(dict[str, Any]):
    __module__ = "dnnlib.util"


class Persistent(torch.nn.Module):
    """Pickles as a class under NVIDIA's decorator does: a name, source text, and the state."""

    def __reduce__(self) -> Any:
        meta: dict[str, Any] = {
            "type": "class",
            "version": 6,
            "module_src": "raise SystemExit",
            "class_name": type(self).__name__,
        }
        meta["state"] = self.__dict__
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,), None


class Generator(Persistent):
    pass


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pickle find the names of their package while a file is made."""
    for value in (_reconstruct_persistent_obj, EasyDict):
        module = types.ModuleType(value.__module__)
        setattr(module, value.__name__, value)
        monkeypatch.setitem(sys.modules, value.__module__, module)
        parent = value.__module__.split(".")[0]
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))


def layer(weight: tuple[int, ...] | None = None, bias: torch.Tensor | None = None) -> Persistent:
    module = Persistent()
    module.weight_gain = np.float64(0.5)
    module.register_buffer("resample_filter", torch.ones(4, 4))
    if weight is not None:
        module.register_parameter("weight", torch.nn.Parameter(torch.randn(weight)))
    module.register_parameter("bias", None if bias is None else torch.nn.Parameter(bias))
    return module


def generator(side: int = 32, channels: int = 8, depth: int = 2) -> Generator:
    """A generator with random weights, module by module as NVIDIA's."""
    torch.manual_seed(5)
    whole, mapping, synthesis = Generator(), Persistent(), Persistent()
    whole.mapping, whole.synthesis = mapping, synthesis
    for n in range(depth):
        part = layer((512, 512), torch.randn(512))
        part.weight.data *= 100
        setattr(mapping, f"fc{n}", part)
    mapping.register_buffer("w_avg", torch.zeros(512))
    for size in (4 * 2**n for n in range(int(np.log2(side)) - 1)):
        block = layer()
        setattr(synthesis, f"b{size}", block)
        if size == 4:
            block.register_parameter("const", torch.nn.Parameter(torch.randn(channels, 4, 4)))
        for name in ("conv0", "conv1", "torgb"):
            if name == "conv0" and size == 4:
                continue
            out, kernel = (3, 1) if name == "torgb" else (channels, 3)
            part = layer((out, channels, kernel, kernel), torch.randn(out) * 0.1)
            part.affine = layer((channels, 512), torch.ones(channels))
            if name != "torgb":
                part.register_parameter("noise_strength", torch.nn.Parameter(torch.tensor(0.1)))
                part.register_buffer("noise_const", torch.randn(size, size))
            setattr(block, name, part)
    return whole


def written(path: Path, held: object) -> str:
    path.write_bytes(pickle.dumps(held))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def network(whole: object) -> dict[str, object]:
    return {"G": whole, "D": Persistent(), "G_ema": whole, "training_set_kwargs": EasyDict(path="x"), "augment_pipe": None}


def picture(whole: Generator, w: torch.Tensor) -> torch.Tensor:
    """NVIDIA's synthesis by their formulas: to a picture with noise as kept, in single precision."""
    s = whole.state_dict()
    line = torch.tensor([1.0, 3, 3, 1])
    blur = (line[:, None] * line / 64 * 4)[None, None]

    def smoothed(x: torch.Tensor, before: int, after: int) -> torch.Tensor:
        x = functional.pad(x, [before, after, before, after])
        return functional.conv2d(x, blur.expand(x.shape[1], 1, 4, 4), groups=x.shape[1])

    def convolved(x: torch.Tensor, at: torch.Tensor, name: str, up: bool, gain: float | None) -> torch.Tensor:
        style = at @ (s[f"{name}.affine.weight"] / 512**0.5).T + s[f"{name}.affine.bias"]
        weight = s[f"{name}.weight"] * (style * (gain or 1)).reshape(1, -1, 1, 1)
        if gain is None:
            weight = weight * torch.rsqrt(weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
        if up:  # a convolution, not a correlation, on the picture with zeros between its pixels
            return smoothed(functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2), 1, 1)
        return functional.conv2d(x, weight, padding=weight.shape[-1] // 2)

    def layered(x: torch.Tensor, at: torch.Tensor, name: str, up: bool) -> torch.Tensor:
        x = convolved(x, at, name, up, None) + s[f"{name}.noise_const"] * s[f"{name}.noise_strength"]
        return functional.leaky_relu(x + s[f"{name}.bias"][None, :, None, None], 0.2) * 2**0.5

    x, made, at = s["synthesis.b4.const"][None], None, 0
    size = 4
    while f"synthesis.b{size}.torgb.bias" in s:
        block = f"synthesis.b{size}"
        if size > 4:
            x = layered(x, w[at][None], f"{block}.conv0", True)
            at += 1
        x = layered(x, w[at][None], f"{block}.conv1", False)
        at += 1
        if made is not None:
            spread = torch.zeros(1, 3, size, size)
            spread[:, :, ::2, ::2] = made
            made = smoothed(spread, 2, 1)
        gain = 1 / s[f"{block}.torgb.weight"][0].numel() ** 0.5
        shown = convolved(x, w[at][None], f"{block}.torgb", False, gain) + s[f"{block}.torgb.bias"][None, :, None, None]
        made = shown if made is None else made + shown
        size *= 2
    assert made is not None
    return made


@pytest.mark.usefixtures("theirs")
def test_a_converted_generator_draws_what_theirs_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = generator()
    digest = written(tmp_path / "in.pkl", network(whole))
    assert main([str(tmp_path / "in.pkl"), str(tmp_path / "out.pt"), "--sha256", digest]) == 0
    state, made = read_checkpoint(tmp_path / "out.pt", None)
    assert made in capsys.readouterr().out
    model = StyleGan2(state)
    assert (model.side, model.depth, model.styles) == (32, 2, 8)
    w = torch.randn(8, 512)
    with torch.no_grad():
        wanted = picture(whole, w)
        assert torch.allclose(model(w[None]), wanted, atol=1e-3 * float(wanted.abs().max()))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.pkl", "out.pt"]


class Gadget:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.trace), "w")


class Nested:
    """A pickle within the pickle, which torch's own function would run."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return torch.storage._load_from_bytes, (pickle.dumps(Gadget(self.trace)),)


@pytest.mark.usefixtures("theirs")
def test_nothing_in_a_pickle_is_run(tmp_path: Path) -> None:
    trace, source, out = tmp_path / "trace", tmp_path / "in.pkl", tmp_path / "out.pt"
    for held, message in [
        (network(Gadget(trace)), r"it names (builtins|_?io)\.open"),
        (network(Nested(trace)), "UnpicklingError: Weights only load failed"),
        ({"G_ema": 3}, "no generator under 'G_ema'"),
        ([], "no generator under 'G_ema'"),
    ]:
        digest = written(source, held)
        with pytest.raises(WeightsError, match=message):
            convert(source, out, digest)
    assert not trace.exists() and not out.exists()


@pytest.mark.usefixtures("theirs")
def test_what_is_no_generator_of_theirs_is_refused(tmp_path: Path) -> None:
    source, out = tmp_path / "in.pkl", tmp_path / "out.pt"
    whole = generator(8, 4, 1)
    digest = written(source, network(whole))
    with pytest.raises(WeightsError, match="expected 0000"):
        convert(source, out, "0" * 64)
    with pytest.raises(WeightsError, match="does not exist yet"):
        convert(source, tmp_path / "out.bin", digest)
    with pytest.raises(WeightsError, match="is not a folder"):
        convert(source, tmp_path / "none" / "out.pt", digest)
    with pytest.raises(WeightsError, match="cannot read"):
        convert(tmp_path / "absent.pkl", out, digest)
    data = source.read_bytes()[: source.stat().st_size // 2]
    source.write_bytes(data)
    with pytest.raises(WeightsError, match="trusted"):
        convert(source, out, hashlib.sha256(data).hexdigest())
    assert not out.exists()
    assert main([str(source), str(out), "--sha256", "0"]) == 1
    state = whole.state_dict()
    assert "conv1.conv.weight" in rosinality(state)
    for change, message in [
        (lambda s: s.pop("synthesis.b8.conv0.bias"), r"lacks 'synthesis\.b8\.conv0\.bias'"),
        (lambda s: s.update({"mapping.embed.weight": torch.zeros(512, 10)}), "labels"),
        (lambda s: s.pop("synthesis.b4.torgb.bias"), "skip architecture"),
        (lambda s: s.clear(), "skip architecture"),
    ]:
        other = dict(state)
        change(other)
        with pytest.raises(WeightsError, match=message):
            rosinality(other)
