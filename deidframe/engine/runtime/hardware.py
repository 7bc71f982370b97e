"""On what components compute: the device of those that ask for another than the processor, and how many threads they may use."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from deidframe.contract.errors import UsageError
from deidframe.environment import processors

CPU = "cpu"
DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")


_DEVICE: ContextVar[str] = ContextVar("device", default="")
"""Empty takes CUDA where torch sees it."""


@contextmanager
def on_device(device: str) -> Iterator[None]:
    """Let components inside that ask for it compute on a device: `cpu`, `cuda`, `cuda:1`, `mps`; "" for CUDA where there is one.

    Raises:
        UsageError: there is no such device.
    """
    if device and not DEVICE.fullmatch(device):
        raise UsageError(f"--device {device}: expected cpu, cuda, cuda:N or mps")
    if device not in ("", CPU):
        _check(device)
    before = _DEVICE.set(device)
    try:
        yield
    finally:
        _DEVICE.reset(before)


def device_for(*, asks: bool) -> str:
    """Return the device of a component, which is the processor for one that does not ask for another."""
    if not asks:
        return CPU
    said = _DEVICE.get()
    if said:
        return said
    if importlib.util.find_spec("torch") is None:
        return CPU
    import torch

    return "cuda" if torch.cuda.is_available() else CPU


def described_device(*, asks: bool) -> str:
    """Return which device components that ask for it compute on, with its name, for the record; "" for the processor."""
    device = device_for(asks=asks)
    if not device.startswith("cuda"):
        return "" if device == CPU else device
    import torch

    return f"{device}: {torch.cuda.get_device_name(torch.device(device))}, torch {torch.__version__}"


def threads_for() -> int:
    """Return how many threads a component may start: one for each processor of this process, which `--jobs` bounds."""
    return processors()


@contextmanager
def torch_held() -> Iterator[None]:
    """Hold torch, where it is loaded, to one thread, so that its sums have one order.

    No more than that: `reproducible_torch`, which a component takes for itself, loads torch's compiler, which writes folders.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_num_threads"):  # not loaded, or being loaded just now
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check(device: str) -> None:
    if importlib.util.find_spec("torch") is None:
        raise UsageError(f"--device {device}: torch is not installed, and nothing else here computes on one")
    import torch

    if device == "mps":
        there = torch.backends.mps.is_available()
    else:
        there = torch.cuda.is_available() and int(device.partition(":")[2] or 0) < torch.cuda.device_count()
    if not there:
        raise UsageError(f"--device {device}: torch sees no such device here; leave it out, or say cpu")
