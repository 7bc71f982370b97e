"""Resolve the names of a recipe, and gather what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from deidframe.contract.component import Component, Need
from deidframe.contract.errors import PluginError
from deidframe.engine.components.step import Step
from deidframe.engine.planning.plan import (
    ROLE_OF_KEY,
    AttackPlan,
    AuditPlan,
    ElbowPlan,
    GatePlan,
    MethodPlan,
    QualityPlan,
)
from deidframe.host.catalogue import Catalogue
from deidframe.host.known import where_from
from deidframe.host.local import with_local
from deidframe.models.processor import has_bfloat16, has_int8
from deidframe.recipe.diagnostics import Diagnostic, diagnostics_of, nearest
from deidframe.recipe.locate import KeyPath
from deidframe.recipe.model import (
    BEFORE,
    AttackSpec,
    AuditSpec,
    Decisions,
    ElbowSpec,
    Part,
    QualitySpec,
    SourceSpec,
)
from deidframe.recipe.parse import Method, Parsed


def known_to(parsed: Parsed, catalogue: Catalogue) -> Catalogue:
    """Return what is installed and what the recipe's own files bring.

    Raises:
        RecipeError: one of the files is no plugin.
    """
    try:
        return with_local(catalogue, parsed.recipe.plugins, Path(parsed.file).parent)
    except PluginError as error:
        raise parsed.refuse([Diagnostic("P103", ("plugins",), str(error))]) from error


class Planner:
    """Resolves names and gathers complaints.

    Args:
        parsed: the recipe.
        catalogue: what is installed.
    """

    def __init__(self, parsed: Parsed, catalogue: Catalogue) -> None:
        self.parsed, self.catalogue = parsed, catalogue
        self.complaints: list[Diagnostic] = []
        self.cautions: dict[str, None] = {}

    def complain(self, code: str, path: KeyPath, message: str) -> None:
        """Note one thing that is wrong, once."""
        found = Diagnostic(code, path, message)
        if found not in self.complaints:  # a sweep meets the same mistake once for each value
            self.complaints.append(found)

    def part(self, role: str, part: Part | AttackSpec, at: KeyPath) -> Step | None:
        """Resolve the component of a table of the recipe, or complain and return None."""
        return self.step(role, part.use, part.params, at, part.environment)

    def step(self, role: str, use: str, params: dict[str, Any], at: KeyPath, environment: str = "") -> Step | None:
        """Resolve one component, or complain and return None."""
        try:
            if self.catalogue.find(role, use, environment) is None:
                names = self.catalogue.names(role)
                said = f'no {role} is called "{use}" in {environment!r}' if environment else self.missing(role, use, names)
                self.complain("P101", (*at, "use"), said)
                return None
            loaded = self.catalogue.load(role, use, environment)
        except PluginError as error:
            self.complain("P102", (*at, "environment" if environment else "use"), str(error))
            return None
        if role == "encoder" and _has_choice(loaded.component):
            asked = self.parsed.recipe.precision
            if params.get("precision", asked) != asked:
                said = (
                    f'"{use}" is asked for {params["precision"]} and the run is of {asked}; encodings of two precisions are not'
                )
                self.complain("R137", (*at, "params"), f"{said} compared: set precision of the whole recipe")
                return None
            told = _unable(loaded.component, asked)
            if told:
                self.complain("R137", ("precision",), f'{told}: take "f32"')
                return None
            params = {"precision": asked, **params}
        try:
            checked = loaded.component.params.model_validate(params)
        except ValidationError as error:
            for one in diagnostics_of(error, loaded.component.params, (*at, "params")):
                self.complain(one.code, one.path, one.message)
            return None
        others: dict[str, Step] = {}
        for name in checked.recognizers:
            found = self.encoder(name, (*at, "params"))
            if found is None:
                return None
            others[name] = found
        if checked.caution:
            self.cautions[f"{role} {use}: {checked.caution}"] = None
        return Step(role, loaded, checked, others)

    def encoder(self, name: str, at: KeyPath) -> Step | None:
        """Resolve an encoder that is named besides the recipe's tables, or complain and return None."""
        names = self.catalogue.names("encoder")
        if name in names:
            return self.step("encoder", name, {}, at)
        self.complain("P101", at, self.missing("encoder", name, names))
        return None

    def _aims(self, name: str) -> bool:
        """Return whether an installed synthesizer follows the targets; one that cannot be loaded does not."""
        try:
            return self.catalogue.load("synthesizer", name).component.takes_targets
        except PluginError:
            return False

    def missing(self, role: str, use: str, names: Sequence[str]) -> str:
        """Say that no component is called so: which distribution brings it, or which names there are."""
        elsewhere = where_from(role, use)
        listed = ", ".join(names) or f"no {role} is installed"
        return elsewhere or f'no {role} is called "{use}"; installed: {listed}{nearest(use, names)}'

    def method(self, method: Method) -> MethodPlan | None:
        """Resolve a method, or complain and return None."""
        steps: dict[str, Step] = {}
        beside: tuple[Step, ...] = ()
        whole = True
        for key, role in ROLE_OF_KEY.items():
            part: Part | tuple[str, ...] | None = getattr(method.spec, key)
            if part is None:
                continue
            if isinstance(part, tuple):  # names of encoders
                found = [self.step(role, name, {}, (*method.at, key, place)) for place, name in enumerate(part)]
                known = [step for step in found if step is not None]
                whole = whole and len(known) == len(found)
                if known:
                    steps[key], beside = known[0], tuple(known[1:])
                continue
            step = self.part(role, part, (*method.at, key))
            whole = whole and step is not None
            if step is not None:
                steps[key] = step
        if not whole:
            return None
        for key in ("clusterer", "outliers"):
            if beside and key in steps and steps[key].accepted_spaces:
                listed = ", ".join(steps[key].accepted_spaces)
                said = f'"{steps[key].name}" works on encodings of {listed} alone, not on several together'
                self.complain("R120", (*method.at, key), said)
        if "encoder" in steps:
            spaces = steps["encoder"].loaded.component.spaces
            for key in ("clusterer", "outliers", "anonymizer", "synthesizer"):
                accepted = steps[key].accepted_spaces if key in steps else ()
                if accepted and spaces and not set(accepted) & set(spaces):
                    self.complain(
                        "R120",
                        (*method.at, key),
                        f'"{steps[key].name}" works on encodings of {", ".join(accepted)}, not of {", ".join(spaces)}',
                    )
        if {"anonymizer", "synthesizer"} <= set(steps):
            moved, drawn = steps["anonymizer"], steps["synthesizer"]
            if moved.loaded.component.moves_targets and not drawn.loaded.component.takes_targets:
                able = [name for name in self.catalogue.names("synthesizer") if self._aims(name)]
                self.complain(
                    "R120",
                    (*method.at, "synthesizer"),
                    f'"{drawn.name}" is made of its members\' pixels and would not follow the targets that "{moved.name}" moves;'
                    f' take {" or ".join(able) or "a synthesizer that aims"}, or anonymizer = {{ use = "centroid" }}',
                )
        within: tuple[Step, str] | None = None
        if method.spec.within is not None:
            judge = self.encoder(method.spec.within.use, (*method.at, "within", "use"))
            if judge is None:
                return None
            within = (judge, method.spec.within.by)
        after = [self.part("redactor", part, (*method.at, "then", place)) for place, part in enumerate(method.spec.then)]
        then = tuple(step for step in after if step is not None)
        if len(then) < len(after):
            return None
        for place, step in enumerate(then):
            if step.params.takes == "scene":
                said = f'"{step.name}" takes whole photos here, and what a method made are faces'
                self.complain("R132", (*method.at, "then", place), said)
        guessed = self.guessed() if "released" in steps else ()
        equal, pairs = method.spec.equal_counts, method.spec.map
        return MethodPlan(method.name, method.spec.k, steps, within, equal, pairs, guessed, beside, then)

    def guessed(self) -> tuple[Step, ...]:
        """Return all redactors that say how they are undone, with each of the parameters that they name for guessing."""
        out = []
        for name in self.catalogue.names("redactor"):
            try:
                loaded = self.catalogue.load("redactor", name)
                out += [Step("redactor", loaded, loaded.component.params.model_validate(p)) for p in loaded.component.guesses]
            except (PluginError, ValidationError):  # a broken plugin that the recipe does not name stops nothing
                continue
        return tuple(out)

    def attack(self, row: int, spec: AttackSpec, grouping: Sequence[str]) -> list[AttackPlan]:
        """Resolve an attack: one plan for each encoder that it is to see with."""
        at: KeyPath = ("attack", row)
        step = self.part("attacker", spec, at)
        own = self.part("source", spec.own, (*at, "own")) if spec.own is not None else None
        if step is None or (spec.own is not None and own is None):
            return []
        for place, name in enumerate(spec.others):
            known_methods = [method.name for method in self.parsed.methods]
            if name == BEFORE and self.parsed.recipe.release.before:
                continue
            if name not in known_methods:
                said = f'no method is called "{name}"{nearest(name, known_methods)}'
                self.complain("R135", (*at, "with", place), said)
        if not step.needs(Need.RECOGNIZER):
            if spec.encoders:
                self.complain("R132", (*at, "encoders"), f'"{step.name}" looks at pixels and sees with no encoder')
            return [AttackPlan(called, spec, step, None, knows, own) for called, knows in _by_knowledge(spec, spec.name)]
        asked = step.params.attack_encoders
        if spec.encoders:
            wanted = [(name, (*at, "encoders", place)) for place, name in enumerate(spec.encoders)]
        elif len(asked) == 1:
            wanted = [(asked[0], (*at, "params", "encoder"))]
        else:  # the attack should not see with the encoder that made the groups, where there is another
            names = self.catalogue.names("encoder")
            usable = [name for name in dict.fromkeys((*asked, *names)) if name in names]
            if not usable:
                self.complain("P101", at, "an attack needs an encoder and none is installed")
                return []
            wanted = [(next((name for name in usable if name not in grouping), usable[0]), at)]
        plans = []
        for name, where in wanted:
            try:
                known = self.catalogue.find("encoder", name) is not None
            except PluginError as error:
                self.complain("P102", where, str(error))
                continue
            encoder = self.step("encoder", name, {}, where) if known else self.encoder(name, where)
            if encoder is not None:
                called = f"{spec.name}, {encoder.name}" if len(wanted) > 1 else spec.name
                plans += [AttackPlan(name, spec, step, encoder, knows, own) for name, knows in _by_knowledge(spec, called)]
        return plans

    def quality(self, spec: QualitySpec | None, attackers: Sequence[Step]) -> QualityPlan | None:
        """Resolve the judges of released pictures: those of the recipe, and the encoders of attacks."""
        if spec is None:
            return None
        at: KeyPath = ("quality",)
        encoders = [self.encoder(name, (*at, "encoders", row)) for row, name in enumerate(spec.encoders)]
        detectors = [self.step("detector", name, {}, (*at, "detectors", row)) for row, name in enumerate(spec.detectors)]
        attributes = self.encoder(spec.attributes, (*at, "attributes")) if spec.attributes else None
        expression = self.encoder(spec.expression, (*at, "expression")) if spec.expression else None
        judges = {step.key: step for step in (*encoders, *attackers) if step}
        if not judges and not self.complaints:
            self.complain("R105", (*at, "encoders"), "is missing; without an attack nothing else says which encoder judges")
        found = tuple(step for step in detectors if step)
        return QualityPlan(tuple(judges.values()), found, attributes, expression, spec.utility)

    def audit(self, spec: AuditSpec | None, detector: Step | None) -> AuditPlan | None:
        """Resolve the second detector, or complain where it is the first one."""
        if spec is None:
            return None
        at: KeyPath = ("audit",)
        second = self.part("detector", spec.detector, (*at, "detector"))
        encoder = self.encoder(spec.encoder, (*at, "encoder")) if spec.encoder else None
        if second is None:
            return None
        if detector is not None and second.loaded.qualified == detector.loaded.qualified:
            self.complain(
                "R133", (*at, "detector"), f'"{second.name}" finds the faces already; a second look needs another detector'
            )
        return AuditPlan(second, encoder)

    def gate(self, spec: SourceSpec, methods: Sequence[MethodPlan | None], others: Sequence[Step]) -> GatePlan | None:
        """Choose who looks for people under two labels: an encoder that made no groups, and one that the run uses anyway."""
        if not any(m is not None and m.promised_k is not None for m in methods):
            return None
        grouping = {step.name for m in methods if m is not None for step in m.encoders}
        usable = {step.name: step for step in others if step.role == "encoder"}
        for name in self.catalogue.names("encoder"):
            try:
                component = self.catalogue.load("encoder", name).component
                if component.same_person and name not in usable:
                    kept = {"precision": self.parsed.recipe.precision} if _has_choice(component) else {}
                    usable[name] = Step("encoder", self.catalogue.load("encoder", name), component.params.model_validate(kept))
            except (PluginError, ValidationError):  # a broken plugin that the recipe does not name stops nothing
                continue
        able = [step for step in usable.values() if step.loaded.component.same_person]
        used = {step.name for step in others}

        def order(step: Step) -> tuple[bool, bool, float, str]:
            known = step.loaded.component.same_person
            sure = sum(mean for mean, _ in known.genuine) if known else 0.0
            return step.name in grouping, step.name not in used, -sure, step.name

        chosen = min(able, key=order, default=None)
        if isinstance(spec.same_person, Decisions):
            return GatePlan(chosen, "stop", spec.same_person.decisions)
        usually = "stop" if isinstance(spec.subjects, str) else "merge"
        return GatePlan(chosen, spec.same_person or usually)

    def elbow(self, row: int, spec: ElbowSpec) -> ElbowPlan | None:
        """Resolve a curve, or complain where the clusterer has none."""
        at: KeyPath = ("elbow", row)
        clusterer = self.step("clusterer", spec.use, {}, at)
        if clusterer is None:
            return None
        if not clusterer.loaded.component.elbow:
            self.complain("R132", (*at, "use"), f'"{spec.use}" has no parameter that is read off an elbow')
        return ElbowPlan(spec, clusterer, None if spec.encoder is None else self.encoder(spec.encoder, (*at, "encoder")))


def _unable(component: Component, precision: str) -> str:
    """Return why an encoder, or the processor, cannot compute in a precision; "" where both can."""
    able = get_args(component.params.model_fields["precision"].annotation)
    if able and precision not in able:
        return f'encoder "{component.name}" computes in {" or ".join(able)}, and all of a run in the same'
    if precision == "bf16" and not has_bfloat16():
        return "this processor does not multiply bfloat16 and would gain nothing"
    if precision == "int8" and not has_int8():
        return "this processor does not sum products of bytes (VNNI or AMX) and would round them more"
    return ""


def _has_choice(component: Component) -> bool:
    """Return whether an encoder computes in the precision that it is asked for."""
    return "precision" in component.params.model_fields


def _by_knowledge(spec: AttackSpec, called: str) -> list[tuple[str, int | None]]:
    """Return the name of an attack for each number of members that are known."""
    if len(spec.knows) < 2:
        return [(called, spec.knows[0] if spec.knows else None)]
    return [(f"{called}, knows {number}", number) for number in spec.knows]
