"""Where time goes on somebody's own pictures: a plan with every stage but drawn surrogates, and by what machines are compared."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import tomli
from threadpoolctl import threadpool_limits

from deidframe.engine.planning.plan import Plan
from deidframe.engine.tools.encode import planned_as_labelled
from deidframe.recipe.packaged import packaged, usual

SIDE = 1024
TRIES = 5


def bench_plan(folder: Path, pictures: int, scratch: Path) -> Plan:
    """Return the plan of the recipe `folder` for some of a folder's pictures, with its averaging method, its blur and one attack.

    Args:
        folder: pictures.
        pictures: so many of them, the first ones.
        scratch: an existing folder.

    Raises:
        NothingToDo: there is no picture.
    """
    whole = tomli.loads(packaged()["folder"].read_text("utf-8"))
    attack = next(one for one in whole["attack"] if one["threat"] == "naive")
    source = {"use": whole["source"]["use"], "params": {"path": str(folder)}, "same_person": "apart"}
    recipe: dict[str, Any] = {"schema": 1, "name": "bench", "source": source, "detector": whole["detector"]}
    averaged = {**whole["method"][1], "encoder": {"use": usual().encoder}}  # one encoder: figures are compared with earlier ones
    recipe["method"] = [averaged, whole["method"][2]]
    recipe["attack"] = [{**attack, "encoders": attack["encoders"][:1]}]
    return planned_as_labelled(recipe, scratch, limit=pictures)


def product_seconds() -> float:
    """Return the seconds of one product of two 1024 x 1024 matrices in single precision on one core, the best of some tries.

    Figures of two machines are compared in these.
    """
    a = np.random.default_rng(0).standard_normal((SIDE, SIDE), np.float32)
    took = []
    with threadpool_limits(1, "blas"):
        for _ in range(TRIES):
            start = time.perf_counter()
            a @ a
            took.append(time.perf_counter() - start)
    return min(took)
