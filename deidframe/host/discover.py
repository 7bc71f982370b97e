"""List the installed plugins from package metadata alone: no plugin code runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import PurePath

from deidframe.contract.component import ROLES

GROUP = "deidframe"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Listed:
    """One component as its distribution's metadata announces it.

    Args:
        role: one of the eleven, or what stood there when it is none.
        name: what a recipe says.
        module: dotted module that holds the hook implementation.
        distribution: name on PyPI.
        version: of that distribution.
        summary: its one line.
        problem: empty, or why it cannot be used.
        environment: the virtual environment it is installed in, as the recipe names it; empty for the one of the core.
    """

    role: str
    name: str
    module: str
    distribution: str
    version: str
    summary: str
    problem: str = ""
    environment: str = ""

    @property
    def qualified(self) -> str:
        """The spelling that names one component even when two distributions bring the same name."""
        folder = PurePath(self.environment.partition(":")[2]).name  # where it lies gets into no record
        return f"{self.distribution}{'@' + folder if folder else ''}:{self.name}"

    @property
    def package(self) -> tuple[str, str]:
        """Top-level Python package and distribution, as the weights catalogue wants them."""
        return self.module.partition(".")[0], self.distribution


def list_plugins() -> tuple[Listed, ...]:
    """Return every announced component, sorted by role, name and distribution, with its problem if it has one."""
    found: list[Listed] = []
    known: dict[int, tuple[str, str, str]] = {}  # a distribution's metadata is parsed once, not once for each component
    for point in metadata.entry_points(group=GROUP):
        role, _, name = point.name.partition(".")
        if id(point.dist) not in known:
            known[id(point.dist)] = _about(point.dist)
        problem = ""
        if role not in ROLES:
            problem = f"entry point {point.name!r}: {role!r} is not a role; expected one of {', '.join(ROLES)}"
        elif not _NAME.fullmatch(name):
            problem = f"entry point {point.name!r}: {name!r} is not a valid name; use lowercase letters, digits and dashes"
        found.append(Listed(role, name, point.module, *known[id(point.dist)], problem))
    order = {role: place for place, role in enumerate(ROLES)}
    return tuple(sorted(found, key=lambda p: (order.get(p.role, 99), p.name, p.distribution)))


def _about(dist: metadata.Distribution | None) -> tuple[str, str, str]:
    """Return name, version and summary of a distribution."""
    if dist is None:
        return "unknown", "unknown", ""
    info = dist.metadata
    return info["Name"] or "unknown", info["Version"] or "unknown", str(info.json.get("summary", ""))
