"""Run all checks on all components of a distribution: as one pytest item each, or for the command line."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli

from deidframe.contract import PluginError
from deidframe.contract.component import Component
from deidframe.engine.components.process import Process
from deidframe.host.catalogue import Catalogue
from deidframe.host.discover import Listed, list_plugins
from deidframe.testing.material import Bench
from deidframe.testing.trying import ConformanceCheck, Violation, checks_for

Params = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class CheckOutcome:
    """One check on one component: `problem` is empty where it held."""

    component: str
    check: ConformanceCheck
    problem: str


def conform(distribution: str, params: Params | None = None, catalogue: Catalogue | None = None) -> Iterator[CheckOutcome]:
    """Run every check that the roles of a distribution's components promise, and yield each outcome.

    Args:
        distribution: its name.
        params: by component name; without, those of its example.
        catalogue: what is installed.

    Raises:
        PluginError: no such plugin is installed.
    """
    for listed, one in _pairs(distribution, catalogue):
        with tempfile.TemporaryDirectory(prefix="deidframe-conform-") as scratch:
            bench = _bench(listed, params, catalogue, Path(scratch))
            problem = _problem(one, bench)
        yield CheckOutcome(f"{listed.role}.{listed.name}", one, problem)


def _problem(one: ConformanceCheck, bench: Bench) -> str:
    """Return why a check does not hold, "" where it does; what it did to the process is undone, and the next begins afresh."""
    before = Process.now()
    np.random.seed(len(one.name))
    try:
        one.run(bench)
        return ""
    except Violation as violation:
        return str(violation)
    except (Exception, SystemExit) as error:  # a component may fail in any way, and ask the process to end
        return f"raised {type(error).__name__}: {error}"
    finally:
        before.put_back()


def conformance(
    distribution: str, params: Params | None = None, expected: Mapping[str, Mapping[str, str]] | None = None
) -> Callable[..., None]:
    """Return a test that pytest collects: one item for each component and check.

    Args:
        distribution: for example `"deidframe-ksame"`.
        params: by component name; without, those of the component's example.
        expected: component name -> check -> why it does not hold; such an item is told as an expected failure, and one that holds
            after all fails, so that the reason is taken out.

    Raises:
        PluginError: no such plugin is installed.
    """
    import pytest

    pairs = _pairs(distribution, None)
    names = [f"{listed.role}.{listed.name}-{one.name}" for listed, one in pairs]

    @pytest.mark.parametrize(("listed", "one"), pairs, ids=names)
    def test_conforms(listed: Listed, one: ConformanceCheck, tmp_path: Path) -> None:
        reason = (expected or {}).get(listed.name, {}).get(one.name, "")
        problem = _problem(one, _bench(listed, params, None, tmp_path))
        if reason:
            assert problem, f"{one.name} holds; take it out of what is expected to fail ({reason})"
            pytest.xfail(f"{reason}: {problem}")
        assert not problem, problem

    return test_conforms


def _pairs(distribution: str, catalogue: Catalogue | None) -> list[tuple[Listed, ConformanceCheck]]:
    every = catalogue.listed if catalogue is not None else tuple(list_plugins())
    own = [one for one in every if one.distribution == distribution]
    if not own:
        known = ", ".join(sorted({one.distribution for one in every}))
        raise PluginError(f"no plugin of {distribution!r} is installed; there are {known}")
    return [(one, check) for one in own for check in checks_for(one.role)]


def _bench(listed: Listed, params: Params | None, catalogue: Catalogue | None, scratch: Path) -> Bench:
    found = catalogue or Catalogue()
    loaded = found.load(listed.role, listed.name)
    given = (params or {}).get(listed.name)
    return Bench(loaded, dict(example_params(loaded.component) if given is None else given), scratch, found)


def example_params(component: Component) -> dict[str, Any]:
    """Return the parameters that a component's own example gives it, none where it gives none or is no TOML."""
    try:
        return _params_of(tomli.loads(component.example), component.name) or {}
    except tomli.TOMLDecodeError:  # a check of its own says so
        return {}


def _params_of(value: Any, name: str) -> dict[str, Any] | None:
    """Return `params` of the first table that uses this name."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return None
    if value.get("use") == name:
        return dict(value.get("params", {}))
    return next((found for one in value.values() if (found := _params_of(one, name)) is not None), None)
