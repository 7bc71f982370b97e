"""Pin what a run is made with, and say what is no longer as it was pinned."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from deidframe import __version__
from deidframe.contract.errors import UsageError
from deidframe.contract.version import CONTRACT_VERSION
from deidframe.engine.components.identity import files_in, sha256_of, weights_of
from deidframe.engine.components.step import Step
from deidframe.engine.planning.plan import Plan
from deidframe.host.venv.far import FarLoaded
from deidframe.record.provenance import LIBRARIES

FORMAT = 1
LEFT_OUT = frozenset({".pyc", ".pyo"})


def pinned(plan: Plan) -> dict[str, Any]:
    """Return all that a run's results depend on besides its pictures: recipe, code file by file, versions, weights, Python.

    Args:
        plan: of the recipe.
    """
    steps = plan.steps()
    here = [step.loaded.listed for step in steps if not step.loaded.listed.environment]
    far = [step.loaded for step in steps if isinstance(step.loaded, FarLoaded)]
    packages = {"deidframe": "deidframe"} | {listed.package[0]: listed.distribution for listed in here}
    names = {name for step in steps for name in step.weights}
    held = weights_of(steps)
    recipe = hashlib.sha256("\n".join([plan.parsed.text, *plan.parsed.overrides]).encode("utf-8", "surrogateescape"))
    return {
        "format": FORMAT,
        "recipe": recipe.hexdigest(),
        "deidframe": __version__,
        "contract": CONTRACT_VERSION,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "distributions": {
            package: {"distribution": distribution, "version": _version(distribution), "files": dict(_files(package))}
            for package, distribution in sorted(packages.items())
        },
        "environments": {one.qualified: {"version": one.listed.version, "code": one.code} for one in far},
        "libraries": {name: _version(name) for name in LIBRARIES},
        "files": dict(_named(steps)),
        "weights": {w.name: {"from": f"{w.package} {w.version}", "sha256": w.sha256} for w in held if w.name in names},
    }


def _named(steps: Sequence[Step]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the files that parameters name, such as a network of one's own; what a source reads are pictures."""
    for step in steps:
        if step.role != "source":
            for number, digest in enumerate(files_in(step.params.model_dump()), 1):
                yield f"{number} of {step.who}", {"from": "the recipe", "sha256": digest}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _files(package: str) -> Iterator[tuple[str, str]]:
    """Yield the files of a package, relative, with their sha256; large ones (shipped pictures, banks) are part of it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return
    roots = list(spec.submodule_search_locations or [])
    if not roots:
        yield Path(spec.origin).name, sha256_of(Path(spec.origin))
    for root in map(Path, roots):
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix not in LEFT_OUT and "__pycache__" not in path.parts:
                yield path.relative_to(root).as_posix(), sha256_of(path)


def read_lock(path: Path) -> dict[str, Any]:
    """Read a lock.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"there is no lock {str(path)!r}; `deidframe lock RECIPE` writes one") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(path)!r} is no lock: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UsageError(f"{str(path)!r} is no lock of this version; write it again with `deidframe lock RECIPE`")
    return found


def drift(lock: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what is otherwise than it was pinned, a line each; empty where a run would be made with the same."""
    out = []
    for name, what in (
        ("recipe", "the recipe or its --set"),
        ("deidframe", "deidframe"),
        ("contract", "contract"),
        ("python", "Python"),
    ):
        if lock.get(name) != now.get(name):
            told = "" if name == "recipe" else f": {lock.get(name)} was pinned, {now.get(name)} is here"
            out.append(f"{what} changed{told}")
    for package in sorted({*_part(lock, "distributions"), *_part(now, "distributions")}):
        before, after = _part(lock, "distributions").get(package), _part(now, "distributions").get(package)
        if before is None or after is None:
            out.append(f"{package} is {'used and was not pinned' if before is None else 'pinned and no longer used'}")
            continue
        if before["version"] != after["version"]:
            out.append(
                f"{after['distribution']}: {before['version'] or 'no version'} was pinned, {after['version'] or 'none'} is here"
            )
        one, other = before["files"], after["files"]
        changed = sorted(file for file in {*one, *other} if one.get(file) != other.get(file))
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            out.append(f"{after['distribution']}: {', '.join(changed[:3])}{more} changed")
    for kind, said in (("environments", "environment"), ("libraries", "library"), ("files", "file"), ("weights", "weights")):
        for name in sorted({*_part(lock, kind), *_part(now, kind)}):
            before, after = _part(lock, kind).get(name), _part(now, kind).get(name)
            if before != after:
                out.append(f"{said} {name}: {_told(before)} was pinned, {_told(after)} is here")
    return out


def _part(lock: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = lock.get(name, {})
    return found if isinstance(found, Mapping) else {}


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        what, digest = value.get("from", value.get("version")), value.get("sha256", value.get("code"))
        return f"{what} ({str(digest)[:12]})"
    return str(value) if value else "nothing"


def check_lock(path: Path, plan: Plan) -> None:
    """Refuse a run that would be made with other things than those that were pinned.

    Raises:
        UsageError: what drifted, a line each; nothing ran.
    """
    try:
        found = drift(read_lock(path), pinned(plan))
    except (KeyError, TypeError, AttributeError):
        raise UsageError(f"{str(path)!r} is no lock: a part of it is missing; write it again with `deidframe lock`") from None
    if found:
        listed = "\n  ".join(found)
        raise UsageError(
            f"{str(path)!r} does not hold any more, and nothing ran:\n  {listed}\nwrite it again with `deidframe lock`"
        )
