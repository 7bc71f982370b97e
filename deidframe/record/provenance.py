"""What a run was made with: versions, weights and machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from deidframe import __version__
from deidframe.contract.version import CONTRACT_VERSION
from deidframe.contract.weights import WeightsFile

LIBRARIES = ("numpy", "opencv-python-headless", "openvino", "onnx", "pillow", "pluggy", "pydantic")


def provenance(distributions: Iterable[str], weights: Iterable[WeightsFile], device: str = "") -> dict[str, Any]:
    """Return versions of the core, of these distributions and of the libraries beneath, the weights with licence, the machine.

    Args:
        distributions: their names.
        weights: that were loaded.
        device: what components computed on besides the processor, "" for nothing.
    """
    names = sorted({*distributions, *LIBRARIES})
    return {
        "deidframe": __version__,
        "contract": CONTRACT_VERSION,
        "distributions": {name: _version(name) for name in names},
        "weights": [
            {
                "name": w.name,
                "from": f"{w.package} {w.version}",
                "sha256": w.sha256,
                "licence": w.licence,
                "citation": w.citation,
            }
            for w in weights
        ],
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(terse=True),
            "processor": _processor(),
            "cores": os.cpu_count() or 0,
            **({"device": device} if device else {}),
        },
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    except OSError:
        return platform.processor() or platform.machine()
