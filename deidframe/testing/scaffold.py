"""Write a plugin that already works: a distribution with one component, its tests, a recipe and what it takes to publish it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from deidframe import __version__
from deidframe.contract import hookspecs
from deidframe.contract.component import ROLES
from deidframe.contract.errors import UsageError
from deidframe.record.write import write_bytes

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LEARNT = ("detector", "encoder", "synthesizer", "landmarker")
"""Roles that mostly load weights, which a model card speaks of."""
EXAMPLES = {
    "source": "noise",
    "detector": "whole",
    "encoder": "colour",
    "clusterer": "in-order",
    "outlier-handler": "drop",
    "anonymizer": "first-member",
    "synthesizer": "flat",
    "redactor": "grey",
    "landmarker": "corners",
    "attacker": "guess",
    "measure": "lighter",
}
"""Role -> the component of the hook's own example, from which a new one grows."""
SOURCE = """[source]
use = "synthetic-people"
fictitious = true
subjects = "labelled"
params = { people = 20, pictures = 3 }
"""
METHOD = """[[method]]
name = "k-Same"
k = 5
encoder     = { use = "dlib-resnet" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "pixel-mean" }
"""
REDACTED = '[[method]]\nname = "blur"\nredactor = { use = "gaussian-blur" }\n'
ATTACK = '[[attack]]\nname = "exact"\nuse = "nearest-face"\nthreat = "naive"\ngallery = "exact"\nparams = { encoder = "sface" }\n'
KEYS = {"encoder": "dlib-resnet", "clusterer": "fixed-size", "outliers": "nearest-group", "anonymizer": "centroid"}
"""Key of a method -> what stands there in `METHOD`."""


def scaffold(name: str, role: str, out: Path) -> list[Path]:
    """Write the distribution and return its files.

    Args:
        name: of the component; the distribution is `deidframe-NAME`.
        role: one of the eleven.
        out: the folder to make.

    Raises:
        UsageError: no such role, no such name, or the folder exists.
    """
    if role not in ROLES:
        raise UsageError(f"--role {role!r}: expected one of {', '.join(ROLES)}")
    name = name.removeprefix("deidframe-")
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a component: lowercase letters, digits and dashes, beginning with a letter")
    if out.exists():
        raise UsageError(f"{str(out)!r} exists; give another folder with -o: nothing there was touched")
    package = f"deidframe_{name.replace('-', '_')}"
    files = {
        "pyproject.toml": _pyproject(name, role, package),
        "README.md": _readme(name, role),
        f"{package}/__init__.py": f'"""{role.capitalize()} `{name}` for deidframe."""\n',
        f"{package}/plugin.py": _code(name, role),
        f"{package}/py.typed": "",
        "tests/test_conforms.py": _tests(name),
        "recipe.toml": _recipe(name, role),
        ".github/workflows/test.yml": WORKFLOW,
        ".gitignore": "dist/\n__pycache__/\n*.egg-info/\nruns/\n",
    }
    if role in LEARNT:
        files["MODEL_CARD.md"] = _card(name)
    for file, text in files.items():
        write_bytes(out / file, text.encode("utf-8"))
    return [out / file for file in files]


def _code(name: str, role: str) -> str:
    """Return the hook's own example under a new name, with a docstring; nothing heavy is imported where it is listed."""
    doc = getattr(hookspecs, hookspecs.HOOKS[role]).__doc__ or ""
    code = textwrap.dedent(doc.partition("\n")[2]).strip("\n") + "\n"
    code = code.replace(f'Component("{EXAMPLES[role]}"', f'Component("{name}"')
    if role == "detector":  # what looks at nothing would see a face in a blank picture
        code = code.replace(
            "        sides = [photos.open(i).shape[0] for i in photos]\n",
            "        seen = [i for i in photos if photos.open(i).std() > 1]\n"
            "        sides = [photos.open(i).shape[0] for i in seen]\n",
        ).replace("Detections(photos.ids, photos.ids,", "Detections(photos.ids, tuple(seen),")
    if role == "anonymizer":  # a target that is one member's is refused, unless it says so (shows_person)
        first = code.index("        first = {")
        code = (
            code[:first]
            + (
                "        groups = partition.groups()\n"
                "        targets = np.stack([people.vectors[list(groups[g])].mean(axis=0) for g in labels.tolist()])\n"
                "        weights = np.array([1 / len(groups[g]) for g in labels.tolist()])\n"
            )
            + code[code.index("        return Surrogates(") :]
        )
    if role == "attacker":  # one that draws by chance is none
        code = re.sub(
            r"    def attack\(self, probes\):\n.*?(?=\n\n@hookimpl)",
            "    def attack(self, probes):\n"
            "        known = self._flat(self.briefing.gallery)\n"
            "        far = np.stack([np.abs(known - one).mean(axis=1) for one in self._flat(probes)])\n"
            "        return LinkScores(probes.ids, self.briefing.gallery.ids, -far.astype(np.float32))\n\n"
            "    def _flat(self, faces):\n"
            "        return np.asarray(faces.images[:], np.float32)[:, ::8, ::8].reshape(len(faces), -1)\n",
            code,
            flags=re.DOTALL,
        )
    old = next(found for found in re.findall(r"^class (\w+):", code, re.MULTILINE) if found != "Settings")
    code = re.sub(rf"\b{old}\b", "".join(part.capitalize() for part in name.split("-")), code)
    code = re.sub(r'(Component\("[^"]+", f"[^"]+", \w+, )"[^"]+"', r'\1"say in one sentence what it does"', code)
    code = code.replace("\nclass ", "\n\nclass ").replace("\n@hookimpl", "\n\n@hookimpl").replace("\n\n\n\n", "\n\n\n")
    lead = f"{role.capitalize()} `{name}`: begin here; what the role asks for is in the documentation of the contract."
    return f'"""{lead}"""\n\n{code}'


