"""Read the `weights.toml` of every plugin without importing the plugin."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import tomli

from deidframe.contract.errors import PluginError
from deidframe.contract.weights import WeightsFile


def listed_weights(packages: Iterable[tuple[str, str]]) -> tuple[WeightsFile, ...]:
    """Return the weights that these plugins list, sorted by name.

    Args:
        packages: (top-level Python package, distribution) of each plugin.

    Raises:
        PluginError: a `weights.toml` is not valid or two plugins list different files under one name.
    """
    found: dict[str, WeightsFile] = {}
    for package, distribution in sorted(set(packages)):
        for one in read_weights(package, distribution):
            if one.name in found:
                raise PluginError(f"weights {one.name!r} are listed by {found[one.name].distribution} and {distribution}")
            found[one.name] = one
    return tuple(found[name] for name in sorted(found))


def read_weights(package: str, distribution: str = "") -> list[WeightsFile]:
    """Return what the `weights.toml` inside one top-level package lists; empty when it has none."""
    # find_spec of a top-level package locates it and runs none of its code
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module made at run time, as in a notebook, lies in no folder
        return []
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
        raise PluginError(f"{distribution or package}: {path.name} is not valid: {error}") from error
