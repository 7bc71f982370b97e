"""What the documentation shows is run."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
from examples import install, planned

from deidframe.cli.main import COMMANDS, parser_of
from deidframe.contract import Context, FaceSet
from deidframe.engine.run import run
from deidframe.host.catalogue import Catalogue
from deidframe.host.discover import Listed, list_plugins
from deidframe.recipe.model import CHAIN, AttackSpec, MethodSpec, Part, SourceSpec
from deidframe.recipe.parse import load_recipe

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")])
ALLOWED = ("deidframe.contract", "deidframe.models", "deidframe.testing")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "toml")], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_toml_block_is_right(page: Path) -> None:
    catalogue = Catalogue()
    for block in blocks(page, "toml"):
        data = tomllib.loads(block)
        for method in data.get("method", []):
            MethodSpec.model_validate(method)
        for attack in data.get("attack", []):
            AttackSpec.model_validate(attack)
            check(catalogue, "attacker", attack)
        if "source" in data:
            SourceSpec.model_validate(data["source"])
            check(catalogue, "source", data["source"])
        roles = {"outliers": "outlier-handler", "detector": "detector"}
        roles |= {r: r for r in ("encoder", "clusterer", "anonymizer", "synthesizer", "redactor")}
        for table in (data, *data.get("method", [])):
            for key, role in roles.items():
                if key in table:
                    Part.model_validate(table[key])
                    check(catalogue, role, table[key])


def check(catalogue: Catalogue, role: str, part: dict[str, object]) -> None:
    if part.get("environment"):  # installed where the page says, and not here
        return
    loaded = catalogue.load(role, str(part["use"]))
    loaded.component.params.model_validate(part.get("params", {}))


def test_the_first_plugin_of_the_docs_works(tmp_path: Path) -> None:
    (code,) = blocks(ROOT / "docs" / "extend" / "first-plugin.md", "python")
    module = install("deidframe_grey_of_the_docs", code)
    loaded = Catalogue((Listed("redactor", "grey", module, "deidframe-grey", "0.1.0", ""),)).load("redactor", "grey")
    grey = loaded.make(loaded.component.params(strength=1.0), Context(seed=1, scratch=tmp_path))
    out = grey.redact(FaceSet(("a",), np.random.default_rng(1).integers(0, 256, (1, 8, 8, 3)).astype(np.uint8)))
    assert np.ptp(np.asarray(out.images[:], int), axis=3).max() <= 1


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_commands_and_components_are_named_in_the_docs() -> None:
    reference = (ROOT / "README.md").read_text() + (ROOT / "docs" / "reference" / "recipe.md").read_text()
    for command in COMMANDS:
        assert f"deidframe {command}" in reference
    for plugin in list_plugins():
        if plugin.distribution.startswith("deidframe-"):
            assert f"`{plugin.name}`" in (ROOT / "README.md").read_text(), plugin.name
            assert f"`{plugin.name}`" in (ROOT / "plugins" / plugin.distribution / "README.md").read_text(), plugin.name


def test_every_components_example_is_valid_toml() -> None:
    catalogue = Catalogue()
    for plugin in list_plugins():
        loaded = catalogue.load(plugin.role, plugin.qualified)
        assert tomllib.loads(loaded.component.example), plugin.name
        assert loaded.component.summary


def test_plugins_import_only_what_they_may() -> None:
    for file in sorted(ROOT.glob("plugins/*/deidframe_*/**/*.py")):
        own = file.relative_to(ROOT / "plugins").parts[1]
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.startswith("deidframe"):
                    allowed = name.startswith(ALLOWED) or name.partition(".")[0] == own
                    assert allowed, f"{file.name} imports {name}"


def test_every_distribution_is_installed_by_the_readmes_line() -> None:
    lines = (
        ((ROOT / "requirements.txt").read_text() + (ROOT / "requirements-dev.txt").read_text())
        .replace("[parquet]", "")
        .replace("[constrained]", "")
        .split("\n")
    )
    for folder in sorted((ROOT / "plugins").iterdir()):
        assert f"-e plugins/{folder.name}" in lines


def test_every_code_of_a_complaint_is_explained_and_no_other() -> None:
    written = "\n".join(path.read_text("utf-8") for path in (ROOT / "deidframe").rglob("*.py"))
    codes = set(re.findall(r'"([RP]1\d\d)"', written))
    page = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    assert set(re.findall(r"^\| ([RP]1\d\d) \|", page, flags=re.MULTILINE)) == codes


def test_every_error_class_stands_beside_its_exit_code() -> None:
    from deidframe.contract import errors

    page = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    rows = {int(row[0]): row[1] for row in re.findall(r"^\| (\d+) \| ([^|]*) \|", page, flags=re.MULTILINE)}
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.DeidframeError) and kind is not errors.DeidframeError:
            assert f"`{name}`" in rows[kind.exit_code], name


def test_tests_that_hold_promises_are_there() -> None:
    page = (ROOT / "docs" / "explanation" / "promises.md").read_text("utf-8")
    for path in re.findall(r"`((?:tests|engine|guard|record|models|host|report)/[\w/.]*)`", page):
        assert (ROOT / path).exists() or (ROOT / "deidframe" / path).exists(), path


@pytest.mark.parametrize("recipe", ["quickstart", "folder"])
def test_what_a_newcomer_runs_needs_no_more_than_the_first_install(recipe: str) -> None:
    parsed = load_recipe(ROOT / "recipes" / f"{recipe}.toml", ())
    parts = [parsed.recipe.source, parsed.recipe.detector, *(a for a in parsed.recipe.attack)]
    parts += [getattr(m.spec, key) for m in parsed.methods for key in (*CHAIN, "redactor") if key != "encoder"]
    parts += [part for m in parsed.methods for part in m.spec.encoders]
    named = {part.use for part in parts if part}
    if parsed.recipe.audit:
        named |= {parsed.recipe.audit.detector.use, parsed.recipe.audit.encoder}
    homes = {one.name: one.distribution for one in list_plugins()}
    listed = (ROOT / "requirements.txt").read_text()
    for name in sorted(named):
        assert f"plugins/{homes[name]}\n" in listed, f"{name} of {homes[name]} is not installed by requirements.txt"


def commands_of(page: Path) -> list[str]:
    """Return the lines of a page's blocks that run `deidframe`, those that go over several joined."""
    shown = re.findall(r"^```(?:console|bash|sh)?\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = "\n".join(shown).replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in text.splitlines() if re.match(r"(\$ )?deidframe [a-z-]", line)]


@pytest.mark.parametrize("page", [p for p in PAGES if commands_of(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_line_that_is_shown_is_one(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser, _ = parser_of()
    for line in commands_of(page):
        words = [word for word in shlex.split(re.split(r"\s[|>&]", line)[0], comments=True) if word != "..."]
        try:
            parser.parse_args(words[1:])
        except SystemExit as error:
            assert error.code == 0, f"{line}\n{capsys.readouterr().err}"


def test_the_python_of_the_tutorial_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = blocks(ROOT / "docs" / "tutorial" / "first-comparison.md", "python")
    (tmp_path / "runs").mkdir()
    run(planned(tmp_path), tmp_path / "runs" / "quickstart")
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(compile(block, "first-comparison.md", "exec"), found)
    rows = found["rows"]
    assert isinstance(rows, list)
    assert {row["method"] for row in rows} == {"flat", "grey"}
    assert capsys.readouterr().out.strip()


def test_no_block_of_python_is_left_untried() -> None:
    tried = {"docs/extend/first-plugin.md", "docs/tutorial/first-comparison.md"}
    assert {str(page.relative_to(ROOT)) for page in PAGES if blocks(page, "python")} == tried
