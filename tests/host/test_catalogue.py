"""The holes that pluggy leaves open, each tried."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from examples import docstring_code, install, listed

from deidframe.contract import PluginError
from deidframe.host.catalogue import Catalogue

GREY = docstring_code("redactor")


def load(code: str) -> None:
    Catalogue((listed("redactor", "grey", code),)).load("redactor", "grey")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (GREY.replace("def deidframe_redactors", "def deidframe_redactor"), "unknown hook"),
        (
            GREY.replace('"takes the colour away", contract=2)]', '"x", contract=2)][0]'),
            "must return a list of Component records, got Component",
        ),
        (
            GREY.replace('"takes the colour away", contract=2)]', '"x", contract=2), 3]'),
            "must return a list of Component records, got list",
        ),
        (GREY.replace('Component("grey"', 'Component("gray"'), "should bring 'grey' once; it brings gray"),
        (GREY.replace(", contract=2)", ")"), "say for which contract it was written: Component(..., contract=2)"),
        (GREY.replace("contract=2", "contract=9"), "written for contract 9, this is contract 2"),
        (GREY.replace("return [Component", "1 / 0\n    return [Component"), "ZeroDivisionError"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution(code: str, says: str) -> None:
    with pytest.raises(PluginError, match=r"examples 1\.0") as caught:
        load(code)
    assert says in str(caught.value)


def test_a_module_that_raises_on_import() -> None:
    broken = listed("redactor", "grey", GREY)
    with pytest.raises(PluginError, match="cannot be loaded: ModuleNotFoundError"):
        Catalogue((type(broken)("redactor", "grey", "no_such_module_anywhere", "broken-dist", "2.0", ""),)).load(
            "redactor", "grey"
        )


def test_a_clash_is_an_error_only_when_the_bare_name_is_used() -> None:
    two = (listed("redactor", "grey", GREY, "one"), listed("redactor", "grey", GREY, "two"), listed("redactor", "other", GREY))
    catalogue = Catalogue(two)
    with pytest.raises(PluginError, match="write 'one:grey' or 'two:grey'"):
        catalogue.load("redactor", "grey")
    assert catalogue.load("redactor", "two:grey").qualified == "two:grey"


def test_a_component_without_its_verb() -> None:
    code = GREY.replace("def redact(", "def reduct(")
    from deidframe.contract import Context

    loaded = Catalogue((listed("redactor", "grey", code),)).load("redactor", "grey")
    with pytest.raises(PluginError, match="has no method 'redact'"):
        loaded.make(loaded.component.params(), Context(seed=1, scratch=Path()))
    gone = Catalogue((listed("redactor", "grey", GREY.replace(':Grey"', ':Gone"')),)).load("redactor", "grey")
    with pytest.raises(PluginError, match="cannot import"):
        gone.make(gone.component.params(), Context(seed=1, scratch=Path()))


def test_an_unknown_name_says_the_nearest() -> None:
    with pytest.raises(PluginError, match="did you mean 'grey'"):
        Catalogue((listed("redactor", "grey", GREY),)).load("redactor", "gray")


def test_loading_leaves_nothing_behind() -> None:
    """A second load of a fixed module works although the first failed."""
    bad = listed("redactor", "grey", GREY.replace("def deidframe_redactors", "def deidframe_wrong"))
    with pytest.raises(PluginError):
        Catalogue((bad,)).load("redactor", "grey")
    install(bad.module, GREY)
    assert Catalogue((bad,)).load("redactor", "grey").component.name == "grey"


def distribution(site: Path, name: str, entry: str, code: str) -> None:
    """Lay out an installed distribution."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: for a test\n")
    (info / "entry_points.txt").write_text(f"[deidframe]\n{entry}\n")
    module = entry.partition("=")[2].strip()
    (site / f"{module}.py").write_text(code)


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.append({str(site)!r}); from deidframe.cli.main import main; sys.exit(main({list(arguments)!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_listing_runs_no_plugin_code(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    spy = f"from pathlib import Path\nPath({str(trace)!r}).write_text('ran')\n"
    distribution(tmp_path / "site", "spying-plugin", "redactor.spy = spy_module", spy)
    done = run(tmp_path / "site", "plugins", "--json")
    assert done.returncode == 0, done.stderr
    spied = next(row for row in json.loads(done.stdout) if row["name"] == "spy")
    assert (spied["distribution"], spied["version"], spied["summary"]) == ("spying-plugin", "1.0", "for a test")
    assert run(tmp_path / "site", "models").returncode == 0
    recipe = Path(__file__).parents[2] / "recipes" / "quickstart.toml"
    assert run(tmp_path / "site", "check", str(recipe)).returncode == 0
    assert not trace.exists()


def test_a_broken_announcement_is_shown_and_gives_code_4(tmp_path: Path) -> None:
    distribution(tmp_path / "site", "bad-plugin", "redacter.spy = spy_module", "")
    done = run(tmp_path / "site", "plugins", "--json")
    assert done.returncode == 4
    assert "'redacter' is not a role" in next(r for r in json.loads(done.stdout) if r["distribution"] == "bad-plugin")["problem"]


def test_a_recipe_that_names_a_missing_or_broken_plugin_ends_with_4(tmp_path: Path) -> None:
    distribution(tmp_path / "site", "bad-plugin", "redactor.bad = bad_module", "raise RuntimeError('on import')\n")
    recipe = tmp_path / "r.toml"
    text = textwrap.dedent("""\
        schema = 1
        name = "r"
        [source]
        use = "synthetic-people"
        subjects = "labelled"
        [detector]
        use = "yunett"
        [[method]]
        name = "bad"
        redactor = { use = "bad" }
        """)
    recipe.write_text(text)
    done = run(tmp_path / "site", "check", str(recipe))
    assert done.returncode == 4
    said = 'no detector is called "yunett"; installed: centerface, mtcnn, yunet; did you mean "yunet"?'
    assert f"{recipe}:7:1: error[P101] detector.use: {said}" in done.stderr
    assert (
        "error[P102] method[0].redactor.use: redactor bad-plugin:bad (bad-plugin 1.0) cannot be loaded: RuntimeError"
        in done.stderr
    )
    assert "2 things wrong with the recipe; nothing ran" in done.stderr
