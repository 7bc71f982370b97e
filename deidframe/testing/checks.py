"""What is asked of components of every role, or of several, one plain function each, with the reason in its docstring."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import random
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli
from pydantic import ValidationError

from deidframe.contract import (
    CONTRACT_VERSION,
    Detections,
    Embeddings,
    FaceSet,
    LinkScores,
    Partition,
    Photos,
    Points,
    Surrogates,
    Values,
    align,
)
from deidframe.testing.material import Bench, faces, photos
from deidframe.testing.trying import ALIKE, COUNT, HEAVY, Violation, ask, check, digest, material_of, whole_of, work


@check()
def check_record_is_complete(bench: Bench) -> None:
    """A list, a recipe's author and a report read what a component says of itself."""
    one = bench.loaded.component
    ask(one.summary and "\n" not in one.summary, "summary: one sentence is asked for")
    ask(one.contract == CONTRACT_VERSION, f"contract: written for {one.contract}, this is {CONTRACT_VERSION}")
    file = getattr(sys.modules.get(bench.loaded.listed.module), "__file__", None)
    text = Path(file).read_text("utf-8", "replace") if file else ""
    ask(
        not re.search(r"contract\s*=\s*[\w.]*CONTRACT_VERSION", text),
        "contract: it is the installed core's own number, which always fits; write the number that it was written for",
    )
    ask(not one.example or one.name in one.example, f"example: does not name {one.name!r}")
    try:
        tomli.loads(one.example)
    except tomli.TOMLDecodeError as error:
        raise Violation(f"example: is not valid TOML: {error}") from None
    if bench.role == "encoder":
        ask(len(one.spaces) == 1, "spaces: an encoder names the one space that it produces")


@check()
def check_module_is_light(bench: Bench) -> None:
    """Listing and checking import a plugin's module; heavy libraries there make every command slow."""
    module = bench.loaded.listed.module
    if getattr(sys.modules.get(module), "__spec__", None) is None and module in sys.modules:
        return  # made at run time, as in a notebook: there is no file to import
    code = f"import sys, importlib; importlib.import_module({module!r}); print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    ask(done.returncode == 0, f"{module} cannot be imported alone: {done.stderr.strip().splitlines()[-1:]}")
    ask(done.stdout.strip() == "[]", f"{module} imports {done.stdout.strip()}; import them where they are used")


@check()
def check_parameters_are_closed(bench: Bench) -> None:
    """A mistyped parameter that is silently ignored makes a comparison of something else than was asked."""
    kind = bench.loaded.component.params
    try:
        kind.model_validate({**bench.params, "no_such_parameter_": 1})
    except ValidationError as error:
        # a field that is missing is an error, too, and says nothing of unknown keys
        if any(one["type"] == "extra_forbidden" for one in error.errors()):
            return
    raise Violation(f"{kind.__name__} accepts an unknown key; write class {kind.__name__}(Params), from deidframe.contract")


@check()
def check_output_is_whole(bench: Bench) -> None:
    """The core hands the output on by id: one row for each, in the order asked, of the type of the role."""
    given = material_of(bench, COUNT)
    out = work(bench, bench.make(), given)
    _fits(bench, given, out)


def _fits(bench: Bench, given: Any, out: Any) -> None:
    role = bench.role
    wanted: dict[str, type | tuple[type, ...]] = {
        "source": (Photos, Embeddings),
        "detector": Detections,
        "encoder": Embeddings,
        "clusterer": Partition,
        "outlier-handler": Partition,
        "anonymizer": Surrogates,
        "synthesizer": FaceSet,
        "redactor": FaceSet,
        "landmarker": Points,
        "attacker": LinkScores,
        "measure": Values,
    }
    ask(isinstance(out, wanted[role]), f"gave {type(out).__name__}, a {role} gives {wanted[role]}")
    if role == "source":
        ask(len(out) > 0, "gave nothing")
        return
    if role == "detector":
        ask(out.looked_at == given.ids, "looked_at: not the ids that were given, in their order")
        return
    if role == "attacker":
        asked = set(given.ids)
        ask(set(out.probe_ids) | set(out.missed_probes) == asked, "probes: some are neither scored nor missed")
        ask(set(out.gallery_ids) | set(out.missed_gallery) == asked, "gallery: some are neither scored nor missed")
        return
    ids = (given[0] if isinstance(given, tuple) else given).ids
    if role == "measure":
        ask(sorted((*out.ids, *out.missed)) == sorted(ids), "ids: some faces have neither a value nor are missed")
        return
    if role == "anonymizer":
        ids = tuple(i for i, label in zip(ids, given[1].labels.tolist(), strict=True) if label >= 0)
        ask(out.space == given[0].space, f"space: {out.space!r}, the people's is {given[0].space!r}")
    ask(out.ids == ids, "ids: not the ones that were given, in their order")
    if role in ("synthesizer", "redactor"):
        size = (given[0] if isinstance(given, tuple) else given).size
        ask(out.size == size, f"pictures of {out.size}, {size} was given")
    if role == "encoder":
        named = bench.loaded.component.spaces[:1]
        ask(not named or out.space == named[0], f"space: {out.space!r}, the record says {named}")
        ask(np.abs(out.vectors).max() > 0, "vectors: all zero")


@check()
def check_input_stays_as_it_was(bench: Bench) -> None:
    """Other methods work on the same arrays after this one."""
    given = material_of(bench, COUNT)
    before = digest(given)
    work(bench, bench.make(), given)
    ask(digest(given) == before, "the input was changed")


