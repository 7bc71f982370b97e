"""What will run: the methods, attacks and judges of a recipe with their components resolved."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from deidframe.contract.artifacts import Embeddings
from deidframe.contract.photos import Photos
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.components.identity import same_way, short
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.runtime.progress import Quiet, Reporter
from deidframe.recipe.model import AttackSpec, ElbowSpec, SceneSpec
from deidframe.recipe.parse import Parsed, slug
from deidframe.record.schema import METRICS

ROLE_OF_KEY = {
    "encoder": "encoder",
    "clusterer": "clusterer",
    "outliers": "outlier-handler",
    "anonymizer": "anonymizer",
    "synthesizer": "synthesizer",
    "redactor": "redactor",
    "released": "source",
}


PIXELS = "pixels"
"""What an attacker sees with that asks for no recogniser."""
KEY_OF_ROLE = {role: key for key, role in ROLE_OF_KEY.items()}


@dataclass(frozen=True)
class MethodPlan:
    """One method: all of k and the five steps, a redactor, a clusterer alone whose groups are measured, or a foreign release.

    Of a release that another tool made, `pairs` is the file that says whose pictures it shows, and `candidates` are redactors
    with the parameters that are tried where the tool's are guessed. `beside` are encoders in which it groups besides its own,
    `then` redactors that take what it made.
    """

    name: str
    k: int | None
    steps: dict[str, Step]
    within: tuple[Step, str] | None = None
    equal_counts: bool = False
    pairs: str | None = None
    candidates: tuple[Step, ...] = ()
    beside: tuple[Step, ...] = ()
    then: tuple[Step, ...] = ()

    @property
    def encoders(self) -> tuple[Step, ...]:
        """The encoder of its targets, and those in which it groups besides."""
        return (self.steps["encoder"], *self.beside) if "encoder" in self.steps else ()

    @property
    def foreign(self) -> bool:
        """Whether another tool made what is looked at and attacked."""
        return "released" in self.steps

    @property
    def slug(self) -> str:
        """Folder name."""
        return slug(self.name)

    @property
    def per_person(self) -> bool:
        """Whether the anonymizer gives each person a target of its own, which breaks the promise of k."""
        return "anonymizer" in self.steps and self.steps["anonymizer"].per_person

    @property
    def promised_k(self) -> int | None:
        """The k that the certificate has to hold."""
        return None if self.per_person else self.k

    @property
    def promise(self) -> str:
        """What the anonymizer promises without k, or does beyond it, in words for the certificate; "" for nothing."""
        if "anonymizer" not in self.steps or self.k is None:
            return ""
        params = self.steps["anonymizer"].params
        return params.promise if self.per_person else params.beyond_k(self.k)

    @property
    def shows(self) -> str:
        """The components by whose design a surrogate may be one real person's face."""
        return " and ".join(step.name for step in self.steps.values() if step.loaded.component.shows_person)

    @property
    def settings(self) -> str:
        """Equal for methods of two runs that do the same."""
        parts = {role: same_way(step) for role, step in sorted(self.steps.items())}
        within = [same_way(self.within[0]), self.within[1]] if self.within else None
        more = [[same_way(step) for step in self.beside], [same_way(step) for step in self.then]]
        return short([parts, *more, within, self.k, self.equal_counts])

    @property
    def grouping(self) -> bool:
        """Whether it makes groups and nothing else."""
        return "clusterer" in self.steps and "synthesizer" not in self.steps

    @property
    def grouping_key(self) -> str:
        """Equal for methods that put the same people into the same groups."""
        parts = [step.key for step in self.encoders]
        parts += [self.steps[name].key for name in ("clusterer", "outliers") if name in self.steps]
        return "|".join([*parts, str(self.k), f"{self.within[0].key}|{self.within[1]}" if self.within else ""])

    @property
    def sees(self) -> frozenset[str]:
        """Names of the encoders that made its groups or that it was aimed by: an attacker who sees with one is no stranger."""
        names = {step.name for step in self.encoders}
        every = (*self.steps.values(), *self.then)
        return frozenset(names | {other.name for step in every for other in step.recognizers.values()})

    @property
    def protects(self) -> bool:
        """False for a baseline whose faces are measured and never released, for a grouping and for what another tool released."""
        if self.grouping or self.foreign:
            return False
        made = all(step.loaded.component.protects for step in self.steps.values())
        return made or any(step.loaded.component.protects for step in self.then)


@dataclass(frozen=True)
class AttackPlan:
    """One attack and the encoder that it sees with, None where it sees pixels; its name, with the encoder's of several.

    `knows` is the number of other members of a group that are known, None for all; `own` a source of the attacker's own people.
    """

    name: str
    spec: AttackSpec
    step: Step
    encoder: Step | None
    knows: int | None = None
    own: Step | None = None

    @property
    def protocol(self) -> str:
        """Equal for attacks of two runs that do the same to people, whatever they are called."""
        asked = self.spec.model_dump(mode="json", exclude={"name", "encoders", "knows", "params", "own", "use"})
        return short([asked, self.knows, same_way(self.step), same_way(self.encoder), same_way(self.own), METRICS])

    @property
    def sees(self) -> str:
        """What it sees with."""
        return self.encoder.name if self.encoder else PIXELS


@dataclass(frozen=True)
class ElbowPlan:
    """One elbow: whose parameter it is for, and the encoder of its encodings, none where the source gives encodings."""

    spec: ElbowSpec
    clusterer: Step
    encoder: Step | None


@dataclass(frozen=True)
class QualityPlan:
    """What released pictures are looked at with; at least one encoder. `utility` names what classifiers learn of people."""

    encoders: tuple[Step, ...]
    detectors: tuple[Step, ...]
    attributes: Step | None
    expression: Step | None = None
    utility: tuple[str, ...] = ()


