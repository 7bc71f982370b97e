"""Resolve every name of a recipe, check all that can be checked before anything runs, and list what will run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any

from pydantic import BaseModel, ValidationError

from deidframe.contract.component import Context, Need
from deidframe.contract.errors import DeidframeError, PluginError, UsageError
from deidframe.contract.photos import Photos
from deidframe.engine.seeds import derive
from deidframe.host.catalogue import Catalogue, Loaded
from deidframe.recipe.complain import Complaint, complaints_of, nearest
from deidframe.recipe.locate import Path
from deidframe.recipe.model import AttackSpec, Part
from deidframe.recipe.parse import Method, Parsed, slug

ROLE_OF_KEY = {
    "encoder": "encoder",
    "clusterer": "clusterer",
    "outliers": "outlier-handler",
    "anonymizer": "anonymizer",
    "synthesizer": "synthesizer",
    "redactor": "redactor",
}


@dataclass(frozen=True)
class Step:
    """A component with its validated parameters."""

    role: str
    loaded: Loaded
    params: BaseModel

    @property
    def key(self) -> str:
        """Equal for steps that do the same, so that they are made and run once."""
        return f"{self.role}|{self.loaded.qualified}|{json.dumps(self.params.model_dump(mode='json'), sort_keys=True)}"

    @property
    def name(self) -> str:
        """What the recipe calls it."""
        return self.loaded.component.name

    def needs(self, need: Need) -> bool:
        """Whether the component asks for this."""
        return need in self.loaded.component.needs


@dataclass(frozen=True)
class MethodPlan:
    """One method: either all of k and the five steps, or a redactor."""

    name: str
    k: int | None
    steps: dict[str, Step]

    @property
    def slug(self) -> str:
        """Folder name."""
        return slug(self.name)

    @property
    def protects(self) -> bool:
        """False for a baseline whose faces are measured and never released."""
        return all(step.loaded.component.protects for step in self.steps.values())


@dataclass(frozen=True)
class AttackPlan:
    """One attack and the encoder that it looks with."""

    spec: AttackSpec
    step: Step
    encoder: Step


@dataclass(frozen=True)
class Plan:
    """All that a run will do.

    Args:
        parsed: the recipe. photos: the whole database, unopened. people: the person of each photo.
        source, detector: steps. methods, attacks: in the recipe's order. limit: how many pictures are taken, None for all.
    """

    parsed: Parsed
    photos: Photos
    people: tuple[str, ...]
    source: Step
    detector: Step
    methods: tuple[MethodPlan, ...]
    attacks: tuple[AttackPlan, ...]
    limit: int | None = None

    @property
    def person_count(self) -> int:
        """How many different people the source names."""
        return len(set(self.people))

    def encoders(self, method: MethodPlan) -> dict[str, Step]:
        """Return the encoders in which a method is measured, by key: its own and every attack's."""
        steps = [method.steps["encoder"]] if "encoder" in method.steps else []
        return {step.key: step for step in (*steps, *(attack.encoder for attack in self.attacks))}

    def steps(self) -> tuple[Step, ...]:
        """Return every step once."""
        all_steps = [self.source, self.detector, *(s for m in self.methods for s in m.steps.values())]
        all_steps += [s for a in self.attacks for s in (a.step, a.encoder)]
        return tuple({step.key: step for step in all_steps}.values())