@check()
def check_same_seed_same_output(bench: Bench) -> None:
    """A run must be repeatable to the bit, or say that it is not (`deterministic = False`)."""
    if not bench.loaded.component.deterministic:
        return
    given = material_of(bench, COUNT)
    first, second = (digest(work(bench, bench.make(), given)) for _ in range(2))
    ask(first == second, "two instances with one seed gave different output; draw from context.rng, or say deterministic = False")


@check()
def check_leaves_the_process_alone(bench: Bench) -> None:
    """The global random state, the environment and the working directory belong to everybody."""
    given = material_of(bench, COUNT)
    made = bench.make()
    before = (_random_state(), dict(os.environ), os.getcwd())  # noqa: PTH109
    work(bench, made, given)
    after = (_random_state(), dict(os.environ), os.getcwd())  # noqa: PTH109
    for what, a, b in zip(("the global random state", "the environment", "the working directory"), before, after, strict=True):
        ask(a == b, f"{what} was changed")


@check()
def check_no_thread_is_left(bench: Bench) -> None:
    """A thread that goes on after its call draws on what others are given, and keeps the process from ending."""
    given, before = material_of(bench, COUNT), set(threading.enumerate())
    work(bench, bench.make(), given)
    left = [one.name for one in threading.enumerate() if one not in before and one.is_alive() and not one.daemon]
    kept = [name for name in left if "ThreadPoolExecutor" not in name]  # a pool's threads wait, and end with the process
    ask(not kept, f"threads were left behind: {', '.join(kept[:3])}")


@check("encoder", "redactor", "landmarker", "clusterer")
def check_ids_say_nothing(bench: Bench) -> None:
    """Ids are tokens in a run; what follows from them follows from nothing, or from somebody's name."""
    if not bench.loaded.component.deterministic:
        return
    given = material_of(bench, COUNT)
    other = replace(given, ids=tuple(f"{hashlib.sha256(one.encode()).hexdigest()[:20]}" for one in given.ids))
    first, again, second = (work(bench, bench.make(), one) for one in (given, given, other))
    if digest(first) != digest(again):
        return  # it draws by chance, which another check says
    apart = digest(replace(second, ids=first.ids))
    ask(digest(first) == apart, "the same items under other ids came out otherwise")


@check("encoder")
def check_torch_sees_the_same(bench: Bench) -> None:
    """What is followed backwards has to be what attacks and measures see, or a surrogate is aimed past its group."""
    made = bench.make()
    if not hasattr(made, "as_torch") or importlib.util.find_spec("torch") is None:
        return
    import torch

    shown = bench.real_faces(6)
    assert shown.landmarks is not None
    followed = made.as_torch()
    chips = align.warp_all(np.asarray(shown.images[:]), shown.landmarks, followed.template, followed.size)
    with torch.no_grad():
        other = np.asarray(followed.run(torch.from_numpy(align.channels_first(chips))).cpu().numpy(), np.float64)
    own = np.asarray(made.encode(shown).vectors, np.float64)
    ask(other.shape == own.shape, f"as_torch gives {other.shape}, encode {own.shape}")
    unit = [one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-12) for one in (own, other)]
    least = float((unit[0] * unit[1]).sum(axis=1).min())
    ask(least > ALIKE, f"as_torch and encode see another face: cosine {least:.3f}, at least {ALIKE} is asked for")


def _random_state() -> tuple[str, str]:
    numbers = hashlib.sha256(pickle.dumps(np.random.get_state())).hexdigest()
    return repr(random.getstate()), numbers


@check("detector", "encoder", "redactor", "landmarker", "clusterer", "outlier-handler", "anonymizer", "attacker")
def check_few_items(bench: Bench) -> None:
    """Batches end with one item, and databases may hold fewer people than k."""
    for count in (1, 2):
        given, made = material_of(bench, count), bench.make()
        if bench.role == "encoder" and hasattr(made, "fit"):  # on a database of some size; batches of it may be of one
            made.fit(material_of(bench, 5))
            out = made.encode(given)
        else:
            out = work(bench, made, given)
        if bench.role == "detector":
            rows = out.looked_at
        elif bench.role == "attacker":
            rows = (*out.probe_ids, *out.missed_probes)
        else:
            rows = out.ids
        ask(len(rows) == count, f"{count} items went in, {len(rows)} came out")


@check("detector", "encoder", "redactor", "landmarker")
def check_batches_change_nothing(bench: Bench) -> None:
    """The core chooses the batch size; what comes out must not follow from it."""
    made = bench.make()
    whole = material_of(bench, 5)
    if hasattr(made, "fit"):
        made.fit(whole)
    one = getattr(made, {"detector": "detect", "encoder": "encode", "redactor": "redact", "landmarker": "mark"}[bench.role])
    parts: Any = photos(5) if bench.role == "detector" else faces(5)
    together = whole_of(one(parts))
    for n in range(5):
        single = (
            Photos.from_arrays((parts.ids[n],), [parts.open(parts.ids[n])]) if bench.role == "detector" else parts.slice(n, n + 1)
        )
        alone = whole_of(one(single))
        if bench.role == "encoder":
            ask(np.allclose(alone.vectors[0], together.vectors[n], atol=1e-4), f"item {n} is encoded differently alone")
        elif bench.role == "landmarker":
            ask(np.allclose(alone.points[0], together.points[n], atol=1e-2), f"item {n} is marked differently alone")
        elif bench.role == "redactor":
            ask(np.array_equal(alone.images[0:1], together.images[n : n + 1]), f"item {n} is redacted differently alone")
        else:
            rows = [row for row, photo in enumerate(together.photo_ids) if photo == parts.ids[n]]
            ask(len(alone) == len(rows), f"photo {n} has {len(alone)} faces alone and {len(rows)} among others")
