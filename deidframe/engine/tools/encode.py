"""One step alone, for the shell: encode a folder, read a file of encodings, group it."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from deidframe.contract.artifacts import Embeddings
from deidframe.contract.errors import PluginError, UsageError
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.intake.find_faces import find_faces
from deidframe.engine.intake.take_in import Intake
from deidframe.engine.planning.plan import Plan
from deidframe.engine.planning.planner import plan
from deidframe.engine.protect.grouping import Grouped, group
from deidframe.engine.runtime.progress import Quiet, Reporter
from deidframe.host.catalogue import Catalogue
from deidframe.measure.verification import Pairs
from deidframe.recipe.packaged import usual
from deidframe.recipe.parse import parse


def read_any(path: Path, *, space: str | None = None, normalise: bool = False) -> Embeddings:
    """Return the encodings of a file.

    Raises:
        PluginError: no source that reads encodings is installed. UsageError: the file is damaged or missing.
    """
    loaded = Catalogue().load("source", usual().encodings)
    params = loaded.component.params(**{"path": path, "space": space, "normalise": normalise})
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        found = ComponentPool(0, None, Path(scratch), Quiet()).call(Step("source", loaded, params))
    if not isinstance(found, Embeddings):
        raise PluginError(f"{loaded.qualified} gave {type(found).__name__}, expected Embeddings")
    return found


def encode_folder(
    folder: Path,
    encoder: str,
    detector: str | None,
    scratch: Path,
    reporter: Reporter,
    *,
    params: Sequence[str] = (),
    offline: bool = False,
) -> tuple[Embeddings, dict[str, str]]:
    """Return unit encodings of the pictures in which a face is found, and why the others are left out.

    Args:
        params: `key=value` for the encoder.

    Raises:
        RecipeError: a name is unknown. NothingToDo: no picture, or no face.
    """
    method = {"name": "encode", "encoder": {"use": encoder}, "clusterer": {"use": any_of("clusterer")}}
    overrides = [f"method[0].encoder.params.{one}" for one in _checked(params)]
    planned = planned_as_labelled(_of_folder(folder, detector, method), scratch, overrides)
    pool = planned.pool(scratch, reporter, offline=offline)
    intake = find_faces(planned, pool, reporter)
    faces = intake.faces
    found = pool.encode(planned.methods[0].steps["encoder"], faces)
    subjects = faces.subjects if planned.labelled else None
    return Embeddings(found.ids, found.vectors, found.space, subjects), intake.withheld


def read_pairs(path: Path, ids: Sequence[str], people: Sequence[str]) -> Pairs:
    """Return the pairs of a CSV with the columns a, b and same.

    Raises:
        UsageError: not such a file, an id without an encoding, or a `same` that is neither 0 nor 1.
    """
    row = {one: n for n, one in enumerate(ids)}
    number = {person: n for n, person in enumerate(dict.fromkeys(people))}
    try:
        lines = list(csv.reader(path.read_text("utf-8", "surrogateescape").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from None
    if not lines or lines[0] != ["a", "b", "same"]:
        raise UsageError(f"{path.name}:1: expected the header a,b,same")
    a, b, same = [], [], []
    for at, line in enumerate(lines[1:], 2):
        if len(line) != 3 or line[2] not in ("0", "1"):
            raise UsageError(f"{path.name}:{at}: expected two ids and 0 or 1, got {','.join(line)!r}")
        missing = [one for one in line[:2] if one not in row]
        if missing:
            raise UsageError(f"{path.name}:{at}: {missing[0]!r} is not a picture in which a face was found")
        a.append(row[line[0]])
        b.append(row[line[1]])
        same.append(line[2] == "1")
    persons = np.array([number[people[one]] for one in a], np.int64)
    return Pairs(np.array(a, np.int64), np.array(b, np.int64), np.array(same, bool), persons)


def faces_of_folder(folder: Path, detector: str | None, scratch: Path, reporter: Reporter) -> Intake:
    """Return the faces found in a folder of pictures.

    Raises:
        RecipeError: a name is unknown. NothingToDo: no picture, or no face.
    """
    method = {"name": "look", "redactor": {"use": any_of("redactor")}}
    planned = planned_as_labelled(_of_folder(folder, detector, method), scratch)
    return find_faces(planned, planned.pool(scratch, reporter), reporter)


def _of_folder(folder: Path, detector: str | None, method: dict[str, Any]) -> dict[str, Any]:
    source = {"use": usual().source, "params": {"path": str(folder)}}
    found = {"use": detector or usual().detector}
    return {"schema": 1, "name": "folder", "source": source, "detector": found, "method": [method]}


def planned_alone(
    folder: Path, detector: str | None, method: dict[str, Any], scratch: Path, overrides: Sequence[str], judges: Sequence[str]
) -> Plan:
    """Return the plan of one method over a folder in which each picture is another person's.

    Raises:
        RecipeError: a name or parameter is wrong. UsageError: an override is no `key=value`.
    """
    recipe = _of_folder(folder, detector, method)
    recipe["source"]["subjects"] = "one-per-image"
    if judges:
        recipe["quality"] = {"encoders": list(judges)}
    for one in overrides:
        if "=" not in one:
            raise UsageError(f"--param {one.rpartition('.')[2]!r}: expected KEY=VALUE")
    return plan(parse(_toml(recipe), "command line", overrides), Catalogue(), scratch)


def cluster_file(
    file: Path,
    clusterer: str,
    params: Sequence[str],
    scratch: Path,
    reporter: Reporter,
    *,
    k: int | None,
    outliers: str | None,
    normalise: bool,
) -> Grouped:
    """Group the encodings of a file; see `deidframe.engine.protect.grouping.group`.

    Raises:
        RecipeError: a name or a parameter is wrong. UsageError: the file is damaged. ReleaseRefused: groups are too small.
    """
    method: dict[str, Any] = {"name": clusterer, "clusterer": {"use": clusterer}}
    if k is not None:
        method["k"] = k
    if outliers is not None:
        method["outliers"] = {"use": outliers}
    recipe = {
        "schema": 1,
        "name": "cluster",
        "source": {"use": usual().encodings, "params": {"path": str(file), "normalise": normalise}},
        "method": [method],
    }
    overrides = [f"method[0].clusterer.params.{one}" for one in _checked(params)]
    planned = planned_as_labelled(recipe, scratch, overrides)
    assert planned.encodings is not None
    pool = planned.pool(scratch, reporter)
    return group(pool, planned.encodings, planned.people, planned.methods[0], labelled=planned.labelled)


def _checked(params: Sequence[str]) -> Sequence[str]:
    """Return `--param` texts that are `key=value`."""
    for one in params:
        key, equals, _ = one.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--param {one!r}: expected KEY=VALUE")
    return params


def any_of(role: str) -> str:
    """Return some installed component that needs no parameters: a plan has a method, even where only some steps are wanted.

    Raises:
        PluginError: none is installed.
    """
    catalogue = Catalogue()
    for name in catalogue.names(role):
        try:
            catalogue.load(role, name).component.params()
        except (PluginError, ValidationError):
            continue
        return name
    raise PluginError(f"no {role} is installed that works without parameters")


def planned_as_labelled(
    recipe: dict[str, Any],
    scratch: Path,
    overrides: Sequence[str] = (),
    *,
    subjects: str | None = None,
    limit: int | None = None,
) -> Plan:
    """Plan as a recipe would: people from labels where the source has them, else one for each picture; or as `subjects` says."""
    if subjects is not None:
        recipe["source"]["subjects"] = subjects
        return plan(parse(_toml(recipe), "command line", overrides), Catalogue(), scratch, limit)
    recipe["source"]["subjects"] = "one-per-image"
    text = _toml(recipe)
    tried = plan(parse(text, "command line", overrides), Catalogue(), scratch, limit)
    known = tried.photos.subjects if tried.encodings is None else tried.encodings.subjects
    if known is None:
        return tried
    recipe["source"]["subjects"] = "labelled"
    return plan(parse(_toml(recipe), "command line", overrides), Catalogue(), scratch, limit)


def _toml(table: dict[str, Any]) -> str:
    """Write a recipe of plain values; a JSON string is a TOML string."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
