"""The checks: what a role asks of every component, one plain function each, with the reason in its docstring."""

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
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli
from pydantic import ValidationError

from deidframe.contract import (
    CONTRACT_VERSION,
    Briefing,
    Detections,
    Embeddings,
    FaceSet,
    LinkScores,
    Need,
    Partial,
    Partition,
    Photos,
    Points,
    Surrogates,
    Values,
    align,
)
from deidframe.testing.material import Bench, blurred, faces, partition, people, photos

HEAVY = ("torch", "openvino", "sklearn", "hdbscan", "cv2", "numba", "matplotlib")
"""What a plugin's module must not import, so that listing and checking stay fast."""
K = 3


class Violation(AssertionError):
    """A component does not do what its role asks; the message says what was asked, what happened and why it matters."""


@dataclass(frozen=True)
class ConformanceCheck:
    """One check.

    Args:
        name: short.
        roles: that it is for, empty for all.
        run: raises `Violation`.
    """

    name: str
    roles: tuple[str, ...]
    run: Callable[[Bench], None]

    @property
    def reason(self) -> str:
        """Why it is asked: the first line of the function's docstring."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


CHECKS: list[ConformanceCheck] = []
"""All checks, in the order in which they run."""


def check(*roles: str) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Add a function to the checks, for these roles or, without any, for all."""

    def add(run: Callable[[Bench], None]) -> Callable[[Bench], None]:
        CHECKS.append(ConformanceCheck(run.__name__.removeprefix("check_"), roles, run))
        return run

    return add


def checks_for(role: str) -> list[ConformanceCheck]:
    """Return the checks that a role promises to pass."""
    return [one for one in CHECKS if not one.roles or role in one.roles]


def ask(condition: object, message: str) -> None:
    """Raise `Violation` with this message unless the condition holds."""
    if not condition:
        raise Violation(message)


def work(bench: Bench, made: Any, given: Any) -> Any:
    """Call the role's verb on what `material_of` returned."""
    role = bench.role
    if role == "source":
        return made.load()
    verb = {"detector": "detect", "encoder": "encode", "redactor": "redact", "landmarker": "mark"}
    if role in verb:
        if role == "encoder" and hasattr(made, "fit"):
            made.fit(given)
        if role == "redactor" and hasattr(made, "fit"):
            made.fit(given)
        return _whole(getattr(made, verb[role])(given))
    if role == "clusterer":
        return made.cluster(given, K)
    if role == "outlier-handler":
        return made.settle(given[0], given[1], K)
    if role == "anonymizer":
        return made.anonymize(*given)
    if role == "synthesizer":
        return _whole(made.synthesize(*given))
    if role == "measure":
        return made.measure(*given)
    made.prepare(briefing(given))
    return made.attack(given)


def _whole(out: Any) -> Any:
    """Return the faces of a partial result, whose withheld ones the core takes out."""
    return out.faces if isinstance(out, Partial) else out


def briefing(gallery: FaceSet) -> Briefing:
    """Return what an attacker is given who has the exact originals and nothing else."""
    named = FaceSet(gallery.ids, gallery.images, gallery.landmarks, tuple(f"person-{n}" for n in range(len(gallery))))
    return Briefing("naive", True, align.template(gallery.size[0]), named)


