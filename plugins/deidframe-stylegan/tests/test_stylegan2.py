from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from float32 import apart
from real_recognizer import RealRecognizer

torch = pytest.importorskip("torch")
from random_stylegan2 import random_state  # noqa: E402
from torch.nn import functional  # noqa: E402

from deidframe.contract import Context, FaceSet, Surrogates, WeightsError, align  # noqa: E402
from deidframe_people.plugin import PeopleParams  # noqa: E402
from deidframe_people.source import SyntheticPeople  # noqa: E402
from deidframe_stylegan.checkpoint import read_checkpoint  # noqa: E402
from deidframe_stylegan.own_generator import StyleGan2Faces  # noqa: E402
from deidframe_stylegan.plugin import StyleGan2Params  # noqa: E402
from deidframe_stylegan.stylegan2 import StyleGan2  # noqa: E402


def plain_convolution(
    s: dict[str, torch.Tensor], name: str, x: torch.Tensor, w: torch.Tensor, demodulate: bool, up: bool
) -> torch.Tensor:
    """One modulated convolution as the paper writes it: weights scaled for each sample, then normalised (eq. 1 and 3)."""
    weight = s[f"{name}.conv.weight"][0]
    style = w @ (s[f"{name}.conv.modulation.weight"] / 512**0.5).T + s[f"{name}.conv.modulation.bias"]
    outs = []
    for one, scale in zip(x, style, strict=True):
        own = weight * scale[None, :, None, None] / (weight[0].numel() ** 0.5)
        if demodulate:
            own = own / torch.sqrt((own**2).sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
        if up:
            spread = functional.conv_transpose2d(one[None], own.transpose(0, 1), stride=2)
            outs.append(blurred(spread, 1, 1))
        else:
            outs.append(functional.conv2d(one[None], own, padding=own.shape[-1] // 2))
    return torch.cat(outs)


def blurred(x: torch.Tensor, before: int, after: int) -> torch.Tensor:
    line = torch.tensor([1.0, 3, 3, 1])
    kernel = (line[:, None] * line / 64 * 4)[None, None]
    padded = functional.pad(x, [before, after, before, after])
    return torch.cat([functional.conv2d(padded[:, c : c + 1], kernel) for c in range(x.shape[1])], dim=1)


def plain_generator(s: dict[str, torch.Tensor], w: torch.Tensor, levels: int) -> torch.Tensor:
    def styled(x: torch.Tensor, at: int, name: str, noise: int, up: bool = False) -> torch.Tensor:
        x = plain_convolution(s, name, x, w[:, at], True, up)
        x = x + s[f"{name}.noise.weight"] * s[f"noises.noise_{noise}"] + s[f"{name}.activate.bias"][None, :, None, None]
        return functional.leaky_relu(x, 0.2) * 2**0.5

    x = styled(s["input.input"].repeat(len(w), 1, 1, 1), 0, "conv1", 0)
    picture = plain_convolution(s, "to_rgb1", x, w[:, 1], False, False) + s["to_rgb1.bias"]
    for n in range(levels):
        x = styled(x, 2 * n + 1, f"convs.{2 * n}", 2 * n + 1, up=True)
        x = styled(x, 2 * n + 2, f"convs.{2 * n + 1}", 2 * n + 2)
        zeros = torch.zeros(*picture.shape[:2], picture.shape[2] * 2, picture.shape[3] * 2)
        zeros[:, :, ::2, ::2] = picture
        picture = (
            blurred(zeros, 2, 1) + plain_convolution(s, f"to_rgbs.{n}", x, w[:, 2 * n + 3], False, False) + s[f"to_rgbs.{n}.bias"]
        )
    return picture


def test_the_generator_is_what_the_paper_says() -> None:
    state = random_state()
    model = StyleGan2(state)
    assert (model.side, model.depth, model.styles) == (32, 2, 8)
    w = torch.randn(2, 8, 512, generator=torch.Generator().manual_seed(1))
    made, wanted = model(w), plain_generator(state, w, 3)
    assert made.shape == (2, 3, 32, 32)
    assert torch.allclose(made, wanted, atol=1e-3 * float(wanted.abs().max()))
    assert model(w, 16).shape == (2, 3, 16, 16)
    z = torch.randn(3, 512, generator=torch.Generator().manual_seed(2))
    x = z / torch.sqrt((z**2).mean(dim=1, keepdim=True) + 1e-8)
    for n in (1, 2):
        x = (
            functional.leaky_relu(x @ (state[f"style.{n}.weight"] * 0.01 / 512**0.5).T + state[f"style.{n}.bias"] * 0.01, 0.2)
            * 2**0.5
        )
    assert torch.allclose(model.mapping(z), x, atol=apart(512, 2, float(x.abs().max())))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("convs.1.conv.weight"), r"lacks 'convs\.1\.conv\.weight'"),
        (lambda s: s.update({"to_rgb1.bias": torch.zeros(1, 1, 1, 1)}), r"'to_rgb1\.bias' has shape"),
        (lambda s: s.update({"conv1.activate.bias": torch.full((8,), float("nan"))}), "not finite"),
        (lambda s: [s.pop(k) for k in list(s) if k.startswith("style")], "not a StyleGAN2 generator"),
    ],
)
def test_a_checkpoint_of_another_shape_is_refused(change: object, message: str) -> None:
    state = random_state()
    assert callable(change)
    change(state)
    with pytest.raises(WeightsError, match=message):
        StyleGan2(state)


