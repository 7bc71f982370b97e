"""Read the `weights.toml` of every plugin without importing the plugin."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import tomli

from deidframe.contract.errors import PluginError
from deidframe.contract.weights import WeightsFile
from deidframe.host.discover import Listed


def listed_weights(plugins: Iterable[Listed]) -> tuple[WeightsFile, ...]:
    """Return the weights that these plugins list, sorted by name.

    Raises:
        PluginError: a `weights.toml` is not valid or two plugins list different files under one name.
    """
    tops = {(p.module.partition(".")[0], p.distribution) for p in plugins if not p.problem}
    found: dict[str, WeightsFile] = {}
    for package, distribution in sorted(tops):
        for one in _read(package, distribution):
            if one.name in found:
                raise PluginError(f"weights {one.name!r} are listed by {found[one.name].distribution} and {distribution}")
            found[one.name] = one
    return tuple(found[name] for name in sorted(found))


def _read(package: str, distribution: str) -> list[WeightsFile]:
    # find_spec of a top-level package locates it and runs none of its code
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.origin:
        return []
    path = Path(spec.origin).parent / "weights.toml"
    if not path.is_file():
        return []
    known = {f.name for f in fields(WeightsFile)} - {"distribution"}
    try:
        entries = tomli.loads(path.read_text("utf-8"))["weights"]
        wrong = sorted({key for entry in entries for key in entry} - known)
        if wrong:
            raise ValueError(f"unknown key {wrong[0]!r}")
        return [
            WeightsFile(**{**entry, "used_by": tuple(entry.get("used_by", ()))}, distribution=distribution) for entry in entries
        ]
    except (tomli.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise PluginError(f"{distribution}: {path.name} is not valid: {error}") from error
