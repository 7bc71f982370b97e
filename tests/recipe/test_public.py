"""A recipe is shown without the places on its owner's machine, and otherwise as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from deidframe.recipe.parse import parse
from deidframe.recipe.public import last_part, public_recipe, without_places

TEXT = """
schema = 1
name = "p"  # lies at /home/mary/secret
[source]
use = "folder"
subjects = "labelled"  # as the owner says
params = { path = "/home/mary/secret/faces", layout = 'auto' }
[detector]
use = "yunet"
[[method]]
name = "blur"
redactor = { use = "gaussian-blur" }
"""


def test_paths_are_cut_to_their_last_part_and_nothing_else_changes() -> None:
    said = public_recipe(parse(TEXT, "/home/mary/r.toml", ["seed=3", "source.params.path=/home/mary/other"]))
    assert "mary" not in str(said) and "secret" not in str(said)
    assert "path = \".../faces\", layout = 'auto'" in said["text"]
    assert 'subjects = "labelled"  # as the owner says' in said["text"]
    assert said["file"] == "r.toml"
    assert said["set"] == ["seed=3", "source.params.path=.../other"]


def test_the_shipped_recipes_are_shown_as_they_are() -> None:
    for path in (Path(__file__).parents[2] / "recipes").glob("*.toml"):
        text = path.read_text()
        lines = zip(public_recipe(parse(text, path.name))["text"].split("\n"), text.split("\n"), strict=True)
        assert not [line for shown, line in lines if shown != line and "/" not in line], path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("faces", "faces"),
        ("/a/b", ".../b"),
        ("C:\\users\\mary", ".../mary"),
        ("s3://bucket/faces", ".../faces"),
        ("https://user:pass@host/x?key=1", ".../x"),
        ("https://user:pass@host", ".../host"),
        ("/", "..."),
        ("a/", ".../a"),
    ],
)
def test_the_last_part(text: str, shown: str) -> None:
    assert last_part(text) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("cannot write '/home/mary/my faces/a.jpg': No space left", "cannot write '.../a.jpg': No space left"),
        ("FileNotFoundError: /home/mary/x.bin, and no other", "FileNotFoundError: .../x.bin, and no other"),
        ("1/k is 0.20 and a/b stays", "1/k is 0.20 and a/b stays"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
    ],
)
def test_an_error_says_no_place(words: str, shown: str) -> None:
    assert without_places(words) == shown