def _pyproject(name: str, role: str, package: str) -> str:
    major, minor, *_ = __version__.split(".")
    bounds = f"deidframe>={major}.{minor},<{major}.{int(minor) + 1}"
    return f'''[build-system]
requires = ["hatchling>=1.25"]
build-backend = "hatchling.build"

[project]
name = "deidframe-{name}"
version = "0.1.0"
description = "{role.capitalize()} {name} for deidframe"
readme = "README.md"
requires-python = ">=3.11"
license = "Apache-2.0"
dependencies = ["{bounds}", "numpy>=2.0"]

[project.optional-dependencies]
test = ["pytest>=8"]

[project.entry-points.deidframe]
"{role}.{name}" = "{package}.plugin"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
'''


def _readme(name: str, role: str) -> str:
    key = {"outlier-handler": "outliers"}.get(role, role)
    use = f'{key} = {{ use = "{name}" }}' if role not in ("source", "attacker", "measure") else f'use = "{name}"'
    card = "\nWhat its weights are, where they come from and whom they fail is in MODEL_CARD.md.\n" if role in LEARNT else ""
    return f"""# deidframe-{name}

{role.capitalize()} `{name}` for [deidframe](https://pypi.org/project/deidframe/): say in one sentence what it does, and which
paper it follows.

```toml
{use}
```

What it costs and what it leaves, measured by `deidframe run recipe.toml`: put your table here.
{card}
Develop: `python -m pip install -e '.[test]'`, `python -m pytest`, `deidframe plugins check deidframe-{name}`.
Publish: `python -m build`, `twine check dist/*`, `twine upload dist/*`.
"""


def _tests(name: str) -> str:
    return f'''"""Does the plugin do what its role asks? One item for each check, with the reason."""

from deidframe.testing import conformance

test_conforms = conformance("deidframe-{name}")
'''


def _recipe(name: str, role: str) -> str:
    source = SOURCE
    detector, method, attack = '[detector]\nuse = "yunet"\n', METHOD + "\n" + REDACTED, ATTACK
    if role == "source":
        source = f'[source]\nuse = "{name}"\nsubjects = "labelled"\n'
    if role == "detector":
        detector = f'[detector]\nuse = "{name}"\n'
    key = {"outlier-handler": "outliers"}.get(role, role)
    if key in KEYS:
        method = METHOD.replace(f'"{KEYS[key]}"', f'"{name}"')
    if role == "synthesizer":
        method = METHOD.replace('"pixel-mean"', f'"{name}"')
    if role == "redactor":
        method = REDACTED.replace('"blur"', f'"{name}"').replace('"gaussian-blur"', f'"{name}"')
    if role == "attacker":
        attack = f'[[attack]]\nname = "{name}"\nuse = "{name}"\nthreat = "naive"\ngallery = "exact"\n'
    if role == "measure":
        attack += f'\n[[measure]]\nuse = "{name}"\n'
    lead = f"# {role.capitalize()} {name} on people who do not exist: deidframe run recipe.toml\n"
    if role == "landmarker":
        lead += (
            f'# It is asked where surrogates are drawn into whole photos: [scene] landmarker = "{name}" (recipes/scenes.toml).\n'
        )
    if role == "source":
        lead += "# The example's pictures are noise: until load() lists yours a run ends with the word that no face was found.\n"
        method = REDACTED
    return "\n".join([lead + f'schema = 1\nname = "{name}"\nseed = 7\n', source, detector, method, attack])


def _card(name: str) -> str:
    return f"""# Model card: {name}

| | |
|---|---|
| weights | file, bytes, sha256 (list them in `weights.toml` beside `__init__.py`: the core fetches, pins and verifies them) |
| from | distribution and version, or address |
| licence | of the weights, and of the data they were trained on |
| trained on | data, people, how they were asked |
| measured on | other people than those: `deidframe encoder-check`, `deidframe run recipe.toml` |
| fails | whom it finds or tells apart less well (`[quality] utility`, `attributes`), and by how much |
| not for | what it must not be used for |
"""


WORKFLOW = """name: test
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python: ["3.11", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python }}
      - run: python -m pip install '.[test]' 'deidframe[quickstart]' torch --extra-index-url https://download.pytorch.org/whl/cpu
      - run: python -m pytest
      - run: deidframe check recipe.toml
"""
