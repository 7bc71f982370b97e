"""What the owner's table says of people reaches the components that ask for it, by person, and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import docstring_code, listed, planned

from deidframe.contract import ArtifactError, Embeddings
from deidframe.engine.protect.groups import columns_of
from deidframe.engine.run import run

SOURCE = docstring_code("source").replace(
    "return Photos.from_arrays(ids, pictures, subjects=ids)",
    "from deidframe.contract.photos import ArrayOpener\n"
    "        told = {one: {'clinic': 'eye' if n % 2 else 'skin', 'note': str(n)} for n, one in enumerate(ids)}\n"
    "        people = tuple(f'p{n % 6}' for n in range(len(ids)))\n"
    "        return Photos(tuple(ids), ArrayOpener(dict(zip(ids, pictures))), people, columns=told)",
)
WRITE = (
    "import os; file = os.open({!r}, os.O_CREAT | os.O_WRONLY)"
    "; os.write(file, repr(dict(people.columns)).encode()); os.close(file)"
)
VERBS = {
    "anonymizer": ("first-member", "def anonymize(self, people, partition):\n"),
    "clusterer": ("in-order", "def cluster(self, people, k):\n"),
    "outlier-handler": ("drop", "def settle(self, people, partition, k):\n"),
}


def seen(tmp_path: Path, role: str, *, asks: bool) -> str:
    name, head = VERBS[role]
    file = tmp_path / "seen.txt"
    code = docstring_code(role).replace(head, f"{head}        {WRITE.format(str(file))}\n")
    if asks:
        code = code.replace("import Component,", "import Component, Need,")
        code = code.replace("contract=2", "needs=frozenset({Need.ATTRIBUTES}), contract=2")
    outcome = run(planned(tmp_path, listed(role, name, code), listed("source", "noise", SOURCE)), tmp_path / "run")
    assert outcome.cells[0].status == "ok", outcome.cells[0].reason
    return file.read_text()


@pytest.mark.parametrize("role", VERBS)
def test_who_asks_is_told_by_person(tmp_path: Path, role: str) -> None:
    told = seen(tmp_path, role, asks=True)
    assert "'clinic': ('skin', 'eye', 'skin', 'eye', 'skin', 'eye')" in told
    assert "'note': ('', '', '', '', '', '')" in told, "two pictures of one person say different things"


@pytest.mark.parametrize("role", VERBS)
def test_nobody_else_is(tmp_path: Path, role: str) -> None:
    assert seen(tmp_path, role, asks=False) == "{}"


def test_columns_by_person() -> None:
    told = {"a": {"x": "1", "y": ""}, "b": {"x": "1"}, "c": {"x": "2"}}
    assert columns_of(told, ["a", "b", "c", "d"], ["p", "p", "q", "r"]) == {"x": ("1", "2", ""), "y": ("", "", "")}
    assert columns_of({}, ["a"], ["p"]) == {}


def test_a_column_of_another_length_is_none() -> None:
    vectors = np.ones((2, 3), np.float32)
    with pytest.raises(ArtifactError, match="columns, x"):
        Embeddings(("a", "b"), vectors, "s", columns={"x": ("1",)})
    one = Embeddings(("a", "b"), vectors, "s", columns={"x": ("1", "2")})
    assert one.take([1]).columns == {"x": ("2",)}
    assert one.unit().columns == one.columns
