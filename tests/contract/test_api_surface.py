"""The public names of what plugins import: a change is made on purpose, with a line in docs/extend/contract-2.md, or not at all.

After a change on purpose: `DEIDFRAME_SURFACE=write python -m pytest tests/contract/test_api_surface.py`.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
from pathlib import Path

KEPT = Path(__file__).with_name("api_surface.json")
MODULES = ("deidframe.contract", "deidframe.models", "deidframe.testing")


def surface(module: str) -> dict[str, list[str]]:
    """Return name -> parameters of a function or class, and the public members of a class."""
    out: dict[str, list[str]] = {}
    found = importlib.import_module(module)
    for name in sorted(found.__all__):
        value = getattr(found, name)
        lines: list[str] = []
        if inspect.isclass(value):
            lines = sorted(f".{member}" for member in vars(value) if not member.startswith(("_", "model_")))
        if inspect.isfunction(value) or hasattr(value, "__dataclass_fields__"):
            lines += list(inspect.signature(value).parameters)
        out[name] = lines
    return out


def test_public_names_are_the_known_ones() -> None:
    now = {module: surface(module) for module in MODULES}
    if os.environ.get("DEIDFRAME_SURFACE") == "write":
        KEPT.write_text(json.dumps(now, indent=1) + "\n", "utf-8")
    assert now == json.loads(KEPT.read_text("utf-8"))