def as_safetensors(state: dict[str, torch.Tensor]) -> bytes:
    header, body = {}, b""
    for name, value in state.items():
        data = value.numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def test_checkpoints_are_read_without_running_anything(tmp_path: Path) -> None:
    state = random_state(8, 4, 1)
    torch.save({"g_ema": state, "args": {"size": 8}}, tmp_path / "train.pt")
    torch.save(state, tmp_path / "bare.pt")
    (tmp_path / "m.safetensors").write_bytes(as_safetensors(state))
    for name in ("train.pt", "bare.pt", "m.safetensors"):
        read, digest = read_checkpoint(tmp_path / name, None)
        assert {k: tuple(v.shape) for k, v in read.items()} == {k: tuple(v.shape) for k, v in state.items()}
        assert torch.equal(read["conv1.conv.weight"], state["conv1.conv.weight"])
        with pytest.raises(WeightsError, match="expected 0000"):
            read_checkpoint(tmp_path / name, "0" * 64)
        assert read_checkpoint(tmp_path / name, digest)[1] == digest


class Gadget:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.trace), "w")


def test_bad_checkpoints_end_in_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "n.pkl").write_bytes(b"\x80\x04N.")
    torch.save({"g_ema": Gadget(tmp_path / "trace")}, tmp_path / "bad.pt")
    whole = as_safetensors(random_state(8, 4, 1))
    (tmp_path / "cut.safetensors").write_bytes(whole[:-40])
    (tmp_path / "huge.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    (tmp_path / "text.safetensors").write_bytes(struct.pack("<Q", 4) + b"oops")
    (tmp_path / "list.pt").write_bytes(b"")
    torch.save([torch.zeros(2)], tmp_path / "list.pt")
    for name, message in [
        ("n.pkl", "deidframe_stylegan.nvidia"),
        ("bad.pt", "no plain tensors"),
        ("cut.safetensors", "not a safetensors file"),
        ("huge.safetensors", "longer than the file"),
        ("text.safetensors", "not a safetensors file"),
        ("list.pt", "not a dictionary of tensors"),
        ("absent.pt", "cannot read"),
    ]:
        with pytest.raises(WeightsError, match=message):
            read_checkpoint(tmp_path / name, None)
    assert not (tmp_path / "trace").exists()


def test_it_runs_from_a_checkpoint_to_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights draw no faces: what is checked is that everything fits together and that a group shares one picture.

    On some processors two threads give other bytes from call to call, on others never: so the threads are looked at, too.
    """
    threads: set[int] = set()
    forward = StyleGan2.forward

    def watched(self: StyleGan2, w: torch.Tensor, side: int | None = None) -> torch.Tensor:
        threads.add(torch.get_num_threads())
        return forward(self, w, side)

    monkeypatch.setattr(StyleGan2, "forward", watched)
    torch.set_num_threads(2)
    torch.save({"g_ema": random_state(64, 8, 2)}, tmp_path / "g.pt")
    base = Context(seed=1, scratch=tmp_path)
    recognizer = {name: RealRecognizer(name, base) for name in ("sface", "dlib-resnet")}
    photos = SyntheticPeople(PeopleParams(people=4, pictures=1), base).load()
    marks = np.repeat(align.template(256)[None], 4, axis=0)
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), marks)
    seen = recognizer["sface"].encode(faces).vectors
    groups = np.array([0, 0, 1, 1])
    targets = np.stack([seen[:2].mean(axis=0), seen[2:].mean(axis=0)])[groups]
    surrogates = Surrogates(photos.ids, targets, groups, np.full(4, 0.5), "sface")
    context = dataclasses.replace(base, recognizer=recognizer["sface"], recognizers=recognizer)
    params = StyleGan2Params(checkpoint=tmp_path / "g.pt", steps=2, starts=3)
    made = StyleGan2Faces(params, context).synthesize(faces, surrogates)
    assert np.array_equal(made.images[0:1], made.images[1:2])
    assert not np.array_equal(made.images[0:1], made.images[2:3])
    again = StyleGan2Faces(params, context).synthesize(faces, surrogates)
    assert np.array_equal(np.asarray(made.images[:]), np.asarray(again.images[:]))
    assert threads == {1}
