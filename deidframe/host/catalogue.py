"""Find the component that a recipe names and load it, closing the holes that pluggy leaves open."""

from __future__ import annotations

import difflib
import importlib
import traceback
from dataclasses import dataclass
from typing import Any, Protocol

import pluggy

from deidframe.contract import hookspecs
from deidframe.contract.component import Component, Context
from deidframe.contract.errors import PluginError
from deidframe.contract.params import Params
from deidframe.contract.renamed import PARAMETERS, RENAMED, renamed_hint
from deidframe.contract.roles import VERBS
from deidframe.contract.version import CONTRACT_VERSION
from deidframe.environment import contain_libraries
from deidframe.host.discover import GROUP, Listed, list_plugins


@dataclass(frozen=True)
class Loaded:
    """A component together with where it came from."""

    listed: Listed
    component: Component

    @property
    def qualified(self) -> str:
        """`distribution:name`."""
        return self.listed.qualified

    def make(self, params: Any, context: Context) -> Any:
        """Import the component's class and construct it.

        Raises:
            PluginError: the class cannot be imported or lacks its role's verb.
        """
        role, where = self.listed.role, self.component.make
        module, _, attribute = where.partition(":")
        try:
            factory = getattr(importlib.import_module(module), attribute)
        except Exception as error:
            raise PluginError(f"{role} {self.qualified}: cannot import {where!r}: {_short(error)}") from error
        made = factory(params, context)
        protocol, verb = VERBS[role]
        if not isinstance(made, protocol):
            raise PluginError(f"{role} {self.qualified}: {where!r} has no method {verb!r}")
        return made


class Elsewhere(Protocol):
    """Knows the plugins of other environments."""

    def listed(self, environment: str) -> tuple[Listed, ...]:
        """Return what is announced in one."""
        ...

    def load(self, listed: Listed) -> Loaded:
        """Return one of those as if it were installed here."""
        ...


class Catalogue:
    """The components that are installed. Nothing is imported until `load` is asked for one.

    Args:
        listed: what is announced, None for all that is installed.
        elsewhere: what is installed in other environments that a recipe names.
    """

    def __init__(self, listed: tuple[Listed, ...] | None = None, elsewhere: Elsewhere | None = None) -> None:
        self.listed = list_plugins() if listed is None else listed
        self._elsewhere = elsewhere
        self._loaded: dict[tuple[str, str], Loaded] = {}

    def beside(self, more: tuple[Listed, ...], elsewhere: Elsewhere) -> Catalogue:
        """Return it with what a recipe brings; where that is nothing, what is loaded in one is loaded in both."""
        made = Catalogue((*self.listed, *more), elsewhere)
        if not more:
            made._loaded = self._loaded
        return made

    def names(self, role: str) -> tuple[str, ...]:
        """Return the usable names of a role, sorted."""
        return tuple(sorted({p.name for p in self.listed if p.role == role and not p.problem}))

    def nearest(self, role: str, use: str) -> str | None:
        """Return the installed name most like `use`, if any is close."""
        close = difflib.get_close_matches(use, self.names(role), n=1, cutoff=0.5)
        return close[0] if close else None

    def find(self, role: str, use: str, environment: str = "") -> Listed | None:
        """Return the announced component, or None when there is none of that name.

        Args:
            environment: the virtual environment in which to look, "" for what the recipe knows by name alone.

        Raises:
            PluginError: several distributions claim the name, its announcement is broken, or there is no such environment.
        """
        wanted, _, name = use.rpartition(":")
        listed = self.listed
        if environment:
            if self._elsewhere is None:
                raise PluginError(f"environment {environment!r}: only a recipe names environments")
            listed = self._elsewhere.listed(environment)
        found = [
            p
            for p in listed
            if p.role == role and p.name == name and (not wanted or use in (p.qualified, f"{p.distribution}:{name}"))
        ]
        if not found:
            return None
        if not wanted and len(found) > 1:  # what is installed here goes before what another environment has, too
            found = [p for p in found if not p.environment] or found
        if len(found) > 1:
            spellings = " or ".join(repr(p.qualified) for p in found)
            raise PluginError(f"{role} {use!r} is brought by {len(found)} distributions; write {spellings}")
        if found[0].problem:
            raise PluginError(f"{found[0].distribution} {found[0].version}: {found[0].problem}")
        return found[0]

    def load(self, role: str, use: str, environment: str = "") -> Loaded:
        """Import the one plugin module that brings this component and check what it says.

        Raises:
            PluginError: no such component, a name two distributions claim, a module that raises on import, a misspelt hook,
                a hook that returns something else, or a component written for another contract version.
        """
        if not environment and (role, use) in self._loaded:
            return self._loaded[role, use]
        listed = self.find(role, use, environment)
        if listed is None:
            near = self.nearest(role, use)
            hint = f"; did you mean {near!r}?" if near else f"; installed: {', '.join(self.names(role)) or 'none'}"
            raise PluginError(f"no {role} is called {use!r}{hint}")
        if self._elsewhere is not None and listed.environment:
            return self._elsewhere.load(listed)  # which knows what it loaded before
        found = self._loaded[role, use] = Loaded(listed, _component(listed))
        return found


def _component(listed: Listed) -> Component:
    """Load one module on a throw-away manager, so that nothing it does lasts, and return the component asked for."""
    who = f"{listed.distribution} {listed.version}"
    contain_libraries()  # before any code of a plugin is imported
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    hook = hookspecs.HOOKS[listed.role]
    try:
        module = importlib.import_module(listed.module)
        manager.register(module)
        manager.check_pending()
        returned = getattr(manager.hook, hook)()
    except Exception as error:
        raise PluginError(f"{listed.role} {listed.qualified} ({who}) cannot be loaded: {_short(error)}") from error
    records: list[Component] = []
    for result in returned:
        if not isinstance(result, (list, tuple)) or not all(isinstance(c, Component) for c in result):
            raise PluginError(f"{who}: {hook} must return a list of Component records, got {type(result).__name__}")
        records.extend(result)
    named = [c for c in records if c.name == listed.name]
    if len(named) != 1:
        said = ", ".join(c.name for c in records) or "nothing"
        raise PluginError(f"{who}: {hook} in {listed.module} should bring {listed.name!r} once; it brings {said}")
    if named[0].contract != CONTRACT_VERSION:
        raise PluginError(
            f"{who}: {listed.name!r} is written for contract {named[0].contract}, this is contract {CONTRACT_VERSION};"
            " install a version of it that fits, or change it as docs/extend/contract-2.md says"
        )
    params = named[0].params
    if Params not in getattr(params, "__mro__", ()):
        called = getattr(params, "__name__", repr(params))
        raise PluginError(f"{who}: {listed.name!r}: {called} is not a deidframe.contract.Params; write class {called}(Params)")
    taken = sorted(set(params.model_fields) & {name for name, one in vars(Params).items() if isinstance(one, property)})
    if taken:
        raise PluginError(
            f"{who}: {listed.name!r}: {params.__name__}.{taken[0]} is a key of the recipe and a property that the core reads;"
            " give the key another name, or define the property"
        )
    for old in PARAMETERS:
        if hasattr(params, old) or old in params.model_fields:
            raise PluginError(f"{who}: {listed.name!r}: contract version 2 says {RENAMED[old]} in the place of {old}")
    return named[0]


def _short(error: BaseException) -> str:
    """Name an error and the last line of the plugin's own code that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}{renamed_hint(str(error))}"