@dataclass(frozen=True)
class AuditPlan:
    """The second detector; without an encoder a released face is held against its original by its pixels alone."""

    detector: Step
    encoder: Step | None


@dataclass(frozen=True)
class GatePlan:
    """Whether every label is one person: who looks, and what is done about two that look alike.

    Args:
        encoder: one that can tell, None where none is installed.
        decision: `"stop"`, `"merge"` or `"apart"`.
        decisions: a CSV of the owner's answers, used with `"stop"`.
    """

    encoder: Step | None
    decision: str
    decisions: Path | None = None


@dataclass(frozen=True)
class ScenePart:
    """Faces are drawn into whole photos.

    Args:
        spec: the recipe's.
        detectors: what any of them sees is covered.
        landmarker: lays a mesh over each face.
    """

    spec: SceneSpec
    detectors: tuple[Step, ...]
    landmarker: Step


@dataclass(frozen=True)
class Plan:
    """All that a run will do.

    Args:
        parsed: the recipe.
        photos: the whole database, unopened; without any where the source gives encodings.
        people: the person of each photo or encoding.
        labelled: the source says who they are.
        source, detector: steps; no detector where there are only encodings.
        encodings: of a source of encodings.
        finder: clusterer and encoder that find the people, where the recipe says so; `people` then holds one for each picture.
        audit: a second detector.
        elbows: curves for the report.
        quality: how released pictures are judged besides.
        methods, attacks: in the recipe's order.
        limit: how many pictures are taken, None for all.
        sample: whole people are drawn until they have so many pictures, None for everybody.
        whole: pictures, or encodings, that the source lists.
        gate: whether every label is one person; None where no method promises k.
        faces: which of several faces of a picture is meant: `"centre"`, `"largest"`, `"every"` or `"labelled
            person"`.
        notes: what the owner should know of the database before anything runs.
        scene: whole photos are released, and no pictures of faces.
        measures: figures of plugins, by their names.
    """

    parsed: Parsed
    photos: Photos
    people: tuple[str, ...]
    source: Step
    detector: Step | None
    methods: tuple[MethodPlan, ...]
    attacks: tuple[AttackPlan, ...]
    limit: int | None = None
    encodings: Embeddings | None = None
    labelled: bool = True
    finder: tuple[Step, Step] | None = None
    elbows: tuple[ElbowPlan, ...] = ()
    quality: QualityPlan | None = None
    audit: AuditPlan | None = None
    gate: GatePlan | None = None
    faces: str = "centre"
    notes: tuple[str, ...] = ()
    scene: ScenePart | None = None
    sample: int | None = None
    whole: int = 0
    measures: tuple[tuple[str, Step], ...] = ()

    def pool(self, scratch: Path, reporter: Reporter, *, offline: bool = False, cache: DiskCache | None = None) -> ComponentPool:
        """Return an empty pool for its components."""
        seed, networked = self.parsed.recipe.seed, self.source.networked
        return ComponentPool(seed, self.detector, scratch, reporter, offline=offline, cache=cache, networked=networked)

    @property
    def person_count(self) -> int:
        """How many different people the source names."""
        return len(set(self.people))

    def encoders(self, method: MethodPlan) -> dict[str, Step]:
        """Return the encoders in which a method is measured, by key: its own and every attack's."""
        steps = method.encoders
        judges = self.quality.encoders if self.quality else ()
        return {step.key: step for step in (*steps, *(a.encoder for a in self.attacks if a.encoder), *judges)}

    def judges(self, method: MethodPlan) -> tuple[Step, ...]:
        """Return the encoders in which a method is shown: judges and attackers, those first that it does not use itself."""
        steps = [*(self.quality.encoders if self.quality else ()), *(a.encoder for a in self.attacks if a.encoder)]
        found = {step.key: step for step in (*steps, *method.encoders)}
        return tuple(sorted(found.values(), key=lambda step: step.name in method.sees))

    def released_folder(self, method: MethodPlan) -> Path | None:
        """Return where the pictures of a foreign release lie, where nothing may be written; None where they lie in no folder."""
        listed = self.listed(method.steps["released"])
        return listed.folder if listed is not None else None

    def listed(self, source: Step) -> Photos | None:
        """Return what another source than that of the database lists, None where it gives encodings."""
        with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
            found = ComponentPool(self.parsed.recipe.seed, None, Path(scratch), Quiet()).call(source)
        return found if isinstance(found, Photos) else None

    def steps(self) -> tuple[Step, ...]:
        """Return every step once."""
        all_steps = [
            self.source,
            *([self.detector] if self.detector else []),
            *(s for m in self.methods for s in (*m.steps.values(), *m.beside, *m.then)),
            *(m.within[0] for m in self.methods if m.within),
        ]
        all_steps += [*(self.finder or ()), *(e.encoder for e in self.elbows if e.encoder)]
        all_steps += [s for a in self.attacks for s in (a.step, a.encoder, a.own) if s]
        all_steps += [step for method in self.methods for step in method.candidates]
        if self.audit:
            all_steps += [self.audit.detector, *([self.audit.encoder] if self.audit.encoder else [])]
        if self.quality:
            judges = [step for step in (self.quality.attributes, self.quality.expression) if step is not None]
            all_steps += [*self.quality.encoders, *self.quality.detectors, *judges]
        all_steps += [step for _, step in self.measures]
        if self.gate and self.gate.encoder:
            all_steps.append(self.gate.encoder)
        if self.scene:
            all_steps.append(self.scene.landmarker)
        all_steps += [other for step in all_steps for other in step.recognizers.values()]
        return tuple({step.key: step for step in all_steps}.values())
