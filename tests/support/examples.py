"""The plugins out of the hookspecs' docstrings, as real modules, and a recipe that uses all of them."""

from __future__ import annotations

import itertools
import sys
import textwrap
import types
from pathlib import Path

from deidframe.contract import hookspecs
from deidframe.contract.component import ROLES
from deidframe.engine.planning.plan import Plan
from deidframe.engine.planning.planner import plan
from deidframe.host.catalogue import Catalogue
from deidframe.host.discover import Listed
from deidframe.recipe.parse import parse
from deidframe.testing.scaffold import EXAMPLES as NAMES

_NUMBERS = itertools.count()
RECIPE = """\
schema = 1
name = "examples"
seed = 3

[source]
use = "noise"
subjects = "labelled"
params = { count = 12 }

[detector]
use = "whole"

[[method]]
name = "flat"
k = 3
encoder     = { use = "colour" }
clusterer   = { use = "in-order" }
outliers    = { use = "drop" }
anonymizer  = { use = "first-member" }
synthesizer = { use = "flat" }

[[method]]
name = "grey"
redactor = { use = "grey" }

[[attack]]
name = "guess"
use = "guess"
threat = "naive"
gallery = "exact"

[[measure]]
use = "lighter"
"""

REAL = """\
schema = 1
name = "killed"
seed = 5

[source]
use = "synthetic-people"
subjects = "labelled"
params = { people = 10, pictures = 2 }

[detector]
use = "yunet"

[[method]]
name = "pixel mean"
k = 5
encoder     = { use = "dlib-resnet" }
clusterer   = { use = "fixed-size" }
outliers    = { use = "nearest-group" }
anonymizer  = { use = "centroid" }
synthesizer = { use = "pixel-mean" }

[[method]]
name = "blur"
redactor = { use = "gaussian-blur" }
"""
"""A small run with real networks: ten people who do not exist, one k-Same method and a redactor."""


def docstring_code(role: str) -> str:
    """Return the code inside a hook's docstring."""
    doc = getattr(hookspecs, hookspecs.HOOKS[role]).__doc__
    return textwrap.dedent(doc.partition("\n")[2])


def install(name: str, code: str) -> str:
    """Make a module of some code and return its name."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(code, name, "exec"), module.__dict__)
    return name


def listed(role: str, name: str, code: str, distribution: str = "examples") -> Listed:
    """Return the announcement of a plugin made of some code."""
    module = install(f"example_{next(_NUMBERS)}_{name.replace('-', '_')}", code)
    return Listed(role, name, module, distribution, "1.0", "an example")


def catalogue(*others: Listed) -> Catalogue:
    """Return the ten examples, with others in place of those of the same role and name."""
    own = {(role, NAMES[role]): listed(role, NAMES[role], docstring_code(role)) for role in ROLES}
    own.update({(o.role, o.name): o for o in others})
    return Catalogue(tuple(own.values()))


def planned(scratch: Path, *others: Listed, recipe: str = RECIPE, limit: int | None = None) -> Plan:
    """Plan a recipe over the examples."""
    return plan(parse(recipe, "examples.toml"), catalogue(*others), scratch, limit)
