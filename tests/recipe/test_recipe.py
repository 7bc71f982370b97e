from __future__ import annotations

from pathlib import Path

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from deidframe.contract import RecipeError, UsageError
from deidframe.recipe.locate import locate
from deidframe.recipe.parse import load_recipe, parse

GOOD = """\
schema = 1
name = "trial"

[source]
use = "folder"
subjects = "labelled"

[detector]
use = "yunet"

[[method]]
name = "blur"
redactor = { use = "gaussian-blur" }
"""
K_SAME = """\
k = 5
encoder     = { use = "e" }
clusterer   = { use = "c" }
outliers    = { use = "o" }
anonymizer  = { use = "a" }
synthesizer = { use = "s" }
"""


def complaints(text: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse(text, "r.toml", overrides)
    assert caught.value.exit_code == 3
    return "\n".join(caught.value.complaints)


def test_a_good_recipe() -> None:
    parsed = parse(GOOD, "r.toml")
    assert [m.name for m in parsed.methods] == ["blur"]
    assert parsed.recipe.seed == 0


def test_everything_wrong_is_said_at_once_with_its_place() -> None:
    text = (
        GOOD.replace('subjects = "labelled"', 'subject = "labelled"')
        .replace('use = "yunet"', "use = 3")
        .replace("redactor", "redacter")
    )
    assert complaints(text) == (
        "r.toml:4:1: error[R105] source.subjects: is missing; it must be given\n"
        "    4 | [source]\n"
        "      | ^\n"
        "r.toml:6:1: error[R104] source.subject: unknown key; accepted: use, params, environment, subjects, same_person, faces,"
        ' fictitious, carry; did you mean "subjects"?\n'
        '    6 | subject = "labelled"\n'
        "      | ^\n"
        "r.toml:9:1: error[R106] detector.use: expected a valid string, got 3\n"
        "    9 | use = 3\n"
        "      | ^\n"
        "r.toml:13:1: error[R104] method[0].redacter: unknown key; accepted: name, k, encoder, clusterer, within, outliers,"
        ' anonymizer, synthesizer, redactor, then, released, map, equal_counts, sweep; did you mean "redactor"?\n'
        '   13 | redacter = { use = "gaussian-blur" }\n'
        "      | ^"
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("schema = 1", "schema = 2"), "r.toml:1:1: error[R108] schema: expected 1, got 2"),
        (("schema = 1", "schema = 1\nschema = 1"), "error[R102] a key or table is given twice"),
        (('name = "trial"', 'name = "../out"'), "error[R107] name"),
        (('name = "trial"', 'name = "trial'), "r.toml:2:14: error[R101] illegal character"),
        (('use = "gaussian-blur"', 'use = ""'), "r.toml:13:14: error[R107] method[0].redactor.use"),
        (('redactor = { use = "gaussian-blur" }', ""), "a method needs either redactor, released, or k, encoder"),
        (('redactor = { use = "gaussian-blur" }', K_SAME.replace("k = 5", "k = 1")), "method[0].k: expected"),
        (('redactor = { use = "gaussian-blur" }', K_SAME.replace("k = 5\n", "")), "missing: k"),
        (('redactor = {', "k = 5\nredactor = {"), "a method with a redactor has no k"),
        (('"labelled"', '"labeled"'), 'got \'labeled\'; did you mean "labelled"?'),
        (('redactor = { use = "gaussian-blur" }', "redactor = 3"), "expected a table, got 3"),
        (("[[method]]", "[method]"), "method"),
    ],
)  # fmt: skip
def test_one_thing_wrong(change: tuple[str, str], says: str) -> None:
    assert change[0] in GOOD
    assert says in complaints(GOOD.replace(*change))


def test_a_lone_wrong_method_is_not_also_called_missing() -> None:
    assert "at least 1 item" not in complaints(GOOD.replace('use = "gaussian-blur"', "use = 3"))


