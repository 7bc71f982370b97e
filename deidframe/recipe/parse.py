"""Read a recipe file: syntax, `--set`, shape, sweeps. Everything wrong is said at once."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli
from pydantic import ValidationError

from deidframe.contract.errors import RecipeError, UsageError
from deidframe.recipe.diagnostics import Diagnostic, diagnostics_of, excerpt, render
from deidframe.recipe.locate import KeyPath, locate
from deidframe.recipe.model import MethodSpec, Recipe

MAX_BYTES = 1_000_000
MAX_CELLS = 200
_WINDOWS = re.compile(r'"[^"]*\\')
"""A backslash in double quotes begins an escape in TOML."""
_SYNTAX = re.compile(r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


@dataclass(frozen=True)
class Method:
    """One method after its sweep is expanded.

    Args:
        spec: without a sweep.
        at: where it stands in the recipe.
        name: unique, with the swept values.
    """

    spec: MethodSpec
    at: KeyPath
    name: str


@dataclass(frozen=True)
class Parsed:
    """A recipe that has the right shape.

    Args:
        recipe: as written, after `--set`.
        methods: sweeps expanded, in order.
        file: name for messages.
        text: its bytes as text.
        overrides: the `--set` texts.
    """

    recipe: Recipe
    methods: tuple[Method, ...]
    file: str
    text: str
    overrides: tuple[str, ...] = ()

    def refuse(self, complaints: Sequence[Diagnostic]) -> RecipeError:
        """Return the error that says all of these; exit code 4 when only plugins are at fault."""
        return _refusal(self.file, self.text, complaints, {path for path, _ in map(_override, self.overrides)})


def load_recipe(file: Path, overrides: Sequence[str] = ()) -> Parsed:
    """Read and check a recipe.

    Args:
        file: the TOML file.
        overrides: `path=value` texts; the value is TOML, or else a string.

    Raises:
        UsageError: the file cannot be read, or an override is no `path=value`.
        RecipeError: anything wrong with syntax or shape; `complaints` holds all of it.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read recipe {str(file)!r}: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"recipe {str(file)!r} has {len(raw)} bytes; a recipe has at most {MAX_BYTES}")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"recipe {str(file)!r} is not UTF-8 text ({error.reason} at byte {error.start})") from None
    return parse(text, str(file), overrides)


def parse(text: str, file: str, overrides: Sequence[str] = ()) -> Parsed:
    """Check a recipe's text; see `load_recipe`."""
    try:
        data = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise _syntax(error, text, file) from None
    except RecursionError:
        raise RecipeError(f"{file}: nested too deeply; a recipe needs no more than a few levels") from None
    changed = set()
    for one in overrides:
        path, value = _override(one)
        for each in _every(data, path, one):
            _put(data, each, value, one)
            changed.add(each)
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise _refusal(file, text, diagnostics_of(error, Recipe), changed) from None
    complaints: list[Diagnostic] = []
    methods: list[Method] = []
    for row, spec in enumerate(recipe.method):
        at: KeyPath = ("method", row)
        methods.extend(_expanded(spec, data["method"][row], at, complaints))
    _unique_names(methods, complaints, "method")
    _unique_names([(("attack", row), spec.name) for row, spec in enumerate(recipe.attack)], complaints, "attack")
    if len(methods) > MAX_CELLS:
        complaints.append(Diagnostic("R113", ("method",), f"sweeps expand to {len(methods)} methods; at most {MAX_CELLS}"))
    if complaints:
        raise _refusal(file, text, complaints, changed)
    return Parsed(recipe, tuple(methods), file, text, tuple(overrides))


def _expanded(spec: MethodSpec, raw: dict[str, Any], at: KeyPath, complaints: list[Diagnostic]) -> list[Method]:
    """Return one method for each combination of the swept values."""
    if not spec.sweep:
        return [Method(spec, at, spec.name)]
    axes: list[tuple[KeyPath, list[Any]]] = []
    for path, values in _leaves(spec.sweep):
        where: KeyPath = (*at, "sweep", *path)
        if not isinstance(values, list) or not values:
            complaints.append(Diagnostic("R110", where, f"expected a list of values to try, got {values!r}"))
        else:
            axes.append((path, values))
    out: list[Method] = []
    count = 1
    for _, values in axes:
        count *= len(values)
    if count > MAX_CELLS:
        complaints.append(Diagnostic("R113", (*at, "sweep"), f"expands to {count} methods; at most {MAX_CELLS}"))
        return []
    for chosen in itertools.product(*(values for _, values in axes)):
        data = copy.deepcopy({key: value for key, value in raw.items() if key != "sweep"})
        said = []
        for (path, _), value in zip(axes, chosen, strict=True):
            here = data
            for step in path[:-1]:
                here = here.setdefault(str(step), {})
            here[str(path[-1])] = value
            said.append(f"{path[-1]}={value}")
        try:
            out.append(Method(MethodSpec.model_validate(data), at, f"{spec.name} {' '.join(said)}"))
        except ValidationError as error:
            complaints.extend(
                Diagnostic(c.code, (*at, "sweep"), f"with {' '.join(said)}: {c.path[-1] if c.path else 'method'}: {c.message}")
                for c in diagnostics_of(error, MethodSpec)
            )
    return out


