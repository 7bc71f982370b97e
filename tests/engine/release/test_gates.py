"""What a plugin that lies can do: nothing that reaches a release."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, docstring_code, listed, planned

from deidframe.engine.run import Outcome, run


def ran(tmp_path: Path, role: str, name: str, *changes: tuple[str, str]) -> Outcome:
    """Run the examples with one of them changed."""
    code = docstring_code(role)
    for before, after in changes:
        assert before in code
        code = code.replace(before, after)
    return run(planned(tmp_path, listed(role, name, code)), tmp_path / "run")


def refused(outcome: Outcome, words: str, status: str = "refused") -> None:
    """Check that the k-Same method released nothing, said why, and that the other method went on."""
    flat = next(c for c in outcome.cells if c.method == "flat")
    assert flat.status == status, flat
    assert words in flat.reason
    assert (flat.released, flat.failed) == (0, flat.total)
    assert not (outcome.folder / "release" / "flat").exists()
    assert not list(outcome.folder.glob("private/**/staged/**/*.jpg"))
    assert next(c for c in outcome.cells if c.method == "grey").status == "ok"
    assert (outcome.folder / "compared" / "grey" / "RELEASE.json").is_file()


def test_groups_of_fewer_than_k_people_are_refused(tmp_path: Path) -> None:
    small = ("return Partition(people.ids, labels.astype(np.int64))", "labels = np.arange(len(people)) // (k - 1)\n        return"
             " Partition(people.ids, labels.astype(np.int64))")  # fmt: skip
    outcome = ran(tmp_path, "outlier-handler", "drop", small)
    refused(outcome, "holds 2 people, k = 3 was asked")
    assert outcome.exit_code == 6


def test_the_input_handed_back_is_refused(tmp_path: Path) -> None:
    outcome = ran(tmp_path, "redactor", "grey", ("np.repeat(grey, 3, axis=3)", "np.asarray(faces.images[:])"))
    grey = next(c for c in outcome.cells if c.method == "grey")
    assert grey.status == "refused"
    assert "12 of 12 released pictures are the originals" in grey.reason
    assert not (outcome.folder / "compared" / "grey").exists()


def test_one_picture_that_is_handed_back_is_withheld_with_its_name_and_the_method_goes_on(tmp_path: Path) -> None:
    one = (
        "np.repeat(grey, 3, axis=3)",
        "np.where([[[[n == 3]]] for n in range(len(faces))], np.asarray(faces.images[:]), np.repeat(grey, 3, axis=3))",
    )
    outcome = ran(tmp_path, "redactor", "grey", one)
    grey = next(c for c in outcome.cells if c.method == "grey" and not c.attack)
    assert (grey.status, grey.released, grey.withheld) == ("ok", 11, 1)
    assert outcome.exit_code == 0
    listed = (tmp_path / "run" / "private" / "withheld.csv").read_text().splitlines()
    (line,) = [one for one in csv.DictReader(listed) if one["method"] == "grey"]
    assert (line["file"], line["reason"]) == ("noise-3", "its protected picture is its original")
    assert len(list((tmp_path / "run" / "compared" / "grey").glob("*.jpg"))) == 11


def test_surrogates_that_differ_inside_a_group_are_refused(tmp_path: Path) -> None:
    own = (
        "return FaceSet(faces.ids, IndexedStack(pictures, rows.astype(np.int64)))",
        "out = pictures[rows]\n        out[:, 0, 0] = np.arange(len(faces))[:, None] * 20 % 256\n"
        "        out[:, :99, :99, 1] = np.arange(len(faces))[:, None, None] * 20 % 256\n        return FaceSet(faces.ids, out)",
    )
    refused(ran(tmp_path, "synthesizer", "flat", own), "groups show more than one picture")


def test_one_picture_for_two_groups_still_counts_as_k(tmp_path: Path) -> None:
    same = ("self.context.rng(str(group)).integers(0, 256, 3)", "(9, 99, 199)")
    outcome = ran(tmp_path, "synthesizer", "flat", same)
    flat = next(c for c in outcome.cells if c.method == "flat")
    assert (flat.status, flat.k_counted) == ("ok", 12)


@pytest.mark.parametrize(
    ("role", "name", "before", "after", "words"),
    [
        ("synthesizer", "flat", "FaceSet(faces.ids, ", "FaceSet(faces.ids[::-1], ", "the same rows in the same order"),
        ("synthesizer", "flat", "return FaceSet(faces.ids, IndexedStack(pictures, rows.astype(np.int64)))",
         "return FaceSet(faces.ids[1:], IndexedStack(pictures, rows.astype(np.int64)[1:]))", "1 missing"),
        ("synthesizer", "flat", "*faces.size", "8, 8", "expected pictures of 256x256"),
        ("synthesizer", "flat", "return FaceSet", "return None or (lambda *a: 7)", "expected FaceSet, got int"),
        ("clusterer", "in-order", "Partition(people.ids, ", "Partition(people.ids[::-1], ", "in the same order"),
        ("clusterer", "in-order", "return Partition(people.ids, labels.astype(np.int64))", "return labels", "expected Partition"),
        ("anonymizer", "first-member", "weights, people.space)", "weights, 'another')", "expected mean-colour, got another"),
        ("anonymizer", "first-member", "(partition.labels >= 0)", "(partition.labels >= 1)", "missing"),
        ("anonymizer", "first-member", "labels, weights", "labels * 0, weights * 0 + 1 / len(labels)", "the groups of"),
        ("encoder", "colour", '"mean-colour")\n', '"other")\n', "space"),
        ("encoder", "colour", "vectors.astype(np.float32), ", "vectors.astype(np.float32) * np.nan, ", "finite numbers"),
        ("encoder", "colour", "vectors.astype(np.float32), ", "vectors, ", "ok"),
        ("anonymizer", "first-member", "keep = ", "raise KeyError('inside')\n        keep = ", "KeyError: 'inside'"),
    ],
)  # fmt: skip
def test_a_broken_contract_fails_the_cell(tmp_path: Path, role: str, name: str, before: str, after: str, words: str) -> None:
    outcome = ran(tmp_path, role, name, (before, after))
    if words == "ok":
        assert outcome.exit_code == 0
        return
    if role == "encoder":
        assert all(
            c.status == "failed" and words in c.reason for c in outcome.cells if c.encoder == "colour" or c.method == "flat"
        )
        assert not (tmp_path / "run" / "release" / "flat").exists()
        return
    refused(outcome, words, "failed")
    assert outcome.exit_code == 1


def test_an_attacker_that_drops_probes_fails_its_cell(tmp_path: Path) -> None:
    outcome = ran(
        tmp_path,
        "attacker",
        "guess",
        (
            "LinkScores(probes.ids, self.briefing.gallery.ids, scores)",
            "LinkScores(probes.ids[1:], self.briefing.gallery.ids, scores[1:])",
        ),
    )
    assert {c.status for c in outcome.cells if c.attack} == {"failed"}
    assert "all 12 faces, scored or missed" in next(c for c in outcome.cells if c.attack).reason
    assert {c.status for c in outcome.cells if not c.attack} == {"ok"}


def test_an_attacker_never_sees_who_a_probe_is(tmp_path: Path) -> None:
    peek = ("shape = ", "assert probes.subjects is None\n        shape = ")
    assert ran(tmp_path, "attacker", "guess", peek).exit_code == 0


def test_who_is_who_is_withheld_from_other_parts(tmp_path: Path) -> None:
    parts = [("synthesizer", "flat", "groups, rows"), ("redactor", "grey", "grey = np"), ("encoder", "colour", "vectors = np")]
    for role, name, before in parts:
        (tmp_path / role).mkdir()
        peek = (before, f"assert faces.subjects is None\n        {before}")
        assert ran(tmp_path / role, role, name, peek).exit_code == 0


def test_a_picture_without_a_face_is_withheld(tmp_path: Path) -> None:
    photos = planned(tmp_path).photos
    sums = {int(photos.open(one).sum()) for one in photos if one not in ("noise-1", "noise-7")}
    some = ("return Detections(photos.ids, photos.ids, boxes, marks, np.ones(len(sides), np.float32))",
            "sums = [int(photos.open(i).sum()) for i in photos]\n"
            f"        keep = [n for n, i in enumerate(photos) if sums[n] in {sums}]\n"
            "        ids = tuple(photos.ids[n] for n in keep)\n"
            "        return Detections(photos.ids, ids, boxes[keep], marks[keep], np.ones(len(keep), np.float32))")  # fmt: skip
    outcome = ran(tmp_path, "detector", "whole", some)
    for cell in outcome.cells:
        if not cell.attack:
            assert (cell.status, cell.released, cell.withheld, cell.total) == ("ok", 10, 2, 12)
            assert cell.reasons == {"no face found": 2}
    mapping = json.loads((tmp_path / "run" / "private" / "mapping" / "grey.json").read_text())
    assert {"noise-1", "noise-7"}.isdisjoint(entry["face"] for entry in mapping)


def test_people_who_can_not_be_grouped_are_withheld(tmp_path: Path) -> None:
    noise = (
        "return Partition(people.ids, labels.astype(np.int64))",
        "labels[:4] = -1\n        return Partition(people.ids, labels.astype(np.int64))",
    )
    outcome = ran(tmp_path, "clusterer", "in-order", noise)
    flat = next(c for c in outcome.cells if c.method == "flat")
    # the first group is gone, and so are the two whom the noise left alone in theirs
    assert (flat.released, flat.withheld) == (6, 6)
    assert flat.reasons == {"in no group of at least k people": 6}


def test_all_noise_releases_nothing(tmp_path: Path) -> None:
    noise = (
        "return Partition(people.ids, labels.astype(np.int64))",
        "return Partition(people.ids, labels.astype(np.int64) * 0 - 1)",
    )
    refused(ran(tmp_path, "clusterer", "in-order", noise), "every face is withheld")


def test_an_unprotected_baseline_is_measured_and_never_released(tmp_path: Path) -> None:
    code = docstring_code("redactor").replace("np.repeat(grey, 3, axis=3)", "np.asarray(faces.images[:])")
    code = code.replace('"takes the colour away", contract=2)', '"nothing", contract=2, protects=False)')
    outcome = run(planned(tmp_path, listed("redactor", "grey", code)), tmp_path / "run")
    grey = next(c for c in outcome.cells if c.method == "grey" and not c.attack)
    assert (grey.status, grey.released, grey.withheld, grey.certificate) == ("ok", 0, 12, None)
    assert not (tmp_path / "run" / "compared" / "grey").exists()
    assert RECIPE.count("grey") > 0


def test_two_pictures_of_one_person_are_one_person(tmp_path: Path) -> None:
    """Twelve pictures of four people hold one group of k = 3, not four."""
    twins = ("subjects=ids)", "subjects=[str(n // 3) for n in range(self.count)])")
    outcome = ran(tmp_path, "source", "noise", twins)
    flat = next(c for c in outcome.cells if c.method == "flat")
    assert (flat.status, flat.people, flat.groups, flat.k_counted) == ("ok", 4, 1, 4)


DRAWS = "        __import__('numpy').random.random()\n"


@pytest.mark.parametrize(
    ("role", "name", "verb"),
    [
        ("clusterer", "in-order", "    def cluster(self, people, k):\n"),
        ("anonymizer", "first-member", "    def anonymize(self, people, partition):\n"),
        ("synthesizer", "flat", "    def synthesize(self, faces, surrogates):\n"),
    ],
)
def test_a_plugin_that_draws_from_the_numbers_of_the_process_is_caught(tmp_path: Path, role: str, name: str, verb: str) -> None:
    state = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    outcome = ran(tmp_path, role, name, (verb, verb + DRAWS))
    refused(outcome, "random numbers: expected those of context.rng", "failed")
    assert np.array_equal(np.random.get_state()[1], state)  # type: ignore[index]
    other_folder = tmp_path / "plain"
    other_folder.mkdir()
    other = ran(other_folder, role, name, (verb, verb + "        __import__('random').random()\n"))
    refused(other, "random numbers", "failed")


def test_a_redactor_and_an_attacker_that_do_are_caught(tmp_path: Path) -> None:
    verb = "    def redact(self, faces):\n"
    grey = next(c for c in ran(tmp_path, "redactor", "grey", (verb, verb + DRAWS)).cells if c.method == "grey")
    assert (grey.status, grey.released) == ("failed", 0) and "random numbers" in grey.reason
    verb = "    def attack(self, probes):\n"
    (tmp_path / "attack").mkdir()
    cells = ran(tmp_path / "attack", "attacker", "guess", (verb, verb + DRAWS)).cells
    attacked = [c for c in cells if c.attack]
    assert attacked and all(c.status == "failed" and "random numbers" in c.reason for c in attacked)
