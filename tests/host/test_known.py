from __future__ import annotations

import json
from pathlib import Path

import pytest

from deidframe.host.catalogue import Catalogue
from deidframe.host.explain import parameters
from deidframe.host.known import FILE, listed, where_from

ROOT = Path(__file__).parents[2]


def test_what_is_known_is_what_the_plugins_announce() -> None:
    assert json.loads(FILE.read_text("utf-8")) == listed(ROOT / "plugins"), "run: python -m deidframe.host.known"


def test_a_component_that_is_known_says_where_it_comes_from() -> None:
    said = where_from("clusterer", "aroc")
    assert said.startswith('deidframe-identities brings "aroc" and is not installed: python -m pip install -e ')
    assert (ROOT / "plugins" / "deidframe-identities").is_dir()
    assert where_from("clusterer", "nobody") == ""


@pytest.mark.parametrize(("role", "name"), [("clusterer", "aroc"), ("source", "folder"), ("redactor", "gaussian-blur")])
def test_parameters_say_type_range_default_and_meaning(role: str, name: str) -> None:
    rows = parameters(Catalogue().load(role, name).component.params)
    assert rows
    for parameter, kind, default, meaning in rows:
        assert parameter and kind and default
        assert meaning, f"{name}.{parameter} says nothing of itself"
