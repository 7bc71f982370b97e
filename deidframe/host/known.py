"""Which distribution brings a component that is not installed: those of this repository, held to it by a test."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path

import deidframe

FILE = Path(__file__).parent / "known.json"


@functools.cache
def known() -> Mapping[str, str]:
    """Return `role.name` -> distribution."""
    found: dict[str, str] = json.loads(FILE.read_text("utf-8"))
    return found


def where_from(role: str, name: str) -> str:
    """Return how to get a component that is known and not installed, "" where it is not known."""
    distribution = known().get(f"{role}.{name}")
    if distribution is None:
        return ""
    here = Path(deidframe.__file__).parent.parent / "plugins" / distribution
    how = f"python -m pip install -e {here}" if here.is_dir() else "install its wheel as README.md says"
    return f'{distribution} brings "{name}" and is not installed: {how}'


def listed(plugins: Path) -> dict[str, str]:
    """Return `role.name` -> distribution as the plugins of a checkout announce them."""
    import tomli

    out = {}
    for path in sorted(plugins.glob("*/pyproject.toml")):
        project = tomli.loads(path.read_text("utf-8"))["project"]
        out.update(dict.fromkeys(project.get("entry-points", {}).get("deidframe", {}), project["name"]))
    return dict(sorted(out.items()))


if __name__ == "__main__":
    FILE.write_text(json.dumps(listed(Path(deidframe.__file__).parent.parent / "plugins"), indent=1) + "\n", "utf-8")
