"""What a method promises follows from its parts: no k where people get targets of their own; groups within a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, catalogue, docstring_code, install, listed

from deidframe.contract import RecipeError
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import Outcome, run
from deidframe.host.discover import Listed
from deidframe.recipe.parse import parse

ALONE = """
import numpy as np
from deidframe.contract import Params as Base
from deidframe.contract import Component, Surrogates, hookimpl

class Params(Base):
    alone: bool = True

    @property
    def per_person(self):
        return self.alone

    @property
    def promise(self):
        return "a promise of its own"

class Alone:
    def __init__(self, params, context):
        self.alone = params.alone

    def anonymize(self, people, partition):
        kept = np.flatnonzero(partition.labels >= 0)
        ids = tuple(people.ids[row] for row in kept)
        return Surrogates(ids, people.vectors[kept], np.arange(len(kept)), np.ones(len(kept)), people.space)

@hookimpl
def deidframe_anonymizers():
    return [Component("alone", f"{__name__}:Alone", Params, "each its own", contract=2)]
"""
HALVES = """
import numpy as np
from deidframe.contract import Params as Base
from deidframe.contract import Component, Embeddings, hookimpl

class Params(Base):
    pass

class Halves:
    def __init__(self, params, context):
        pass

    def encode(self, faces):
        male = (np.asarray(faces.images[:]).mean(axis=(1, 2, 3)) < 96).astype(np.float32)
        return Embeddings(faces.ids, np.stack([1 - male, male, 0.3 + 0 * male, 0.7 + 0 * male], axis=1), "halves")

@hookimpl
def deidframe_encoders():
    return [Component("halves", f"{__name__}:Halves", Params, "dark and bright", spaces=("halves",), contract=2)]
"""


def ran(tmp_path: Path, text: str, role: str, name: str, code: str, *others: Listed) -> Outcome:
    module = install(f"deidframe_{name}_promises", code)
    own = Listed(role, name, module, "deidframe-promises", "0.1.0", "")
    return run(plan(parse(text, "r.toml"), catalogue(own, *others), tmp_path), tmp_path / "run")


def test_a_method_with_targets_for_each_person_promises_no_k(tmp_path: Path) -> None:
    text = RECIPE.replace('anonymizer  = { use = "first-member" }', 'anonymizer  = { use = "alone" }')
    cell = next(c for c in ran(tmp_path, text, "anonymizer", "alone", ALONE).cells if c.method == "flat" and not c.attack)
    assert (cell.status, cell.k) == ("ok", None)
    assert cell.certificate is not None
    assert cell.certificate["k_asked"] is None
    assert "a promise of its own" in cell.certificate["holds"]
    assert "k-anonymity" in cell.certificate["holds_not"][0]


def test_an_anonymizer_that_lies_about_it_is_refused(tmp_path: Path) -> None:
    text = RECIPE.replace('anonymizer  = { use = "first-member" }', 'anonymizer  = { use = "alone", params = { alone = false } }')
    cell = next(c for c in ran(tmp_path, text, "anonymizer", "alone", ALONE).cells if c.method == "flat" and not c.attack)
    assert cell.status == "failed"
    assert "the groups of the partition" in cell.reason
    assert not (tmp_path / "run" / "release" / "flat").exists()


def test_groups_within_a_class_never_mix(tmp_path: Path) -> None:
    text = RECIPE.replace("k = 3\n", 'k = 3\nwithin = { use = "halves" }\n', 1)
    dark = docstring_code("source").replace(
        "np.uint8) for i in ids]", "np.uint8) // (1 + int(i.split('-')[1]) % 2) for i in ids]"
    )
    outcome = ran(tmp_path, text, "encoder", "halves", HALVES, listed("source", "noise", dark))
    cell = next(c for c in outcome.cells if c.method == "flat" and not c.attack)
    assert cell.status == "ok", cell.reason
    import json

    mapping = json.loads((tmp_path / "run" / "private" / "mapping" / "flat.json").read_text())
    sides: dict[int, set[int]] = {}
    for entry in mapping:
        sides.setdefault(entry["group"], set()).add(int(entry["face"].split("-")[-1]) % 2)
    assert all(len(side) == 1 for side in sides.values())
    assert np.unique([next(iter(s)) for s in sides.values()]).tolist() == [0, 1]


def test_within_needs_a_clusterer_and_an_encoder_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(RECIPE.replace('redactor = { use = "grey" }', 'redactor = { use = "grey" }\nwithin = { use = "x" }'), "r.toml")
    assert "give clusterer and k with it" in "\n".join(caught.value.complaints)
    with pytest.raises(RecipeError) as caught:
        plan(parse(RECIPE.replace("k = 3\n", 'k = 3\nwithin = { use = "x" }\n', 1), "r.toml"), catalogue(), tmp_path)
    assert 'no encoder is called "x"' in "\n".join(caught.value.complaints)
