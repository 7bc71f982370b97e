from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import RECIPE, catalogue, docstring_code, listed

from deidframe.contract import RecipeError
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import Outcome, run
from deidframe.measure.registry import metric_of
from deidframe.recipe.parse import parse
from deidframe.record.release import release_folders
from deidframe.report.page import write_report

HEAD = RECIPE[: RECIPE.index("[[method]]")]
PEOPLE = '[[method]]\nname = "people"\nk = 3\nencoder = { use = "colour" }\nclusterer = { use = "in-order" }\n'
PEOPLE += 'outliers = { use = "drop" }\n'
PICTURES = '[[method]]\nname = "pictures"\nencoder = { use = "colour" }\nclusterer = { use = "in-order" }\n'
ENCODINGS = """
import numpy as np
from deidframe.contract import Params as Base
from deidframe.contract import Component, Embeddings, hookimpl

class Params(Base):
    count: int = 4

class Rows:
    def __init__(self, params, context):
        self.count = params.count

    def load(self):
        ids = tuple(f"e{n}" for n in range(self.count))
        return Embeddings(ids, np.eye(self.count, 8, dtype=np.float32), "rows", tuple(str(n // 2) for n in range(self.count)))

@hookimpl
def deidframe_sources():
    return [Component("noise", f"{__name__}:Rows", Params, "encodings", contract=2)]
"""

RADIUS = (
    docstring_code("clusterer")
    .replace('"in-order"', '"radius"')
    .replace('another", contract=2)]', 'another", contract=2, elbow="distances")]')
)
READ_OFF = (listed("clusterer", "radius", RADIUS),)


def ran(tmp_path: Path, text: str, *others: object) -> Outcome:
    planned = plan(parse(text, "r.toml"), catalogue(*others), tmp_path)  # type: ignore[arg-type]
    return run(planned, tmp_path / "run")


def test_groups_are_measured_and_nothing_is_released(tmp_path: Path) -> None:
    outcome = ran(tmp_path, HEAD + PEOPLE + PICTURES)
    people, pictures = outcome.cells
    assert not [name for cell in outcome.cells for name in cell.metrics if metric_of(name) is None]
    assert (people.status, people.grouping, people.k, people.k_counted, people.groups) == ("ok", True, 3, 3, 4)
    assert (people.released, people.withheld, people.failed) == (0, 12, 0)
    assert "pairwise_f" not in people.metrics
    assert pictures.metrics["pairwise_recall"] == 1  # each picture is a person of its own
    assert not release_folders(tmp_path / "run")
    lines = (tmp_path / "run" / "private" / "groups" / "people.csv").read_text().splitlines()
    assert lines[:2] == ["id,group", "noise-0,0"]
    page = write_report(tmp_path / "run").read_text("utf-8")
    assert "Groups of at least k people" in page
    assert "The trade-off" not in page


def test_a_settled_group_below_k_is_refused(tmp_path: Path) -> None:
    lying = docstring_code("outlier-handler").replace("size < k", "size < 0")
    small = docstring_code("clusterer").replace("// k, last)", "// 2, 99)")
    outcome = ran(tmp_path, HEAD + PEOPLE, listed("outlier-handler", "drop", lying), listed("clusterer", "in-order", small))
    assert [(c.status, c.released) for c in outcome.cells] == [("refused", 0)]
    assert outcome.exit_code == 6


def test_encodings_alone_need_no_detector(tmp_path: Path) -> None:
    text = HEAD.replace('[detector]\nuse = "whole"\n', "") + (PEOPLE + PICTURES).replace('encoder = { use = "colour" }\n', "")
    outcome = ran(tmp_path, text, listed("source", "noise", ENCODINGS))
    people, pictures = outcome.cells
    assert (people.status, people.encoder, people.people, people.total) == ("ok", "rows", 6, 12)
    assert pictures.status == "ok"
    assert write_report(tmp_path / "run").is_file()


