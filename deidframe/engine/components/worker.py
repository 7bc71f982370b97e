"""The process of a plugin's own environment, `python -m deidframe.engine.components.worker`: the core asks it over a pipe."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any

from pydantic import ValidationError

from deidframe.contract.component import Component, Context, Need
from deidframe.contract.errors import DeidframeError, PluginError
from deidframe.contract.roles import VERBS
from deidframe.contract.version import CONTRACT_VERSION
from deidframe.engine.components.boundary import guarded
from deidframe.engine.components.identity import code_of
from deidframe.engine.runtime.network import no_network
from deidframe.host.catalogue import Catalogue, Loaded
from deidframe.host.venv.far import BESIDES, FACTS
from deidframe.host.venv.link import Link
from deidframe.models.catalogue import listed_weights
from deidframe.models.own import weights_path

REFUSED = "it does not say that it needs one (Need.NETWORK), or --offline forbids it"
LOOK_SECONDS = 1.0


class Worker:
    """Does what the core asks for."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self._token = secrets.token_hex(8)  # of this process: a number of one that ended is no number here
        self._made: list[tuple[Any, Loaded, str]] = []
        self._depth = 0

    def __call__(self, verb: str, *arguments: Any) -> Any:
        """Do what is asked for.

        Raises:
            PluginError: there is no such thing to do.
        """
        known: dict[str, Callable[..., Any]] = {
            "hello": self.hello,
            "list": self.announced,
            "describe": self.describe,
            "check": self.check,
            "beyond_k": self.beyond_k,
            "make": self.make,
            "work": self.work,
        }
        if verb not in known:
            raise PluginError(f"{verb!r} is nothing that the core asks for")
        return known[verb](*arguments)

    def hello(self) -> int:
        """Return the version of the contract."""
        return CONTRACT_VERSION

    def announced(self) -> list[dict[str, str]]:
        """Return what is announced here."""
        names = ("role", "name", "module", "distribution", "version", "summary", "problem")
        return [{name: getattr(one, name) for name in names} for one in self.catalogue.listed]

    def describe(self, role: str, use: str) -> dict[str, Any]:
        """Return what a component says of itself."""
        loaded = self.catalogue.load(role, use)
        component = loaded.component
        facts = {f.name: getattr(component, f.name) for f in fields(Component) if f.name not in ("make", "params", "needs")}
        facts["needs"] = [need.value for need in component.needs]
        names = set(component.weights)
        return {
            "component": facts,
            "fields": dict.fromkeys(component.params.model_fields),
            "code": code_of(loaded.listed.package[0]),
            "weights": [one for one in listed_weights([loaded.listed.package]) if one.name in names],
        }

    def check(self, role: str, use: str, params: dict[str, Any]) -> dict[str, Any]:
        """Check parameters and return what the core reads off them, or what is wrong."""
        try:
            made = self.catalogue.load(role, use).component.params.model_validate(params)
        except ValidationError as error:
            said = error.errors(include_url=False)
            wrong = [
                {"type": one["type"], "loc": one["loc"], "msg": one["msg"], "input": _plain(one["input"]), "ctx": _texts(one)}
                for one in said
            ]
            return {"wrong": wrong}
        facts = {name: getattr(made, name) for name in FACTS}
        return {"wrong": [], "params": made.model_dump(mode="json"), "facts": facts}

    def beyond_k(self, role: str, use: str, params: dict[str, Any], k: int) -> str:
        """Return what an anonymizer does besides grouping k people."""
        return self.catalogue.load(role, use).component.params.model_validate(params).beyond_k(k)

    def make(self, role: str, use: str, params: dict[str, Any], given: dict[str, Any]) -> tuple[str, int, list[str]]:
        """Make a component; return the token of this process, its number and its verbs."""
        loaded = self.catalogue.load(role, use)
        checked, context = loaded.component.params.model_validate(params), Context(**given)
        asks = checked.network or Need.NETWORK in loaded.component.needs
        refused = "" if asks and not context.offline else REFUSED
        with no_network("--offline forbids it" if context.offline else ""):
            for name in loaded.component.weights if checked.loads is None else checked.loads:
                with suppress(DeidframeError):  # what is said of it, the component decides
                    weights_path(loaded.listed.package[0], name, context)
        with no_network(refused), guarded(f"{role} {loaded.component.name}", importing=True):
            made = loaded.make(checked, context)
        self._made.append((made, loaded, refused))
        verbs = [verb for verb in (VERBS[role][1], *BESIDES) if hasattr(made, verb)]
        return self._token, len(self._made) - 1, verbs

    def work(self, token: str, number: int, verb: str, *arguments: Any) -> Any:
        """Let a component work as the core would, in a process that is its own.

        Raises:
            PluginError: it was made in a process that ended.
        """
        if token != self._token:
            raise PluginError("it was made in a process that ended, and all that it had learnt is gone")
        made, loaded, refused = self._made[number]
        role = loaded.listed.role
        self._depth += 1
        try:
            with no_network(refused):
                nested = self._depth > 1
                with guarded(f"{role} {loaded.component.name}", exact=role != "attacker", nested=nested):
                    return getattr(made, verb)(*arguments)
        finally:
            self._depth -= 1


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) or value is None else repr(value)


def _texts(error: Any) -> dict[str, Any]:
    return {str(name): _plain(value) for name, value in error.get("ctx", {}).items()}


def _end_with(parent: int) -> None:
    """End with the core, even where a component is at work when the core is killed."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def main() -> None:
    """Answer on standard input and output, whatever components print."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the core decides what an interruption ends
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(0), "rb") as reader, os.fdopen(os.dup(1), "wb") as writer:
        os.dup2(2, 1)  # what is printed goes where errors go
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        sys.stdout = sys.stderr
        with no_network(REFUSED):
            Link(reader, writer, Worker()).serve()


if __name__ == "__main__":
    main()
