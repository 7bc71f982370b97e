"""Import single modules of facenet-pytorch without its `__init__`, which needs a torchvision that a CPU torch may not have."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

from deidframe.contract import PluginError

_PACKAGE = "facenet_pytorch"


def package_folder() -> Path:
    """Return where facenet-pytorch lies.

    Raises:
        PluginError: it is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise PluginError("facenet-pytorch is not installed: python -m pip install 'facenet-pytorch>=2.5.3,<2.6'")
    return Path(next(iter(spec.submodule_search_locations)))


def module(name: str) -> Any:
    """Return `facenet_pytorch.<name>`, for example `models.inception_resnet_v1`, and leave the package itself unimported."""
    folder = package_folder()
    mine = f"_deidframe_{_PACKAGE}"
    for dotted, path in (
        (mine, folder),
        (f"{mine}.models", folder / "models"),
        (f"{mine}.models.utils", folder / "models" / "utils"),
    ):
        if dotted not in sys.modules:
            bare = types.ModuleType(dotted)
            bare.__path__ = [str(path)]
            sys.modules[dotted] = bare
    cascade = f"{mine}.models.utils.detect_face"
    if cascade not in sys.modules:  # upstream's own cascade is what needs torchvision; ours takes its place
        stand_in: Any = types.ModuleType(cascade)
        stand_in.detect_face = stand_in.extract_face = None
        sys.modules[cascade] = stand_in
    return importlib.import_module(f"{mine}.{name}")
