"""The parameters of a component as people read them: name, type and range, default, meaning."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import textwrap
from typing import Any

from deidframe.contract.params import Params

_BOUNDS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))


def parameters(params: type[Params]) -> list[tuple[str, str, str, str]]:
    """Return name, type with its range, default ("required" without one) and meaning of each parameter.

    Meanings are the descriptions of fields, or the string below a field, as in the source.
    """
    said = _below(params)
    out = []
    for name, field in params.model_fields.items():
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        out.append((name, _kind(field.annotation, field.metadata), default, field.description or said.get(name, "")))
    return out


def _default(value: Any) -> str:
    if value is None:
        return "none"
    return json.dumps(value if isinstance(value, (bool, int, float, str)) else str(value))


def _kind(annotation: Any, metadata: list[Any]) -> str:
    name = getattr(annotation, "__name__", "") if not hasattr(annotation, "__args__") else ""
    kind = name or str(annotation).replace("typing.", "").replace("pathlib.", "").replace("NoneType", "None")
    choices = getattr(annotation, "__args__", ())
    if kind.startswith("Literal"):
        kind = " or ".join(json.dumps(choice) for choice in choices)
    bounds = [f"{words} {getattr(one, key):g}" for one in metadata for key, words in _BOUNDS if hasattr(one, key)]
    return ", ".join([kind, *bounds])


def _below(params: type[Params]) -> dict[str, str]:
    """Return the strings that stand below fields in the source of a class and its bases."""
    out: dict[str, str] = {}
    for kind in reversed(params.__mro__):
        if kind is Params or not issubclass(kind, Params):
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
        except (OSError, TypeError, SyntaxError):  # made at run time
            continue
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, after in itertools.pairwise(body):
            named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                assert isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                out[field.target.id] = " ".join(str(after.value.value).split())
    return out
