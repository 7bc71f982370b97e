"""Targets that an anonymizer moves: in every encoder aimed by, by the same people, refused where nobody follows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, catalogue, install, listed

from deidframe.contract import RecipeError
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import Outcome, run
from deidframe.host.discover import Listed
from deidframe.recipe.parse import parse

MOVES = """
import numpy as np
from deidframe.contract import Component, Params, Surrogates, hookimpl

class Nothing(Params):
    unlike: bool = False

class Moves:
    def __init__(self, params, context):
        self.unlike, self.context = params.unlike, context

    def anonymize(self, people, partition):
        kept = np.flatnonzero(partition.labels >= 0)
        ids = tuple(people.ids[row] for row in kept)
        self.context.record("moves", {"space": people.space, "ids": list(people.ids)})
        groups = partition.labels[kept]
        first = np.unique(groups, return_index=True)[1]
        weights = 1 / np.bincount(groups)[groups]
        if self.unlike and people.space == "brightness":
            weights = np.isin(np.arange(len(groups)), first).astype(float)
        return Surrogates(ids, people.vectors[kept[first]][groups] + 1, groups, weights, people.space)

@hookimpl
def deidframe_anonymizers():
    return [Component("moves", f"{__name__}:Moves", Nothing, "moves", moves_targets=True, every_space=True, contract=2)]
"""
FOLLOWS = """
import numpy as np
from deidframe.contract import Component, FaceSet, IndexedStack, Params, hookimpl

class Aims(Params):
    @property
    def recognizers(self):
        return ("brightness",)

    @property
    def aims(self):
        return ("brightness",)

class Follows:
    def __init__(self, params, context):
        self.context = context

    def synthesize(self, faces, surrogates):
        groups, first, inverse = np.unique(surrogates.groups, return_index=True, return_inverse=True)
        said = {space: targets[first].tolist() for space, targets in surrogates.elsewhere.items()}
        self.context.record("follows", said)
        shades = np.arange(50, 50 + len(groups), dtype=np.uint8)[:, None, None, None]
        flat = np.zeros((len(groups), *faces.size, 3), np.uint8) + shades
        return FaceSet(faces.ids, IndexedStack(flat, inverse.astype(np.int64)), faces.landmarks)

@hookimpl
def deidframe_synthesizers():
    return [Component("follows", f"{__name__}:Follows", Aims, "x", takes_targets=True, one_picture_per_group=True, contract=2)]
"""
BRIGHTNESS = """
import numpy as np
from deidframe.contract import Component, Embeddings, Params, hookimpl

class Nothing(Params):
    pass

class Brightness:
    def __init__(self, params, context):
        pass

    def encode(self, faces):
        mean = np.asarray(faces.images[:]).mean(axis=(1, 2, 3)) / 255
        return Embeddings(faces.ids, np.stack([mean, 1 - mean, mean**2], axis=1).astype(np.float32), "brightness")

@hookimpl
def deidframe_encoders():
    return [Component("brightness", f"{__name__}:Brightness", Nothing, "how bright", spaces=("brightness",), contract=2)]
"""


def parts() -> list[Listed]:
    moves = install("deidframe_moves_targets", MOVES)
    return [
        Listed("anonymizer", "moves", moves, "deidframe-moved", "0.1.0", ""),
        listed("synthesizer", "follows", FOLLOWS),
        listed("encoder", "brightness", BRIGHTNESS),
    ]


def ran(folder: Path, text: str, key: bytes = b"k" * 32) -> Outcome:
    folder.mkdir(exist_ok=True)
    return run(plan(parse(text, "r.toml"), catalogue(*parts()), folder), folder / "run", names_key=key)


def moved(params: str = "") -> str:
    return RECIPE.replace('{ use = "first-member" }', f'{{ use = "moves"{params} }}').replace(
        '{ use = "flat" }', '{ use = "follows" }'
    )


def records(folder: Path) -> dict[str, list[dict[str, object]]]:
    out: dict[str, list[dict[str, object]]] = {}
    for path in sorted((folder / "run" / "private" / "records").glob("*")):
        for entry in json.loads(path.read_text()):
            out.setdefault(entry.pop("name"), []).append(entry)
    return out


def test_targets_are_asked_for_in_every_encoder_that_is_aimed_by(tmp_path: Path) -> None:
    cell = next(c for c in ran(tmp_path, moved()).cells if c.method == "flat" and not c.attack)
    assert cell.status == "ok", cell.reason
    said = records(tmp_path)
    assert [one["space"] for one in said["moves"]] == ["mean-colour", "brightness"]
    assert said["moves"][0]["ids"] == said["moves"][1]["ids"]
    targets = np.array(said["follows"][0]["brightness"])
    assert targets.shape == (4, 3)
    assert (targets >= 1).all()


def test_people_keep_their_tokens_under_one_key_and_are_not_told_by_name(tmp_path: Path) -> None:
    ids = []
    for number, key in enumerate((b"a" * 32, b"a" * 32, b"b" * 32)):
        ran(tmp_path / str(number), moved(), key)
        ids.append(records(tmp_path / str(number))["moves"][0]["ids"])
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])  # type: ignore[call-overload]


def test_an_anonymizer_that_shares_otherwise_in_another_encoder_is_refused(tmp_path: Path) -> None:
    outcome = ran(tmp_path, moved(", params = { unlike = true }"))
    cell = next(c for c in outcome.cells if c.method == "flat" and not c.attack)
    assert cell.status == "failed"
    assert "people, groups and weights as in mean-colour" in cell.reason


def test_moved_targets_need_a_synthesizer_that_follows_them(tmp_path: Path) -> None:
    text = RECIPE.replace('{ use = "first-member" }', '{ use = "moves" }')
    with pytest.raises(RecipeError) as caught:
        plan(parse(text, "r.toml"), catalogue(*parts()), tmp_path)
    said = "\n".join(caught.value.complaints)
    assert 'would not follow the targets that "moves" moves; take follows' in said
