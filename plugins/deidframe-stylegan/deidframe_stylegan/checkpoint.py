"""Read a user's checkpoint: torch's `.pt` with `weights_only`, or `.safetensors`; no code in it ever runs."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deidframe.contract import WeightsError

_TYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64}
MOST_HEADER = 100 * 1024 * 1024


def read_checkpoint(path: Path, sha256: str | None) -> tuple[Mapping[str, torch.Tensor], str]:
    """Return the generator's tensors by name, and the file's hash. Of a training checkpoint `g_ema` is taken.

    Raises:
        WeightsError: the file is missing, of another hash, damaged, or a pickle with anything but tensors in it.
    """
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"stylegan2: cannot read {str(path)!r}: {error.strerror}") from None
    if sha256 is not None and digest != sha256:
        raise WeightsError(f"stylegan2: {path.name} has sha256 {digest}, expected {sha256}")
    if path.suffix == ".safetensors":
        return _safetensors(path), digest
    if path.suffix == ".pkl":
        raise WeightsError(
            f"stylegan2: {path.name} is a pickle of NVIDIA's, which is not read here, as a pickle is a program. Convert it:"
            f" python -m deidframe_stylegan.nvidia {path.name} {path.stem}.pt --sha256 HASH"
        )
    try:
        held: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, AttributeError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(f"stylegan2: {path.name} holds no plain tensors: {str(error).splitlines()[0][:200]}") from None
    state = held.get("g_ema", held) if isinstance(held, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"stylegan2: {path.name} is not a dictionary of tensors and has none under 'g_ema'")
    return state, digest


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the format by its description: eight bytes of header length, a JSON header, raw little-endian tensors."""
    data = path.read_bytes()
    try:
        (length,) = struct.unpack_from("<Q", data)
        if not 2 <= length <= min(MOST_HEADER, len(data) - 8):
            raise ValueError("the header is longer than the file")
        header = json.loads(data[8 : 8 + length])
        out = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            kind, (start, stop) = _TYPES[entry["dtype"]], entry["data_offsets"]
            body = data[8 + length + start : 8 + length + stop]
            array = np.frombuffer(body, np.dtype(kind).newbyteorder("<")).reshape(entry["shape"])
            out[name] = torch.from_numpy(array.astype(np.float32))
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"stylegan2: {path.name} is not a safetensors file of plain floats: {error}") from None
    return out
