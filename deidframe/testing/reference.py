"""The reference of the contract, written from its code: `python -m deidframe.testing.reference > docs/reference/contract.md`."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from typing import Any

from deidframe import contract
from deidframe.contract.hookspecs import HOOKS
from deidframe.contract.roles import VERBS

HEAD = """\
# The contract

What a plugin imports: `from deidframe.contract import ...`, version {version}. [Your first plugin](../extend/first-plugin.md)
shows it at work.
Made by `python -m deidframe.testing.reference`; a test holds this page to the code.

## Roles
A hook returns `Component` records; the object that a record names is made as `Class(params, context)` and has the verb of
its role.

| role | hook | verb | what it does |
|---|---|---|---|
"""


def reference() -> str:
    """Return the page as Markdown."""
    parts = [HEAD.format(version=contract.CONTRACT_VERSION)]
    for role, (protocol, verb) in VERBS.items():
        method = getattr(protocol, verb)
        parts.append(f"| {role} | `{HOOKS[role]}` | `{verb}{_signature(method)}` | {_first(method)} |\n")
    named = [(name, getattr(contract, name)) for name in contract.__all__]
    kinds = [(name, one) for name, one in named if inspect.isclass(one)]
    for title, chosen in (
        ("Records and artifacts", [one for one in kinds if not _error(one[1])]),
        ("Errors", [one for one in kinds if _error(one[1])]),
    ):
        parts.append(f"\n## {title}\n")
        parts += [_class(name, one) for name, one in chosen]
    parts.append("\n## Functions\n")
    for name, one in named:
        if inspect.ismodule(one):
            parts += [_function(f"{name}.{inner}", getattr(one, inner)) for inner in _public(one)]
        elif inspect.isfunction(one):
            parts.append(_function(name, one))
    return "".join(parts)


def _public(module: Any) -> list[str]:
    return [
        name
        for name, one in vars(module).items()
        if inspect.isfunction(one) and one.__module__ == module.__name__ and not name.startswith("_")
    ]


def _class(name: str, kind: type) -> str:
    lines = [f"\n### {name}\n```\n{_doc(kind)}\n```\n"]
    if issubclass(kind, enum.Enum):
        return "".join([*lines, ", ".join(f"`{one.name}`" for one in kind), "\n"])
    if dataclasses.is_dataclass(kind):
        fields = ", ".join(f"`{one.name}: {one.type}`" for one in dataclasses.fields(kind) if not one.name.startswith("_"))
        lines.append(f"Fields: {fields}\n")
    rows = []
    for inner, one in vars(kind).items():
        plain = one.__func__ if isinstance(one, (classmethod, staticmethod)) else one
        if inner.startswith("_") or not (inspect.isfunction(plain) or isinstance(one, property)):
            continue
        if (inspect.getdoc(plain) or "").strip():
            called = inner if isinstance(one, property) else f"{inner}{_signature(plain)}"
            rows.append(f"| `{called}` | {_first(plain)} |\n")
    return "".join([*lines, *(["\n| | |\n|---|---|\n", *rows] if rows else [])])


def _function(name: str, one: Any) -> str:
    return f"\n### {name}\n`{name.rpartition('.')[2]}{_signature(one)}`\n```\n{_doc(one)}\n```\n"


def _signature(one: Any) -> str:
    given = inspect.signature(one)
    shown = given.replace(parameters=[p for p in given.parameters.values() if p.name not in ("self", "cls")])
    return str(shown).replace("'", "").replace("|", "or")


def _doc(one: Any) -> str:
    return (inspect.getdoc(one) or "").strip()


def _first(one: Any) -> str:
    return " ".join(_doc(one).split("\n\n")[0].split()).replace("|", "or")


def _error(kind: type) -> bool:
    return issubclass(kind, BaseException)


if __name__ == "__main__":
    print(reference(), end="")