def material_of(bench: Bench, count: int) -> Any:
    """Return input of `count` items for the component's role."""
    role = bench.role
    if role == "source":
        return None
    if role == "detector":
        return photos(count)
    known = bench.needs(Need.SUBJECTS)
    if role == "attacker":
        return bench.real_faces(count, subjects=known)
    if role in ("encoder", "redactor", "landmarker"):
        return faces(count, subjects=known)
    if role == "clusterer":
        return people(count, bench.space)
    if role in ("outlier-handler", "anonymizer"):
        return people(count, bench.space), partition(count, max(1, count // 4))
    if role == "measure":
        return faces(count, subjects=known), blurred(count)
    shown = bench.real_faces(count, subjects=known)
    return shown, bench.surrogates(shown, max(1, count // 6))


def digest(value: Any) -> str:
    """Return a sha256 over all that an artifact holds, so that two can be compared bit for bit."""
    out = hashlib.sha256()
    for part in _parts(value):
        out.update(part)
    return out.hexdigest()


def _parts(value: Any) -> list[bytes]:
    if isinstance(value, tuple):
        return [part for one in value for part in _parts(one)]
    if isinstance(value, FaceSet):
        return [repr(value.ids).encode(), np.asarray(value.images[:]).tobytes(), _bytes(value.landmarks)]
    if isinstance(value, Embeddings):
        return [repr((value.ids, value.space, value.subjects)).encode(), _bytes(value.vectors)]
    if isinstance(value, Partition):
        return [repr(value.ids).encode(), _bytes(value.labels)]
    if isinstance(value, Surrogates):
        return [repr((value.ids, value.space)).encode(), *map(_bytes, (value.targets, value.groups, value.weights))]
    if isinstance(value, Detections):
        return [repr((value.looked_at, value.photo_ids)).encode(), *map(_bytes, (value.boxes, value.landmarks, value.scores))]
    if isinstance(value, LinkScores):
        return [repr((value.probe_ids, value.gallery_ids, value.missed_probes)).encode(), _bytes(value.scores)]
    if isinstance(value, Values):
        return [repr((value.ids, value.missed)).encode(), _bytes(value.values)]
    if isinstance(value, Photos):
        return [repr(value.ids).encode(), *(np.asarray(value.open(i)).tobytes() for i in value.ids[:8])]
    return [repr(value).encode()]


def _bytes(array: Any) -> bytes:
    return b"" if array is None else np.ascontiguousarray(array).tobytes()


COUNT = 12
"""Items in the usual input."""
ALIKE = 0.95
"""Least cosine of what torch and the encoder itself see of one face: chips may be cut a little otherwise."""


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
    together = _whole(one(parts))
    for n in range(5):
        single = (
            Photos.from_arrays((parts.ids[n],), [parts.open(parts.ids[n])]) if bench.role == "detector" else parts.slice(n, n + 1)
        )
        alone = _whole(one(single))
        if bench.role == "encoder":
            ask(np.allclose(alone.vectors[0], together.vectors[n], atol=1e-4), f"item {n} is encoded differently alone")
        elif bench.role == "landmarker":
            ask(np.allclose(alone.points[0], together.points[n], atol=1e-2), f"item {n} is marked differently alone")
        elif bench.role == "redactor":
            ask(np.array_equal(alone.images[0:1], together.images[n : n + 1]), f"item {n} is redacted differently alone")
        else:
            rows = [row for row, photo in enumerate(together.photo_ids) if photo == parts.ids[n]]
            ask(len(alone) == len(rows), f"photo {n} has {len(alone)} faces alone and {len(rows)} among others")


@check("detector")
def check_blank_pictures_hold_no_face(bench: Bench) -> None:
    """A face that is not there would be released as if it had been protected."""
    blank = [np.full((120, 160, 3), v, np.uint8) for v in (0, 127, 255)]
    found = bench.make().detect(Photos.from_arrays(("a", "b", "c"), blank))
    ask(len(found) == 0, f"{len(found)} faces found in three blank pictures")


@check("clusterer")
def check_groups_are_numbered(bench: Bench) -> None:
    """-1 is noise; everything else is a group number."""
    for count in (COUNT, 40):
        labels = bench.make().cluster(people(count, bench.space), K).labels
        ask(labels.min() >= -1, f"a label of {labels.min()}; -1 is the only one below 0")


@check("clusterer")
def check_people_who_are_all_alike(bench: Bench) -> None:
    """Copies of one picture occur in every database."""
    rows = np.repeat(people(1, bench.space).vectors, COUNT, axis=0)
    same = Embeddings(tuple(f"person-{n:06d}" for n in range(COUNT)), rows, bench.space)
    out = bench.make().cluster(same, K)
    ask(len(out.labels) == COUNT, "not one label for each")


@check("outlier-handler")
def check_every_group_is_large_enough(bench: Bench) -> None:
    """This is what an outlier handler is for: at least k people in each group, or withheld."""
    rng = np.random.default_rng(7)
    for count in (1, 2, 3, 7, 20, 45):
        crowd = people(count, bench.space)
        for labels in (
            np.full(count, -1),
            np.zeros(count),
            np.arange(count),
            rng.integers(-1, max(1, count // 3), count),
            rng.integers(-1, 2, count),
        ):
            _, packed = np.unique(labels, return_inverse=True)
            given = np.where(labels < 0, -1, packed).astype(np.int64)
            out = bench.make().settle(crowd, Partition(crowd.ids, given), K).labels
            sizes = np.bincount(out[out >= 0]) if (out >= 0).any() else np.zeros(0, int)
            small = sizes[(sizes > 0) & (sizes < K)]
            ask(not len(small), f"a group of {small[:1]} people with k = {K}, from labels {given.tolist()}")


@check("anonymizer")
def check_a_group_has_one_target(bench: Bench) -> None:
    """k people who aim at one target cannot be told apart by it; `per_person` says where that is not so."""
    given = material_of(bench, COUNT)
    out = bench.make().anonymize(*given)
    if bench.made_params.per_person:
        ask(out.groups.tolist() == list(range(len(out))), "per_person: each person is a group of its own")
        return
    ask(np.array_equal(out.groups, given[1].labels[given[1].labels >= 0]), "groups: not those of the partition")
    for group in np.unique(out.groups):
        rows = out.targets[out.groups == group]
        ask((rows == rows[0]).all(), f"group {group} has several targets, and the parameters do not say per_person")


@check("anonymizer")
def check_a_moved_target_is_said(bench: Bench) -> None:
    """Where targets are not the means of their people, a synthesizer that is made of their pixels would bring them back."""
    crowd, groups = material_of(bench, COUNT)
    out = bench.make().anonymize(crowd, groups)
    row = {person: n for n, person in enumerate(crowd.ids)}
    rows = np.array([row[person] for person in out.ids], np.int64)
    numbers, inverse = np.unique(out.groups, return_inverse=True)
    means = np.zeros((len(numbers), crowd.vectors.shape[1]))
    np.add.at(means, inverse, out.weights[:, None] * crowd.vectors[rows])
    far = float(np.abs(means[inverse] - out.targets).max(initial=0.0))
    ask(
        far < 1e-3 or bench.loaded.component.moves_targets,
        f"targets lie {far:.3f} from the means of their people: say moves_targets",
    )


@check("synthesizer")
def check_targets_are_followed(bench: Bench) -> None:
    """Who takes targets must not show what the members look like when their targets are moved."""
    if not bench.loaded.component.takes_targets:
        return
    shown, aims = material_of(bench, COUNT)
    numbers, inverse = np.unique(aims.groups, return_inverse=True)
    ask(len(numbers) > 1, "the material has one group")
    first = np.unique(inverse, return_index=True)[1]
    moved = replace(aims, targets=aims.targets[first][(inverse + 1) % len(numbers)])
    before, after = (np.asarray(_whole(bench.make().synthesize(shown, one)).images[:]) for one in (aims, moved))
    ask((before != after).any(), "takes_targets is said, and other targets give the same pictures")


@check("anonymizer")
def check_withheld_people_stay_out(bench: Bench) -> None:
    """A person of label -1 is released by nobody."""
    crowd = people(COUNT, bench.space)
    labels = (np.arange(COUNT) % 3).astype(np.int64) - 1
    out = bench.make().anonymize(crowd, Partition(crowd.ids, labels))
    ask(
        set(out.ids) == {i for i, label in zip(crowd.ids, labels.tolist(), strict=True) if label >= 0},
        "withheld people came back",
    )


@check("synthesizer")
def check_a_group_shows_one_picture(bench: Bench) -> None:
    """A picture that differs inside a group gives its member away; `one_picture_per_group` says that it does not."""
    given = material_of(bench, COUNT)
    out = _whole(bench.make().synthesize(*given))
    if not bench.loaded.component.one_picture_per_group:
        ask(not bench.loaded.component.protects, "not one_picture_per_group, and yet says that it protects")
        return
    shown = np.asarray(out.images[:])
    for group in np.unique(given[1].groups):
        rows = np.flatnonzero(given[1].groups == group)
        ask(
            (shown[rows] == shown[rows[:1]]).all(),
            f"group {group} shows several pictures, yet one_picture_per_group is said",
        )


@check("synthesizer", "redactor")
def check_nothing_is_handed_back(bench: Bench) -> None:
    """An original that comes out again is the worst that can happen."""
    given = material_of(bench, COUNT)
    before = np.asarray((given[0] if isinstance(given, tuple) else given).images[:]).astype(int)
    after = np.asarray(work(bench, bench.make(), given).images[:]).astype(int)
    same = [n for n in range(COUNT) if np.abs(before[n] - after[n]).mean() < 2]
    ask(not same or not bench.loaded.component.protects, f"{len(same)} of {COUNT} pictures are their originals")


@check("measure")
def check_values_stand_alone(bench: Bench) -> None:
    """The faces of a large database come in several calls; a value that follows from its company would change with their size."""
    given, made = material_of(bench, COUNT), bench.make()
    whole = dict(zip(*(lambda v: (v.ids, v.values.tolist()))(made.measure(*given)), strict=True))
    for row, face in enumerate(given[0].ids):
        alone = made.measure(*(one.take([row]) for one in given))
        ask((face in whole) == (face in alone.ids), f"face {row} has a value among others and none alone, or the other way")
        ask(not len(alone.ids) or np.isclose(alone.values[0], whole[face], rtol=1e-4, atol=1e-6), f"face {row} is another alone")


@check("measure")
def check_values_tell_faces_apart(bench: Bench) -> None:
    """A measure that says the same of every face, kept or destroyed, says nothing."""
    given, made = material_of(bench, COUNT), bench.make()
    same = made.measure(given[0], given[0])
    gone = made.measure(*given)
    ask(np.unique(np.concatenate([same.values, gone.values])).size > 1, "every face has one value, changed or not")


@check("redactor")
def check_photos_come_back_whole(bench: Bench) -> None:
    """Faces are cut out of the photo that was made where they lie in the original, so it has to be of its size."""
    made = bench.make()
    if not hasattr(made, "redact_scene"):
        ask(bench.made_params.takes != "scene", "takes: it says whole photos and has no method redact_scene")
        return
    given = photos(3)
    boxes = np.repeat(np.array([[60, 60, 200, 220]], np.float32), 3, axis=0)
    marks = np.repeat(align.template(256)[None], 3, axis=0)
    back = made.redact_scene(given, Detections(given.ids, given.ids, boxes, marks, np.ones(3, np.float32)))
    ask(isinstance(back, Photos), f"redact_scene gave {type(back).__name__}, not Photos")
    ask(sorted((*back.ids, *back.skipped)) == sorted(given.ids), "redact_scene: some photos are neither made nor in skipped")
    for one in back.ids:
        ask(back.open(one).shape == given.open(one).shape, "redact_scene: a photo came back in another size")
        ask((back.open(one) != given.open(one)).any(), "redact_scene: a photo came back as it was")


@check("attacker")
def check_the_very_same_pictures_match(bench: Bench) -> None:
    """An attack that does not know a picture again measures nothing."""
    given = material_of(bench, COUNT)
    out = work(bench, bench.make(), given)
    place = {name: n for n, name in enumerate(out.gallery_ids)}
    rows = [(n, place[name]) for n, name in enumerate(out.probe_ids) if name in place]
    ask(rows, "no probe was scored, although drawn faces with known landmarks were given")
    right = sum(out.scores[n, at] >= out.scores[n].max() - 1e-6 for n, at in rows)
    ask(right == len(rows), f"{len(rows) - right} of {len(rows)} pictures are not most like themselves")


@check("attacker")
def check_probes_are_judged_one_by_one(bench: Bench) -> None:
    """The probes of a large database come in several calls; an attack that follows from the company of a probe would change."""
    given, made = material_of(bench, COUNT), bench.make()
    made.prepare(briefing(given))
    whole = made.attack(given)
    for n, name in enumerate(whole.probe_ids):
        alone = made.attack(given.take([given.ids.index(name)]))
        ask(alone.probe_ids == (name,), f"probe {n} gives a score among others and none alone")
        ask(np.allclose(alone.scores[0], whole.scores[n], atol=1e-4), f"probe {n} is scored differently alone")