class _Planner:
    def __init__(self, parsed: Parsed, catalogue: Catalogue) -> None:
        self.parsed, self.catalogue = parsed, catalogue
        self.complaints: list[Complaint] = []

    def complain(self, code: str, path: Path, message: str) -> None:
        found = Complaint(code, path, message)
        if found not in self.complaints:  # a sweep meets the same mistake once for each value
            self.complaints.append(found)

    def step(self, role: str, use: str, params: dict[str, Any], at: Path) -> Step | None:
        """Resolve one component, or complain and return None."""
        try:
            if self.catalogue.find(role, use) is None:
                names = self.catalogue.names(role)
                listed = ", ".join(names) or f"no {role} is installed"
                self.complain("P101", (*at, "use"), f'no {role} is called "{use}"; installed: {listed}{nearest(use, names)}')
                return None
            loaded = self.catalogue.load(role, use)
        except PluginError as error:
            self.complain("P102", (*at, "use"), str(error))
            return None
        try:
            return Step(role, loaded, loaded.component.params.model_validate(params))
        except ValidationError as error:
            for one in complaints_of(error, loaded.component.params, (*at, "params")):
                self.complain(one.code, one.path, one.message)
            return None

    def method(self, method: Method) -> MethodPlan | None:
        steps: dict[str, Step] = {}
        whole = True
        for key, role in ROLE_OF_KEY.items():
            part: Part | None = getattr(method.spec, key)
            if part is None:
                continue
            step = self.step(role, part.use, part.params, (*method.at, key))
            whole = whole and step is not None
            if step is not None:
                steps[key] = step
        if not whole:
            return None
        if "encoder" in steps:
            spaces = steps["encoder"].loaded.component.spaces
            for key in ("clusterer", "outliers", "anonymizer", "synthesizer"):
                accepted = steps[key].loaded.component.spaces
                if accepted and spaces and not set(accepted) & set(spaces):
                    self.complain(
                        "R120",
                        (*method.at, key),
                        f'"{steps[key].name}" works on encodings of {", ".join(accepted)}, not of {", ".join(spaces)}',
                    )
        return MethodPlan(method.name, method.spec.k, steps)

    def attack(self, row: int, spec: AttackSpec, grouping: Sequence[str]) -> AttackPlan | None:
        at: Path = ("attack", row)
        step = self.step("attacker", spec.use, spec.params, at)
        if step is None:
            return None
        wanted = getattr(step.params, "encoder", None)
        if wanted is None:
            # the attack should not look with the encoder that made the groups, where there is another
            names = self.catalogue.names("encoder")
            others = [name for name in ("sface", *names) if name in names and name not in grouping]
            if not (others or names):
                self.complain("P101", at, "an attack needs an encoder and none is installed")
                return None
            wanted = (others or names)[0]
        where: Path = (*at, "params", "encoder")
        try:
            if self.catalogue.find("encoder", wanted) is None:
                names = self.catalogue.names("encoder")
                listed = ", ".join(names) or "none"
                self.complain("P101", where, f'no encoder is called "{wanted}"; installed: {listed}{nearest(wanted, names)}')
                return None
        except PluginError as error:
            self.complain("P102", where, str(error))
            return None
        encoder = self.step("encoder", wanted, {}, where)
        return None if encoder is None else AttackPlan(spec, step, encoder)


def plan(parsed: Parsed, catalogue: Catalogue, scratch: Folder, limit: int | None = None) -> Plan:
    """Check a recipe against what is installed and against its database.

    Args:
        parsed: the recipe. catalogue: what is installed. scratch: an existing folder. limit: take only so many pictures.

    Raises:
        RecipeError: everything wrong that can be known without opening a picture; nothing ran.
        NothingToDo: the source holds no picture. UsageError: the source cannot be listed, or limit is not positive.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: expected a number of pictures of at least 1")
    recipe = parsed.recipe
    planner = _Planner(parsed, catalogue)
    source = planner.step("source", recipe.source.use, recipe.source.params, ("source",))
    detector = planner.step("detector", recipe.detector.use, recipe.detector.params, ("detector",))
    methods = [planner.method(m) for m in parsed.methods]
    grouping = [m.spec.encoder.use for m in parsed.methods if m.spec.encoder]
    attacks = [planner.attack(row, spec, grouping) for row, spec in enumerate(recipe.attack)]
    photos: Photos | None = None
    people: tuple[str, ...] = ()
    if source is not None:
        photos, people = _database(planner, source, scratch, limit)
        count = len(set(people))
        for method in parsed.methods:
            if people and method.spec.k is not None and method.spec.k > count:
                at: Path = (*method.at, "sweep") if "k" in _swept(planner, method) else (*method.at, "k")
                planner.complain("R131", at, f"k = {method.spec.k} is larger than the number of people, {count}")
    if planner.complaints or source is None or detector is None or photos is None:
        raise parsed.refuse(planner.complaints)
    return Plan(
        parsed,
        photos,
        people,
        source,
        detector,
        tuple(m for m in methods if m is not None),
        tuple(a for a in attacks if a is not None),
        limit,
    )


def _swept(planner: _Planner, method: Method) -> tuple[str, ...]:
    row = method.at[1]
    assert isinstance(row, int)
    return tuple(planner.parsed.recipe.method[row].sweep)


def _database(planner: _Planner, source: Step, scratch: Folder, limit: int | None) -> tuple[Photos | None, tuple[str, ...]]:
    """List the pictures and say who is on each, as the recipe states."""
    seed = derive(planner.parsed.recipe.seed, source.key)
    loaded = source.loaded.make(source.params, Context(seed=seed, scratch=scratch)).load()
    if not isinstance(loaded, Photos):
        raise DeidframeError(f"source {source.loaded.qualified}: expected Photos, got {type(loaded).__name__}")
    photos = loaded if limit is None else loaded.take(range(min(limit, len(loaded))))
    if planner.parsed.recipe.source.subjects == "one-per-image":
        return photos, photos.ids
    if photos.subjects is None:
        planner.complain(
            "R130",
            ("source", "subjects"),
            f'"labelled" needs a source that names people, and "{source.name}" does not here;'
            ' say "one-per-image" if every picture shows another person',
        )
        return photos, ()
    return photos, photos.subjects
