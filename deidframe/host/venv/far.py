"""The core's end: start a virtual environment's process, list what is installed there, and load it as if it were installed here."""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

from pydantic import ValidationError, create_model

from deidframe.contract.component import Component, Context, Need
from deidframe.contract.errors import PluginError
from deidframe.contract.params import Params
from deidframe.contract.version import CONTRACT_VERSION
from deidframe.contract.weights import WeightsFile
from deidframe.host.catalogue import Loaded
from deidframe.host.discover import Listed
from deidframe.host.venv.link import Link

SCHEME = "venv:"
WORKER = "deidframe.engine.components.worker"
STOP_SECONDS = 5
FACTS = (
    "spaces",
    "loads",
    "network",
    "gpu",
    "recognizers",
    "attack_encoders",
    "per_person",
    "promise",
    "caution",
    "aims",
    "per_group",
    "per_subject",
    "takes",
    "groups_at_once",
)
"""The properties that the core reads off parameters."""
BESIDES = ("fit", "prepare", "judge", "invert", "redact_scene")
"""What a component may do besides its role's verb; following gradients needs the network in this process."""
_RUNNING: dict[Path, Environment] = {}


def _environment(name: str, beside: Path) -> Environment:
    """Return the environment `venv:PATH`, relative paths from `beside`; it is started when it is first asked for something.

    Raises:
        PluginError: there is none.
    """
    if not name.startswith(SCHEME) or not name.removeprefix(SCHEME):
        raise PluginError(f'environment {name!r}: write "venv:" and the folder of a virtual environment')
    home = (beside / name.removeprefix(SCHEME)).absolute()
    if home not in _RUNNING:
        _RUNNING[home] = Environment(home)
    return _RUNNING[home]


class Environments:
    """The environments that a recipe names.

    Args:
        beside: the recipe's folder.
    """

    def __init__(self, beside: Path) -> None:
        self._beside = beside
        self._named: dict[str, str] = {}

    def listed(self, environment: str) -> tuple[Listed, ...]:
        """Return what is announced in one.

        Raises:
            PluginError: there is none, or it does not run.
        """
        found = _environment(environment, self._beside)
        if self._named.setdefault(found.label, environment) != environment:
            raise PluginError(f"environments {self._named[found.label]!r} and {environment!r} have one name; rename a folder")
        return found.listed(environment)

    def load(self, listed: Listed) -> Loaded:
        """Return a component of one.

        Raises:
            PluginError: it cannot be loaded.
        """
        return _environment(listed.environment, self._beside).load(listed)