def _leaves(table: dict[str, Any]) -> list[tuple[KeyPath, Any]]:
    found: list[tuple[KeyPath, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            found.extend(((*key.split("."), *path), leaf) for path, leaf in _leaves(value))
        else:
            found.append((tuple(key.split(".")), value))
    return found


def slug(name: str) -> str:
    """Return the name as a folder: lowercase letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "method"


def _unique_names(items: Sequence[Method | tuple[KeyPath, str]], complaints: list[Diagnostic], what: str) -> None:
    seen: dict[str, str] = {}
    for item in items:
        at, name = (item.at, item.name) if isinstance(item, Method) else item
        if slug(name) in seen:
            complaints.append(
                Diagnostic("R112", (*at, "name"), f"{what} {name!r} is named like {seen[slug(name)]!r}; names must differ")
            )
        seen.setdefault(slug(name), name)


def _override(text: str) -> tuple[KeyPath, Any]:
    path, equals, value = text.partition("=")
    steps = [s for s in re.split(r"[.\[\]]", path.strip()) if s]
    if not equals or not steps:
        raise UsageError(f"--set {text!r}: expected PATH=VALUE, for example --set source.params.path=portraits")
    try:
        parsed = tomli.loads(f"value = {value}")
        meant = parsed["value"] if len(parsed) == 1 else value
    except tomli.TOMLDecodeError:
        meant = value
    return tuple(int(s) if s.isdigit() else s for s in steps), meant


def _every(data: Any, path: KeyPath, text: str) -> list[KeyPath]:
    """Return the paths that are meant: `method[*].k` is every method that has a k."""
    if "*" not in path:
        return [path]
    at = path.index("*")
    here = data
    for step in path[:at]:
        here = here[step] if _has(here, (step,)) else None
    rows = range(len(here)) if isinstance(here, list) else range(0)
    found = [(*path[:at], row, *path[at + 1 :]) for row in rows if _has(here[row], path[at + 1 :])]
    if not found:
        raise UsageError(f"--set {text!r}: nothing in the recipe is there")
    return found


def _has(here: Any, path: KeyPath) -> bool:
    for step in path:
        if isinstance(here, dict) and step in here:
            here = here[str(step)]
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            return False
    return True


def _put(data: Any, path: KeyPath, value: Any, text: str) -> None:
    here = data
    for step, after in itertools.pairwise(path):
        if isinstance(here, dict) and isinstance(step, str):
            here = here.setdefault(step, [] if isinstance(after, int) else {})
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            raise UsageError(f"--set {text!r}: the recipe has no {step!r} there")
    last = path[-1]
    in_table = isinstance(here, dict) and isinstance(last, str)
    in_list = isinstance(here, list) and isinstance(last, int) and last < len(here)
    if not (in_table or in_list):
        raise UsageError(f"--set {text!r}: the recipe has no {last!r} there")
    here[last] = value


def _syntax(error: tomli.TOMLDecodeError, text: str, file: str) -> RecipeError:
    match = _SYNTAX.match(str(error))
    last = text.count("\n") + 1
    line = int(match["line"]) if match and match["line"] else last
    column = int(match["column"]) if match and match["column"] else len(text.splitlines()[-1]) + 1 if text else 1
    what = match["what"] if match else str(error)
    code = "R102" if "overwrite" in what or "twice" in what else "R101"
    if code == "R102":
        what = "a key or table is given twice; keep one of them"
    lines = text.splitlines()
    if line <= len(lines) and _WINDOWS.search(lines[line - 1]):
        what += "; a Windows path needs single quotes, as in path = 'C:\\Users\\me\\portraits'"
    said = f"{file}:{line}:{column}: error[{code}] {what[:1].lower() + what[1:]}\n{excerpt(text, line, column)}"
    return RecipeError("the recipe is not valid TOML; nothing ran", (said,))


def _refusal(file: str, text: str, complaints: Sequence[Diagnostic], overridden: set[KeyPath]) -> RecipeError:
    places = locate(text)
    lines = tuple(render(c, file, text, places, overridden) for c in complaints)
    count = f"{len(lines)} thing{'s' if len(lines) > 1 else ''} wrong with the recipe; nothing ran"
    error = RecipeError(count, lines)
    if all(c.code.startswith("P") for c in complaints):
        error.exit_code = 4
    return error
