from __future__ import annotations

from pathlib import Path

import pytest

from deidframe.contract import RecipeError
from deidframe.engine.planning import resolve
from deidframe.engine.planning.planner import plan
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.parse import parse

TEXT = """
schema = 1
name = "weak"
[source]
use = "synthetic-people"
fictitious = true
subjects = "labelled"
[detector]
use = "yunet"
[[method]]
name = "weak"
redactor = { use = "REDACTOR" }
"""


@pytest.mark.parametrize(
    ("redactor", "said"),
    [
        ('gaussian-blur", params = { sigma = 16.0 }', "is undone by whoever knows the tool"),
        ('pixelate", params = { block = 8 }', "are undone by whoever knows the tool"),
        ('gaussian-blur"', ""),
        ('pixelate"', ""),
        ('solid-mask"', ""),
    ],
)
def test_a_setting_that_undoes_to_more_than_half_is_said_before_the_run(tmp_path: Path, redactor: str, said: str) -> None:
    planned = plan(parse(TEXT.replace('REDACTOR"', redactor), "r.toml"), Catalogue(), tmp_path)
    assert [note for note in planned.notes if "redactor" in note and said in note] if said else not planned.notes


def test_encoders_of_a_run_compute_in_one_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "has_bfloat16", lambda: True)
    text = (Path(__file__).parents[3] / "recipes" / "quickstart.toml").read_text()
    planned = plan(parse('precision = "bf16"\n' + text, "r.toml"), Catalogue(), tmp_path)
    own = {step.name: step.params.precision for step in planned.steps() if step.role == "encoder"}
    assert len(own) > 1 and set(own.values()) == {"bf16"}
    whole = plan(parse(text, "r.toml"), Catalogue(), tmp_path)
    assert {step.params.precision for step in whole.steps() if step.role == "encoder"} == {"f32"}
    mixed = text.replace('{ use = "dlib-resnet" }', '{ use = "dlib-resnet", params = { precision = "bf16" } }')
    with pytest.raises(RecipeError) as refused:
        plan(parse(mixed, "r.toml"), Catalogue(), tmp_path)
    assert "R137" in "".join(refused.value.complaints)
    monkeypatch.setattr(resolve, "has_bfloat16", lambda: False)
    with pytest.raises(RecipeError) as refused:
        plan(parse('precision = "bf16"\n' + text, "r.toml"), Catalogue(), tmp_path)
    assert "does not multiply bfloat16" in "".join(refused.value.complaints)


def test_eight_bits_are_asked_of_encoders_and_processors_that_have_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'precision = "int8"\n' + (Path(__file__).parents[3] / "recipes" / "quickstart.toml").read_text()
    monkeypatch.setattr(resolve, "has_int8", lambda: True)
    planned = plan(parse(text, "r.toml"), Catalogue(), tmp_path)
    assert {step.params.precision for step in planned.steps() if step.role == "encoder"} == {"int8"}
    assert any("rounded" in note and "f32" in note for note in planned.notes)
    other = text.replace('{ use = "dlib-resnet" }', '{ use = "onnx", params = { path = "own.onnx" } }')
    with pytest.raises(RecipeError) as refused:
        plan(parse(other, "r.toml"), Catalogue(), tmp_path)
    assert 'encoder "onnx" computes in f32 or bf16' in "".join(refused.value.complaints)
    monkeypatch.setattr(resolve, "has_int8", lambda: False)
    with pytest.raises(RecipeError) as refused:
        plan(parse(text, "r.toml"), Catalogue(), tmp_path)
    assert "VNNI" in "".join(refused.value.complaints)
