"""What a component is given says nothing of files and people, and an encoder that answers by the batch gives itself away."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from examples import NAMES, RECIPE, docstring_code, listed, planned

from deidframe.contract import ArtifactError, Embeddings, FaceSet, Partition, Photos, Surrogates
from deidframe.engine.components.veil import Veil
from deidframe.engine.components.witnesses import FIRST, LAST, LEAST, Witnesses
from deidframe.engine.run import Outcome, run

TOKEN = re.compile(r"[0-9a-f]{20}")
TEXT = RECIPE.replace("count = 12", "count = 40")


def faces(ids: tuple[str, ...], subjects: tuple[str, ...] | None = None) -> FaceSet:
    return FaceSet(ids, np.zeros((len(ids), 8, 8, 3), np.uint8), np.zeros((len(ids), 5, 2), np.float32), subjects)


def test_tokens_are_put_over_every_id_and_taken_off_again() -> None:
    veil = Veil(b"k" * 32)
    shown = veil.over(faces(("p1/a.jpg", "p2/b.jpg"), ("p1", "p2")))
    assert all(TOKEN.fullmatch(one) for one in (*shown.ids, *shown.subjects))
    assert not set(shown.ids) & set(shown.subjects)
    assert veil.off(shown).ids == ("p1/a.jpg", "p2/b.jpg")
    made = veil.off(Embeddings(shown.ids, np.ones((2, 3), np.float32), "s"))
    assert made.ids == ("p1/a.jpg", "p2/b.jpg")
    aims = Surrogates(("p1/a.jpg",), np.ones((1, 3), np.float32), np.zeros(1, np.int64), np.ones(1), "s")
    assert veil.over(aims).ids == shown.ids[:1]
    assert Veil(b"j" * 32).over(faces(("p1/a.jpg",))).ids != shown.ids[:1]
    assert veil.over("text") == "text"
    numbered = Veil(None)
    rows = numbered.over(Embeddings(("p2/b.jpg", "p1/a.jpg"), np.ones((2, 3), np.float32), "s"))
    assert rows.ids == ("row-000000", "row-000001")
    assert numbered.off(Partition(rows.ids, np.zeros(2, np.int64))).ids == ("p2/b.jpg", "p1/a.jpg")


def test_photos_are_opened_by_token_and_tell_nothing_else() -> None:
    photos = Photos(
        ("p1/a.jpg",), lambda one: np.full((4, 4, 3), len(one), np.uint8), ("p1",), fingerprint=str, folder=Path("/x")
    )
    shown = Veil(b"k" * 32).over(photos)
    assert (shown.subjects, shown.fingerprint, shown.folder, shown.films) == (None, None, None, {})
    assert shown.open(shown.ids[0])[0, 0, 0] == len("p1/a.jpg")


def test_ids_that_a_component_makes_up_are_refused_as_before(tmp_path: Path) -> None:
    code = docstring_code("encoder").replace("Embeddings(faces.ids", "Embeddings(tuple(f'{i}x' for i in faces.ids)")
    cell = next(
        c for c in run(planned(tmp_path, listed("encoder", "colour", code)), tmp_path / "run").cells if c.method == "flat"
    )
    assert cell.status == "failed"
    assert "unknown" in cell.reason


@pytest.mark.parametrize("role", ["detector", "encoder", "synthesizer", "redactor", "clusterer", "anonymizer", "outlier-handler"])
def test_no_component_after_the_source_is_told_a_name(tmp_path: Path, role: str) -> None:
    """Its arguments are searched as deep as their public fields go."""
    code = docstring_code(role)
    verb = {
        "detector": "detect",
        "encoder": "encode",
        "synthesizer": "synthesize",
        "redactor": "redact",
        "clusterer": "cluster",
        "anonymizer": "anonymize",
        "outlier-handler": "settle",
    }[role]
    at = re.search(rf"( +)def {verb}\(self, ([a-z_, ]+)\):\n", code)
    assert at is not None, code
    seen = tmp_path / "seen"
    spy = f"{at[1]}    with open({str(seen)!r}, 'a') as s: s.write(repr([getattr(x, 'ids', x) for x in ({at[2]},)]))\n"
    outcome = run(planned(tmp_path, listed(role, NAMES[role], code.replace(at[0], at[0] + spy)), recipe=TEXT), tmp_path / "run")
    assert outcome.exit_code == 0, [c.reason for c in outcome.cells]
    assert "noise-" not in seen.read_text()


def encoded(tmp_path: Path, *changes: tuple[str, str]) -> Outcome:
    code = docstring_code("encoder")
    for before, after in changes:
        assert before in code
        code = code.replace(before, after)
    return run(planned(tmp_path, listed("encoder", "colour", code), recipe=TEXT), tmp_path / "run")


def test_an_encoder_that_answers_by_the_batch_is_caught(tmp_path: Path) -> None:
    code = docstring_code("encoder")
    line = next(one for one in code.splitlines() if "return Embeddings" in one)
    lie = line.replace("return ", "out = ") + (
        "\n        turned = np.roll(out.vectors, self.n % 3, axis=1)\n        return Embeddings(out.ids, turned, out.space)"
    )
    by_batch = ("def encode(self, faces):\n", "def encode(self, faces):\n        self.n = getattr(self, 'n', -1) + 1\n")
    outcome = encoded(tmp_path, by_batch, (line, lie))
    cell = next(c for c in outcome.cells if c.method == "flat")
    assert cell.status == "failed"
    assert "the same encoding of a face whatever is encoded with it" in cell.reason
    assert not (outcome.folder / "release" / "flat").exists()


def test_one_of_the_first_and_one_of_the_latest_go_with_every_batch() -> None:
    witnesses = Witnesses()
    rng = np.random.default_rng(0)
    for n in range(40):
        known = witnesses.chosen(LEAST)
        assert len(known) == min(2, (n > 0) + (n > FIRST))
        vectors = rng.standard_normal((LEAST, 4)).astype(np.float32)
        again = np.array([one.vector for one in known], np.float32).reshape(-1, 4)
        witnesses.heard("encoder x", known, again, faces(tuple(map(str, range(LEAST)))), vectors)
    assert (len(witnesses._first), len(witnesses._last)) == (FIRST, LAST)
    with pytest.raises(ArtifactError, match="whatever is encoded with it"):
        known = witnesses.chosen(LEAST)
        witnesses.heard(
            "encoder x", known, np.array([one.vector + 0.01 for one in known]), faces(()), np.zeros((0, 4), np.float32)
        )
    assert sum(bool(witnesses.chosen(1)) for _ in range(5 * LEAST)) == 5
