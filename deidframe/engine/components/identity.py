"""What makes a component's result what it is: who made it, in which version, from which code and weights."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deidframe.contract.version import CONTRACT_VERSION
from deidframe.contract.weights import WeightsFile
from deidframe.engine.components.step import Step
from deidframe.host.venv.far import FarLoaded
from deidframe.models.catalogue import listed_weights


def identity(step: Step) -> dict[str, Any]:
    """Return all that makes a component's result what it is, besides its input: who made it, in which version, with what.

    The code itself is part of it: in a source tree it changes while the version stays. So is what lies in a file that its
    parameters name, such as a network of one's own; a source's file may be an archive of terabytes, and what it lists is told
    by whoever has read it.
    """
    listed = step.loaded.listed
    held = {w.name: w.sha256 for w in weights_of([step])}
    return {
        "role": step.role,
        "name": step.loaded.qualified,
        "version": listed.version,
        "code": step.loaded.code if isinstance(step.loaded, FarLoaded) else code_of(listed.package[0]),
        "contract": CONTRACT_VERSION,
        "params": step.params.model_dump(mode="json"),
        "files": files_in(step.params.model_dump()) if step.role != "source" else [],
        "weights": {name: held.get(name, "") for name in step.loaded.component.weights},
        "others": {name: identity(other) for name, other in sorted(step.recognizers.items())},
    }


def files_in(value: Any) -> list[str]:
    """Return the sha256 of each file that a path or a text within plain data names, in its order."""
    if isinstance(value, Mapping):
        return [digest for one in value.values() for digest in files_in(one)]
    if isinstance(value, (list, tuple)):
        return [digest for one in value for digest in files_in(one)]
    if not isinstance(value, (str, Path)) or not value:
        return []
    try:
        path = Path(value).expanduser()
        return [sha256_of(path)] if path.is_file() else []
    except (OSError, ValueError, RuntimeError):  # no path after all, or nobody's home; whoever reads it says what is wrong
        return []


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read once while it stays as it is."""
    found = path.stat()
    return _sha256(path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def weights_of(steps: Iterable[Step]) -> tuple[WeightsFile, ...]:
    """Return the weights that the plugins of some components list, those of other environments among them, sorted by name.

    Raises:
        PluginError: a list is not valid, or two plugins list different files under one name.
    """
    every = tuple(steps)
    far = [step.loaded for step in every if isinstance(step.loaded, FarLoaded)]
    here = listed_weights({step.loaded.listed.package for step in every if not isinstance(step.loaded, FarLoaded)})
    found = {one.name: one for loaded in far for one in loaded.weights} | {one.name: one for one in here}
    return tuple(found[name] for name in sorted(found))


def told(step: Step) -> str:
    """Return a short text that changes when what a component gives could: code, weights and parameters, and the core's code."""
    facts = {**identity(step), "core": code_of("deidframe")}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def same_way(step: Step | None) -> Any:
    """Return what another machine's run has to have in common to do the same: component, version, parameters, no code of ours."""
    if step is None:
        return None
    others = {name: same_way(other) for name, other in sorted(step.recognizers.items())}
    return [step.role, step.loaded.qualified, step.loaded.listed.version, step.params.model_dump(mode="json"), others]


def short(facts: Any) -> str:
    """Return a digest of plain data that two runs can be compared by."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


@functools.cache
def code_of(package: str) -> str:
    """Return a sha256 over a package's files, "" for a module made at run time: a shipped bank or bound decides as code does."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:
        return ""
    if spec is None or not spec.origin:
        return ""
    digest = hashlib.sha256()
    found = Path(spec.origin).parent.rglob("*") if spec.submodule_search_locations else [Path(spec.origin)]
    for path in sorted(one for one in found if one.is_file() and "__pycache__" not in one.parts):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
