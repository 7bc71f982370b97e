"""`python -m deidframe_stylegan.nvidia IN.pkl OUT.pt --sha256 HASH`: NVIDIA's StyleGAN2 pickle to a checkpoint for `stylegan2`.

A pickle is a program. It is read only by its hash, in a process of its own with a memory and a time limit, by an unpickler that
runs nothing of what is in it. Layout: `training/networks.py` of NVIDIA's stylegan2-ada-pytorch (skip architecture, no labels).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from deidframe.contract import DeidframeError, WeightsError
from deidframe.contract.apart import read_apart
from deidframe_stylegan.checkpoint import read_checkpoint
from deidframe_stylegan.stylegan2 import StyleGan2

SECONDS = 600
MEMORY_MB = 16384
State = Mapping[str, torch.Tensor]


def convert(source: Path, target: Path, sha256: str) -> str:
    """Write the generator of an NVIDIA pickle in rosinality's layout, and return the new file's sha256.

    Args:
        source: the `.pkl`.
        target: a `.pt` that does not exist.
        sha256: of the pickle that you mean to trust, in hexadecimal.

    Raises:
        WeightsError: another hash, damaged, naming anything that a generator does not need, over a limit, or another network.
    """
    if target.exists() or target.suffix != ".pt":
        raise WeightsError(f"{str(target)!r}: give the name of a .pt file that does not exist yet")
    if not target.parent.is_dir():
        raise WeightsError(f"{str(target.parent)!r} is not a folder")
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        # what is hashed is what is read: the file cannot be changed in between
        kept, inner, made = (Path(folder) / name for name in ("in.pkl", "tensors.pt", "out.pt"))
        digest = _copied(source, kept)
        if digest != sha256.lower():
            raise WeightsError(f"{source.name} has sha256 {digest}, expected {sha256}")
        read_apart(
            Path(__file__).with_name("unpickle.py"),
            kept,
            inner,
            wanted="a generator of NVIDIA's",
            raises=WeightsError,
            memory_mb=MEMORY_MB,
            seconds=SECONDS,
            name=source.name,
        )
        state = rosinality(read_checkpoint(inner, None)[0])
        StyleGan2(state)
        torch.save({"g_ema": state}, made)
        with made.open("rb") as stream:
            os.fsync(stream.fileno())
        made.replace(target)
    return read_checkpoint(target, None)[1]


def rosinality(state: State) -> dict[str, torch.Tensor]:
    """Return the tensors of an NVIDIA generator under rosinality's names and shapes.

    Raises:
        WeightsError: a network of another kind (with labels, another architecture, StyleGAN3), or something is missing.
    """
    sides = sorted(int(m[1]) for m in (re.fullmatch(r"synthesis\.b(\d+)\.torgb\.bias", name) for name in state) if m)
    if not sides or sides != [4 * 2**n for n in range(len(sides))]:
        raise WeightsError("the pickle holds no StyleGAN2 generator with a picture at each resolution (skip architecture)")
    if "mapping.embed.weight" in state:
        raise WeightsError("the generator was trained with labels; only those without are supported")

    def get(name: str) -> torch.Tensor:
        if name not in state:
            raise WeightsError(f"the pickle lacks {name!r}")
        return state[name]

    depth = 0
    out = {"input.input": get("synthesis.b4.const")[None]}
    while f"mapping.fc{depth}.weight" in state:
        out |= {f"style.{depth + 1}.{part}": get(f"mapping.fc{depth}.{part}") for part in ("weight", "bias")}
        depth += 1
    for level, side in enumerate(sides):
        block = f"synthesis.b{side}"
        picture = f"to_rgbs.{level - 1}" if level else "to_rgb1"
        out |= _modulated(picture, f"{block}.torgb", get)
        out[f"{picture}.bias"] = get(f"{block}.torgb.bias").reshape(1, -1, 1, 1)
        for name, theirs, noise in [("conv1", "conv1", 0)] if not level else _pair(level):
            out |= _modulated(name, f"{block}.{theirs}", get)
            out[f"{name}.activate.bias"] = get(f"{block}.{theirs}.bias")
            out[f"{name}.noise.weight"] = get(f"{block}.{theirs}.noise_strength").reshape(1)
            out[f"noises.noise_{noise}"] = get(f"{block}.{theirs}.noise_const")[None, None]
    return {name: value.contiguous().clone() for name, value in out.items()}


def _pair(level: int) -> list[tuple[str, str, int]]:
    first = 2 * level - 2
    return [(f"convs.{first}", "conv0", first + 1), (f"convs.{first + 1}", "conv1", first + 2)]


def _modulated(name: str, theirs: str, get: Callable[[str], torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        f"{name}.conv.weight": get(f"{theirs}.weight")[None],
        f"{name}.conv.modulation.weight": get(f"{theirs}.affine.weight"),
        f"{name}.conv.modulation.bias": get(f"{theirs}.affine.bias"),
    }


def _copied(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    try:
        with source.open("rb") as stream, target.open("wb") as out:
            while block := stream.read(1 << 20):
                digest.update(block)
                out.write(block)
    except OSError as error:
        raise WeightsError(f"cannot read {str(source)!r}: {error.strerror}") from None
    return digest.hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when the file was written, 1 with the reason otherwise."""
    parser = argparse.ArgumentParser(prog="python -m deidframe_stylegan.nvidia", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", metavar="IN.pkl")
    parser.add_argument("target", metavar="OUT.pt", help="must not exist")
    parser.add_argument(
        "--sha256", required=True, metavar="HASH", help="of the pickle, from where you trust it (sha256sum IN.pkl)"
    )
    options = parser.parse_args(arguments)
    try:
        digest = convert(Path(options.source), Path(options.target), options.sha256)
    except DeidframeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.target}: a StyleGAN2 generator, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
