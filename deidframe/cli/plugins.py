"""`deidframe plugins`: what is installed, read from metadata alone."""

from __future__ import annotations

import argparse
from typing import Any

HELP = "list the installed plugins without importing them"
RIGHTS = (
    "A plugin runs with your rights and in the same process: it can read your files and the secrets of a run. Install only"
    " those whose authors you trust; SECURITY.md says what the core checks and what it cannot."
)
EXAMPLE = "deidframe plugins check deidframe-ksame"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = f"{HELP}. {RIGHTS}"
    actions = ("list", "check", "show")
    parser.add_argument(
        "action", nargs="?", choices=actions, default="list", help="list them (default), check one, or show a component"
    )
    parser.add_argument(
        "distribution", nargs="?", metavar="NAME", help="with check: a plugin; with show: a component, or ROLE.NAME"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument(
        "--param",
        metavar="NAME.KEY=VALUE",
        action="append",
        default=[],
        help="with check: a parameter of the component NAME, a value of TOML; without any, those of its example",
    )


def run(options: argparse.Namespace) -> int:
    """Print every announced component; return 4 when one of them has a problem."""
    from deidframe.contract.errors import UsageError

    if options.action == "check":
        if options.distribution is None:
            raise UsageError("name a plugin: deidframe plugins check NAME, such as deidframe-ksame")
        return _check(options.distribution, _params(options.param))
    if options.action == "show":
        if options.distribution is None:
            raise UsageError("name a component: deidframe plugins show NAME, such as fixed-size")
        return _show(options.distribution)
    if options.distribution is not None:
        raise UsageError(f"deidframe plugins list takes no name; did you mean: deidframe plugins check {options.distribution}?")
    import dataclasses
    import json

    from deidframe.host.discover import list_plugins
    from deidframe.host.known import known
    from deidframe.models.catalogue import listed_weights

    plugins = list_plugins()
    licences = {
        (w.distribution, role): w.licence
        for w in listed_weights(p.package for p in plugins if not p.problem)
        for role in w.used_by
    }
    rows = [
        {**dataclasses.asdict(p), "weights_licence": licences.get((p.distribution, f"{p.role}.{p.name}"), "")} for p in plugins
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        _table(rows)
        strange = sorted({p.distribution for p in plugins} - set(known().values()))
        if strange:
            print(f"not from this project: {', '.join(strange)}. {RIGHTS}")
    return 4 if any(p.problem for p in plugins) else 0


def _table(rows: list[dict[str, str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not rows:
        console.print("no plugins installed; in a checkout of deidframe: python -m pip install -r requirements.txt")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head in ("role", "name", "distribution", "version"):
        table.add_column(head, no_wrap=True)
    table.add_column("licence of weights", overflow="fold")
    for row in rows:
        last = Text(row["problem"], style="bold red") if row["problem"] else Text(row["weights_licence"])
        table.add_row(*(Text(row[key]) for key in ("role", "name", "distribution", "version")), last)
    console.print(table)
    for distribution, summary in sorted({(row["distribution"], row["summary"]) for row in rows}):
        console.print(Text.assemble((distribution, "bold"), f": {summary}"))


def _params(given: list[str]) -> dict[str, dict[str, Any]] | None:
    """Return component -> parameters, None where none were given.

    Raises:
        UsageError: one of them is no `NAME.KEY=VALUE`.
    """
    import tomli

    from deidframe.contract.errors import UsageError

    out: dict[str, dict[str, Any]] = {}
    for one in given:
        path, there, value = one.partition("=")
        name, dot, key = path.partition(".")
        if not (there and dot and name and key):
            raise UsageError(f"--param {one}: expected NAME.KEY=VALUE, such as interpolate.alpha=0.5")
        try:
            found = tomli.loads(f"value = {value}")["value"]
        except tomli.TOMLDecodeError:
            found = value
        out.setdefault(name, {})[key] = found
    return out or None


def _check(distribution: str, params: dict[str, dict[str, Any]] | None) -> int:
    """Run the conformance kit; 1 where something does not hold."""
    from deidframe.testing import conform

    broken = count = 0
    for outcome in conform(distribution, params):
        count += 1
        if outcome.problem:
            broken += 1
            print(
                f"{outcome.component}: {outcome.check.name.replace('_', ' ')}: {outcome.problem}\n  why: {outcome.check.reason}"
            )
    print(f"{distribution}: {count} checks, {broken} do not hold")
    return 1 if broken else 0


def _show(name: str) -> int:
    """Print what a component is: parameters, what it needs, and an example; 4 where it is known and not installed."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from deidframe.contract.component import ROLES
    from deidframe.contract.errors import PluginError
    from deidframe.host.catalogue import Catalogue
    from deidframe.host.explain import parameters
    from deidframe.host.known import where_from

    role, dot, rest = name.partition(".")
    roles, wanted = ((role,), rest) if dot and role in ROLES else (ROLES, name)
    catalogue, console = Catalogue(), Console()
    found = [catalogue.load(one, wanted) for one in roles if catalogue.find(one, wanted) is not None]
    if not found:
        missing = [said for one in roles if (said := where_from(one, wanted))]
        names = sorted({each for one in roles for each in catalogue.names(one)})
        raise PluginError(missing[0] if missing else f"no component is called {wanted!r}; installed: {', '.join(names)}")
    for loaded in found:
        one = loaded.component
        console.print(Text.assemble((f"{loaded.listed.role} {one.name}", "bold"), f" ({loaded.listed.distribution})"))
        console.print(Text(f"{one.summary[0].upper()}{one.summary[1:]}."))
        if one.reference:
            console.print(Text(f"After {one.reference}."))
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for head in ("parameter", "type", "default", "meaning"):
            table.add_column(head, overflow="fold")
        rows = parameters(one.params)
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table if rows else Text("It has no parameters."))
        needs = sorted(need.value for need in one.needs)
        if needs:
            console.print(Text(f"needs    {', '.join(needs)}"))
        if one.weights:
            console.print(Text(f"weights  {', '.join(one.weights)}"))
        if one.spaces:
            console.print(Text(f"space    {', '.join(one.spaces)}"))
        if one.example:
            console.print(Text(f"\n{one.example.rstrip()}\n"))
    return 0