class Environment:
    """A virtual environment and, once it was asked for something, its process.

    Args:
        home: its folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Link | None = None
        self._loaded: dict[tuple[str, str], FarLoaded] = {}
        self._listed: list[dict[str, str]] | None = None
        self.python = next((one for one in (home / "bin" / "python", home / "Scripts" / "python.exe") if one.exists()), None)
        if self.python is None:
            raise PluginError(f"environment: {str(home)!r} is no virtual environment; python -m venv {home.name} makes one")

    @property
    def label(self) -> str:
        """Its name in records, which tell no folder."""
        return self.home.name

    def ask(self, verb: str, *arguments: Any) -> Any:
        """Let its process do something.

        Raises:
            PluginError: it cannot be started, or ended.
        """
        return self._running().ask(verb, *arguments)

    def _running(self) -> Link:
        if self._link is not None and self._process is not None and self._process.poll() is None:
            return self._link
        left = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        words = [str(self.python), "-I", "-m", WORKER]
        try:
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=left, start_new_session=True)
        except OSError as error:
            raise PluginError(f"environment {self.label!r}: {error.strerror or error}") from None
        atexit.register(self.stop)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._link = Link(cast(BinaryIO, self._process.stdout), cast(BinaryIO, self._process.stdin), _nothing, self.stop)
        told = self._hello()
        if told != CONTRACT_VERSION:
            self.stop()
            raise PluginError(f"environment {self.label!r} has contract {told}, this is contract {CONTRACT_VERSION}: install one deidframe in both")
        return self._link

    def _hello(self) -> Any:
        assert self._link is not None
        try:
            return self._link.ask("hello")
        except PluginError:
            how = f"{self.python} -m pip install deidframe and the plugin"
            raise PluginError(f"environment {self.label!r}: this deidframe does not run in it; {how}") from None

    def stop(self) -> str:
        """End its process and return in words how it ended."""
        atexit.unregister(self.stop)
        process, self._process, self._link = self._process, None, None
        if process is None:
            return f"environment {self.label!r}: its process is not running"
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            code = process.wait(0.2)  # where it died by itself, that says how
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait(STOP_SECONDS)
        return f"environment {self.label!r}: its process ended (code {code})"

    def listed(self, name: str) -> tuple[Listed, ...]:
        """Return what is announced there, under the name that a recipe gives the environment."""
        if self._listed is None:
            self._listed = self.ask("list")
        return tuple(Listed(**one, environment=name) for one in self._listed)

    def load(self, listed: Listed) -> FarLoaded:
        """Return a component as its own side describes it.

        Raises:
            PluginError: it cannot be loaded there, or cannot work from there.
        """
        key = listed.role, f"{listed.distribution}:{listed.name}"
        if key not in self._loaded:
            if listed.role == "source":
                raise PluginError(f"source {listed.name!r}: a source works in the core's own environment, its pictures are opened from everywhere")
            told = self.ask("describe", *key)
            needs = frozenset(Need(one) for one in told["component"].pop("needs"))
            params = _params(self, key, told["fields"])
            component = Component(make=f"{WORKER}:none", params=params, needs=needs, **told["component"])
            self._loaded[key] = FarLoaded(listed, component, told["code"], tuple(told["weights"]), self)
        return self._loaded[key]


@dataclass(frozen=True)
class FarLoaded(Loaded):
    """A component of another environment."""

    code: str = ""
    weights: tuple[WeightsFile, ...] = ()
    home: Environment | None = None

    def make(self, params: Any, context: Context) -> Any:
        """Construct it on the other side and return what hands its verbs over.

        Raises:
            PluginError: it cannot be made there.
        """
        assert self.home is not None
        key = self.listed.role, f"{self.listed.distribution}:{self.listed.name}"
        given = {f.name: getattr(context, f.name) for f in fields(Context) if f.name != "track"}
        token, number, verbs = self.home.ask("make", *key, params.model_dump(mode="json"), given)
        return FarComponent(self.home, token, number, verbs)


class FarComponent:
    """Has the verbs that the component on the other side has."""

    def __init__(self, home: Environment, token: str, number: int, verbs: list[str]) -> None:
        for verb in verbs:
            setattr(self, verb, functools.partial(home.ask, "work", token, number, verb))


class FarParams(Params, extra="allow"):
    """Parameters that the other side checked."""

    checked_by: ClassVar[Any] = None

    @classmethod
    def model_validate(cls, obj: Any, **how: Any) -> Any:
        """Let the other side check them.

        Raises:
            ValidationError: what it found wrong.
        """
        told = cls.checked_by("check", obj)
        if told["wrong"]:
            raise ValidationError.from_exception_data(cls.__name__, [_wrong(one) for one in told["wrong"]])
        made = cls.model_construct(**told["params"])
        made.__dict__["_facts"] = told["facts"]
        return made

    def model_dump(self, **how: Any) -> dict[str, Any]:
        """Return them as the other side has them."""
        return {name: value for name, value in self.__dict__.items() if name != "_facts"}

    def beyond_k(self, k: int) -> str:
        """Ask the other side."""
        return str(type(self).checked_by("beyond_k", self.model_dump(), k))


def _fact(name: str) -> property:
    def read(self: FarParams) -> Any:
        return self.__dict__["_facts"][name]

    return property(read)


for _name in FACTS:
    setattr(FarParams, _name, _fact(_name))


def _params(home: Environment, key: tuple[str, str], defaults: Mapping[str, Any]) -> type[Params]:
    """Return a class with the fields of the other side, which checks them."""
    made = create_model("Params", __base__=FarParams, **{name: (Any, None) for name in defaults})  # type: ignore[call-overload]

    def ask(verb: str, *arguments: Any) -> Any:
        return home.ask(verb, *key, *arguments)

    made.checked_by = ask
    found: type[Params] = made
    return found


def _wrong(one: Mapping[str, Any]) -> Any:
    """Return one complaint of the other side, of the same kind where it can be made anew, else as a value that is wrong."""
    same = {"type": str(one["type"]), "loc": tuple(one["loc"]), "input": one["input"], "ctx": one["ctx"]}
    try:
        ValidationError.from_exception_data("", [same])  # type: ignore[list-item]
    except (KeyError, TypeError, ValueError):
        return {**same, "type": "value_error", "ctx": {"error": ValueError(one["msg"].removeprefix("Value error, "))}}
    return same


def _nothing(verb: str, *arguments: Any) -> Any:
    raise PluginError(f"{verb!r} is nothing that a plugin can ask for")