def test_what_does_not_fit_the_source_is_said(tmp_path: Path) -> None:
    without = HEAD.replace('[detector]\nuse = "whole"\n', "")

    def refused(text: str, *others: object) -> str:
        with pytest.raises(RecipeError) as caught:
            plan(parse(text, "r.toml"), catalogue(*others), tmp_path)  # type: ignore[arg-type]
        return "\n".join(caught.value.complaints)

    assert "a source of pictures needs one" in refused(without + PICTURES)
    assert "needs an encoder" in refused(HEAD + PICTURES.replace('encoder = { use = "colour" }\n', ""))
    both = refused(RECIPE, listed("source", "noise", ENCODINGS))
    assert both.count("gives encodings and no pictures") == 3
    with pytest.raises(RecipeError) as caught:
        parse(HEAD + PICTURES + 'outliers = { use = "drop" }\n', "r.toml")
    assert "give k, or leave outliers out" in "\n".join(caught.value.complaints)


def test_noise_is_counted(tmp_path: Path) -> None:
    noisy = docstring_code("clusterer").replace("return Partition", "labels[:3] = -1\n        return Partition")
    (cell,) = ran(tmp_path, HEAD + PEOPLE, listed("clusterer", "in-order", noisy)).cells
    assert (cell.metrics["noise_before"], cell.metrics["noise_share"], cell.groups) == (0.25, 0.25, 3)
    assert np.isfinite(cell.metrics["sse"])


def test_people_are_found_where_nobody_is_labelled(tmp_path: Path) -> None:
    """The clusterer that finds leaves two pictures out and takes the others two by two for one person."""
    finder = (
        docstring_code("clusterer")
        .replace("// k, last)", "// 2, 99)")
        .replace("return Partition", "labels[:2] = -1\n        return Partition")
    )
    finder = finder.replace('"in-order"', '"finder"').replace("in_order", "finder")
    text = RECIPE.replace('subjects = "labelled"', 'subjects = { use = "finder", encoder = "colour" }')
    outcome = ran(tmp_path, text, listed("clusterer", "finder", finder))
    flat = next(c for c in outcome.cells if c.method == "flat" and not c.attack)
    assert (flat.status, flat.people, flat.released, flat.withheld) == ("ok", 5, 10, 2), flat.reason
    assert flat.reasons == {"matched to no person": 2}
    assert flat.certificate is not None
    assert "found in it by finder with colour" in flat.certificate["holds"][0]
    assert "counts twice" in flat.certificate["holds_not"][-1]
    assert "5 people were found by finder with colour" in write_report(tmp_path / "run").read_text("utf-8")


def test_a_finder_that_is_not_there(tmp_path: Path) -> None:
    text = RECIPE.replace('subjects = "labelled"', 'subjects = { use = "gone", encoder = "color" }')
    with pytest.raises(RecipeError) as caught:
        plan(parse(text, "r.toml"), catalogue(), tmp_path)
    assert caught.value.exit_code == 4
    assert 'did you mean "colour"?' in "\n".join(caught.value.complaints)


def test_figures_of_a_comparison(tmp_path: Path) -> None:
    """Three clusterers over two k give both figures; one alone gives none."""
    text = HEAD
    for name in ("one", "two", "three"):
        text += PEOPLE.replace('name = "people"', f'name = "{name}"') + "sweep = { k = [2, 3] }\n"
    ran(tmp_path, text)
    page = write_report(tmp_path / "run").read_text("utf-8")
    for title in ("groupings-title", "times-title"):
        assert page.count(f'"{title}"') == 2
    for name in ("loss-against-k", "time-against-loss"):
        assert (tmp_path / "run" / "figures" / f"{name}.svg").is_file()
        assert (tmp_path / "run" / "figures" / f"{name}.pdf").is_file()
    assert "k = 2: one k=2" in page
    (tmp_path / "single").mkdir()
    ran(tmp_path / "single", HEAD + PEOPLE)
    assert "times-title" not in write_report(tmp_path / "single" / "run").read_text("utf-8")