def test_sweeps_are_expanded_and_named() -> None:
    text = GOOD + '\n[[method]]\nname = "grid"\n' + K_SAME + "sweep = { k = [2, 3], clusterer.params.depth = [1, 2] }\n"
    methods = parse(text, "r.toml").methods[1:]
    assert [m.name for m in methods] == ["grid k=2 depth=1", "grid k=2 depth=2", "grid k=3 depth=1", "grid k=3 depth=2"]
    assert methods[3].spec.k == 3
    assert methods[3].spec.clusterer is not None
    assert methods[3].spec.clusterer.params == {"depth": 2}


def test_bad_sweeps() -> None:
    grid = GOOD + '\n[[method]]\nname = "grid"\n' + K_SAME
    assert "with k=1: k:" in complaints(grid + "sweep = { k = [1, 2] }\n")
    assert "expected a list of values" in complaints(grid + "sweep = { k = 3 }\n")
    assert "at most 200" in complaints(grid + f"sweep = {{ k = {list(range(2, 300))} }}\n")


def test_names_must_differ() -> None:
    twice = GOOD + '\n[[method]]\nname = "Blur"\nredactor = { use = "pixelate" }\n'
    assert "names must differ" in complaints(twice)


def test_set_changes_one_value_and_is_named_in_complaints() -> None:
    assert parse(GOOD, "r.toml", ["source.params.path=some dir", "seed=4"]).recipe.source.params == {"path": "some dir"}
    assert parse(GOOD, "r.toml", ["method[0].name=other"]).methods[0].name == "other"
    assert "--set seed: error[R106] seed" in complaints(GOOD, "seed=high")
    for bad in ("seed", "=3", "method[4].name=x", "schema.deep=1"):
        with pytest.raises(UsageError, match="--set"):
            parse(GOOD, "r.toml", [bad])


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read recipe"):
        load_recipe(tmp_path / "absent.toml")
    with pytest.raises(UsageError, match="cannot read recipe"):
        load_recipe(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_recipe(tmp_path / "binary.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(UsageError, match="at most"):
        load_recipe(tmp_path / "huge.toml")
    with pytest.raises(RecipeError):
        parse("a = " + "[" * 5000, "deep.toml")


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet="schema=12[].\"'{},\n name#", max_size=80))
def test_any_text_ends_in_a_recipe_error(text: str) -> None:
    with pytest.raises(RecipeError):
        parse(text, "f.toml")


def test_the_shipped_recipes_have_the_right_shape() -> None:
    for file in sorted((Path(__file__).parents[2] / "recipes").glob("*.toml")):
        parsed = load_recipe(file)
        assert parsed.methods or parsed.recipe.scene


def test_places() -> None:
    text = 'a = 1\n[b]\n"c d".e = """x\n""" # note\nf = [1,\n  { g = 2 }]\n[[h]]\n[[h]]\ni.j = 3\n'
    tomli.loads(text)
    places = locate(text)
    assert places["a",] == (1, 1)
    assert places["b", "c d", "e"] == (3, 7)
    assert places["b", "f", 1, "g"] == (6, 5)
    assert places["h", 1, "i", "j"] == (9, 3)


_TEXT = st.text(st.characters(max_codepoint=0xD7FF, exclude_categories=("Cs", "Cc")), max_size=5)


@settings(deadline=None)
@given(st.recursive(st.integers() | st.booleans() | _TEXT, lambda v: st.lists(v, max_size=3), max_leaves=6))
def test_the_scanner_survives_any_value(value: object) -> None:
    import json

    text = f"key = {json.dumps(value)}\nlast = 1\n"
    tomli.loads(text)
    assert locate(text)["last",] == (2, 1)


def test_k_of_every_method_that_has_one() -> None:
    parsed = parse(f'{GOOD}[[method]]\nname = "k"\n{K_SAME}', "r.toml", ["method[*].k=7"])
    assert {method.spec.k for method in parsed.methods if method.spec.k is not None} == {7}
    with pytest.raises(UsageError, match=r"method\[\*\]\.kk=7.*nothing in the recipe is there"):
        parse(GOOD, "r.toml", ["method[*].kk=7"])


def test_a_recipe_of_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_recipe(path).recipe.name
    path.write_text('path = "C:\\Users\\me"\n')
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert "a Windows path needs single quotes" in caught.value.complaints[0]
