"""Turn what is wrong with a recipe into text that points at the place and says what to do."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from deidframe.recipe.locate import KeyPath

CODES = {"extra_forbidden": "R104", "missing": "R105", "literal_error": "R108", "value_error": "R109"}


@dataclass(frozen=True)
class Diagnostic:
    """One thing wrong.

    Args:
        code: `R1..` the recipe itself, `P1..` a plugin it names.
        path: of the key.
        message: what is wrong, what is accepted.
    """

    code: str
    path: KeyPath
    message: str


def dotted(path: KeyPath) -> str:
    """Spell a path as `method[0].encoder.use`."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out or "recipe"


def nearest(word: str, accepted: Iterable[str]) -> str:
    """Return `; did you mean "x"?` when one of `accepted` is close, else nothing."""
    close = difflib.get_close_matches(word, list(accepted), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def diagnostics_of(error: ValidationError, model: type[BaseModel], at: KeyPath = ()) -> list[Diagnostic]:
    """Translate pydantic's errors; `at` is where the validated table stands in the recipe."""
    items = error.errors(include_url=False)
    inner = {tuple(item["loc"][:cut]) for item in items for cut in range(1, len(item["loc"]))}
    # pydantic also says that a list is too short when its only item is wrong
    return [_one(item, model, at) for item in items if not (item["type"] == "too_short" and tuple(item["loc"]) in inner)]


def _one(item: Any, model: type[BaseModel], at: KeyPath) -> Diagnostic:
    kind, loc = str(item["type"]), tuple(item["loc"])
    path: KeyPath = (*at, *loc)
    code = CODES.get(kind, "R106" if "type" in kind or "parsing" in kind else "R107")
    if kind == "extra_forbidden":
        accepted = _keys(_model_at(model, loc[:-1]))
        listed = f"accepted: {', '.join(accepted)}" if accepted else "no keys are accepted here"
        return Diagnostic(code, path, f"unknown key; {listed}{nearest(str(loc[-1]), accepted)}")
    if kind == "missing":
        return Diagnostic(code, path, "is missing; it must be given")
    if kind == "literal_error":
        expected = str(item["ctx"]["expected"])
        options = [o.strip("' ") for o in expected.replace(" or ", ", ").split(", ")]
        hint = nearest(item["input"], options) if isinstance(item["input"], str) else ""
        return Diagnostic(code, path, f"expected {expected}, got {item['input']!r}{hint}")
    message = str(item["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind == "value_error":
        return Diagnostic(code, path, message)
    got = repr(item["input"])
    if kind in ("model_type", "dict_type"):
        message = "input should be a table"
    return Diagnostic(
        code, path, f"{message.replace('input should be', 'expected')}, got {got if len(got) < 80 else got[:77] + '...'}"
    )


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [] if model is None else [f.alias or name for name, f in model.model_fields.items()]


def _model_at(model: type[BaseModel], loc: KeyPath) -> type[BaseModel] | None:
    """Follow a path of field names and list positions down to the model that it stands in."""
    here: type[BaseModel] | None = model
    for step in loc:
        if isinstance(step, int) or here is None:
            continue
        field = next((f for name, f in here.model_fields.items() if step in (name, f.alias)), None)
        here = _model_in(field.annotation) if field else None
    return here


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, list, Union, types.UnionType):
        return next((m for m in map(_model_in, get_args(annotation)) if m), None)
    if hasattr(annotation, "__metadata__"):
        return _model_in(get_args(annotation)[0])
    return None


def render(
    complaint: Diagnostic, name: str, text: str, places: Mapping[KeyPath, tuple[int, int]], overridden: set[KeyPath]
) -> str:
    """Return `file:line:col: error[code] path: message` with the line and a caret, or the `--set` it came from."""
    said = f"error[{complaint.code}] {dotted(complaint.path)}: {complaint.message}"
    for cut in range(len(complaint.path), -1, -1):
        path = complaint.path[:cut]
        if path in overridden:
            return f"--set {dotted(path)}: {said}"
        if path in places:
            line, column = places[path]
            return f"{name}:{line}:{column}: {said}\n{excerpt(text, line, column)}"
    return f"{name}:1:1: {said}"


def excerpt(text: str, line: int, column: int) -> str:
    """Return the line with a caret under the column."""
    lines = text.splitlines()
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    shown = source.replace("\t", " ")[:160]
    gutter = f"{line:>5} | "
    return f"{gutter}{shown}\n{' ' * (len(gutter) - 2)}| {' ' * (min(column, 160) - 1)}^"