def test_each_grouping_is_drawn(tmp_path: Path) -> None:
    ran(tmp_path, HEAD + PEOPLE + PICTURES)
    page = write_report(tmp_path / "run").read_text("utf-8")
    home = tmp_path / "run" / "figures" / "groupings"
    assert sorted(p.name for p in home.iterdir()) == ["people.json", "people.png", "pictures.json", "pictures.png"]
    assert page.count('class="panels"') == 2


def test_an_elbow_is_drawn_when_the_recipe_asks(tmp_path: Path) -> None:
    elbow = '[[elbow]]\nuse = "radius"\nencoder = "colour"\nneighbour = 2\n'
    ran(tmp_path, HEAD + PEOPLE + elbow + elbow.replace("2\n", "400\n"), *READ_OFF)
    page = write_report(tmp_path / "run").read_text("utf-8")
    assert page.count('class="elbow"') == 1
    assert "neighbour 400 needs more than 400 encodings, got 12" in page
    lines = (tmp_path / "run" / "tables" / "elbow-0.csv").read_text().splitlines()
    assert len(lines) == 13
    assert sum(line.endswith(",1") for line in lines) == 1


@pytest.mark.parametrize(
    ("elbow", "message"),
    [
        ('use = "radius"\n', "an elbow of pictures needs an encoder"),
        ('use = "radius"\nencoder = "color"\n', 'no encoder is called "color"'),
        ('use = "ward"\n', "ward"),
        ('use = "in-order"\nencoder = "colour"\n', '"in-order" has no parameter that is read off an elbow'),
    ],
)
def test_an_elbow_that_cannot_be_drawn_is_refused_first(tmp_path: Path, elbow: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        ran(tmp_path, HEAD + PEOPLE + "[[elbow]]\n" + elbow, *READ_OFF)
    assert message in "\n".join(caught.value.complaints)


SHADE = (
    docstring_code("encoder")
    .replace("mean-colour", "shade")
    .replace('"colour"', '"shade"')
    .replace("mean(axis=(1, 2))", "std(axis=(1, 2))")
)
SEVERAL = HEAD + PEOPLE.replace('{ use = "colour" }', '["colour", "shade"]')


def test_people_are_grouped_in_several_encoders_at_once(tmp_path: Path) -> None:
    seen = tmp_path / "seen.npy"
    noting = docstring_code("clusterer").replace(
        "        last =",
        f"        np.save({str(seen)!r}, people.vectors)\n        assert people.space == 'mean-colour+shade'\n        last =",
    )
    outcome = ran(tmp_path, SEVERAL, listed("encoder", "shade", SHADE), listed("clusterer", "in-order", noting))
    (people,) = outcome.cells
    assert (people.status, people.encoder, people.k_counted) == ("ok", "colour", 3), people.reason
    rows = np.load(seen)
    assert rows.shape == (12, 6)
    for part in (rows[:, :3], rows[:, 3:]):
        assert (part**2).sum(axis=1).mean() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('["colour", "colour"]', "names one twice"),
        ('["colour", "nobody"]', "no encoder is called"),
        ("[]", "at least 1"),
        ('[{ use = "colour" }]', "string"),
    ],
)
def test_wrong_lists_of_encoders_are_refused(tmp_path: Path, given: str, said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        ran(tmp_path, SEVERAL.replace('["colour", "shade"]', given), listed("encoder", "shade", SHADE))
    assert said in "\n".join(refused.value.complaints)


def test_several_encoders_are_for_groups_of_people(tmp_path: Path) -> None:
    text = HEAD + PICTURES.replace('{ use = "colour" }', '["colour", "shade"]')
    with pytest.raises(RecipeError) as refused:
        ran(tmp_path, text, listed("encoder", "shade", SHADE))
    assert "groups of people" in "".join(refused.value.complaints)
    bound = docstring_code("clusterer").replace('another", contract=2)]', 'another", contract=2, spaces=("mean-colour",))]')
    with pytest.raises(RecipeError) as refused:
        ran(tmp_path, SEVERAL, listed("encoder", "shade", SHADE), listed("clusterer", "in-order", bound))
    assert "not on several together" in "".join(refused.value.complaints)
