"""The shape of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f/\\]+$")]
Use = Annotated[str, Field(min_length=1, max_length=120)]
Environment = Annotated[str, Field(pattern=r"^(venv:.+)?$", max_length=4096)]
"""`venv:` and the folder of a virtual environment, relative to the recipe's."""
COVERS = ("fill", "mosaic")
"""Covers of scenes that need no plugin."""
CHAIN = ("encoder", "clusterer", "outliers", "anonymizer", "synthesizer")
"""The keys of a k-Same method, in the order in which they work."""


class Table(BaseModel):
    """A recipe table: unknown keys are errors and nothing is converted in silence."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Part(Table):
    """Which component, and its parameters; `environment` is the virtual environment that it is installed in, where it has one."""

    use: Use
    params: dict[str, Any] = {}
    environment: Environment = ""


class FoundSubjects(Part):
    """People are found: a clusterer groups the pictures by who is on them, as this encoder sees them."""

    encoder: Use


class WithinSpec(Table):
    """Groups are made within an apparent attribute (k-Same-Select), as the encoder `use` sees it: sex, or bands of 20 years."""

    use: Use
    by: Literal["sex", "age"] = "sex"


class Decisions(Table):
    """A CSV that says of pairs of labels whether they are one person: the columns a, b and same (yes or no)."""

    decisions: Annotated[Path, Field(strict=False)]


class SourceSpec(Part):
    """Where the pictures come from and who is on them; there is no default that guesses who is who.

    `same_person` says what to do where two labels look like one person; without it labels stop the run, and people whom a
    clusterer found are merged. `faces` says which of several faces of a picture is meant. `carry`
    names columns of the owner's table that may be released where a whole group shares the value. With `fictitious` the owner says
    that nobody of them exists, so that their untouched pictures may be shown in the public report.
    """

    subjects: Literal["labelled", "one-per-image"] | FoundSubjects
    same_person: Literal["stop", "merge", "apart"] | Decisions | None = None
    faces: Literal["centre", "largest", "every", "labelled person"] | None = None
    fictitious: bool = False
    carry: Annotated[tuple[Name, ...], Field(max_length=50, strict=False)] = ()


class MethodSpec(Table):
    """One way to protect the database (a k-Same chain, or a redactor), or a grouping that is only measured.

    With `equal_counts` the people of a group release as many pictures each as the one with the fewest; the rest is withheld.
    `encoder` may be a list of names: groups are then made in all of them together, and targets lie in the first one's encodings.
    A grouping has a clusterer and no synthesizer. With k it groups people; without k it finds people among pictures.
    `then` are redactors that take what the method made, one after the other.
    `released` is a source of what another tool released of this database, which is looked at and attacked; `map` a CSV that says
    which of its pictures shows which original.
    """

    name: Name
    k: Annotated[int, Field(ge=2, le=1_000_000)] | None = None
    encoder: Part | Annotated[tuple[Use, ...], Field(min_length=1, max_length=8, strict=False)] | None = None
    clusterer: Part | None = None
    within: WithinSpec | None = None
    outliers: Part | None = None
    anonymizer: Part | None = None
    synthesizer: Part | None = None
    redactor: Part | None = None
    then: Annotated[tuple[Part, ...], Field(max_length=5, strict=False)] = ()
    released: Part | None = None
    map: str | None = None
    equal_counts: bool = False
    sweep: dict[str, Any] = {}

    @property
    def encoders(self) -> tuple[Part, ...]:
        """The encoder of its targets, and those in which it groups besides."""
        if isinstance(self.encoder, tuple):
            return tuple(Part(use=name) for name in self.encoder)
        return (self.encoder,) if self.encoder is not None else ()

    @model_validator(mode="after")
    def _whole(self) -> MethodSpec:
        if isinstance(self.encoder, tuple) and len(set(self.encoder)) < len(self.encoder):
            raise ValueError(f"encoder names one twice: {', '.join(self.encoder)}")
        if isinstance(self.encoder, tuple) and len(self.encoder) > 1 and (self.k is None or self.clusterer is None):
            raise ValueError("several encoders are for groups of people; give k and a clusterer, or one encoder")
        chain = [key for key in CHAIN if getattr(self, key) is not None]
        if self.within is not None and (self.clusterer is None or self.k is None):
            raise ValueError("within says how a clusterer groups people; give clusterer and k with it")
        if self.equal_counts and self.synthesizer is None:
            raise ValueError("equal_counts evens out the files of groups; it needs a method that gives groups one picture")
        if self.then and self.redactor is None and self.synthesizer is None:
            raise ValueError("then takes what a redactor or a synthesizer made; a grouping and another tool's release have none")
        if self.map is not None and self.released is None:
            raise ValueError("map says which picture of released shows which original; give released with it")
        if self.released is not None:
            others = [*chain, *(["k"] if self.k is not None else []), *(["redactor"] if self.redactor is not None else [])]
            if others:
                raise ValueError(f"released was made by another tool; leave out {', '.join(others)}")
            return self
        if self.redactor is not None:
            extra = [*chain, *(["k"] if self.k is not None else [])]
            if extra:
                raise ValueError(f"a method with a redactor has no {', '.join(extra)}")
            return self
        if self.clusterer is not None and self.synthesizer is None and self.anonymizer is None:
            if self.outliers is not None and self.k is None:
                raise ValueError("outliers are settled into groups of at least k people; give k, or leave outliers out")
            return self
        missing = [key for key in ("k", *CHAIN) if getattr(self, key) is None]
        if missing:
            raise ValueError(f"a method needs either redactor, released, or k, {', '.join(CHAIN)}; missing: {', '.join(missing)}")
        return self


Threat = Literal[
    "clear",
    "naive",
    "linkage",
    "shared",
    "replay",
    "inversion",
    "informed",
    "parrot",
    "reversal",
    "intersection",
    "membership",
    "attribute",
    "surroundings",
]


LEARNING: frozenset[str] = frozenset({"parrot", "reversal"})
"""Threats whose attacker learns on people of its own: half of the database, in turn, or another source."""
BEFORE = "before"
"""In the `with` of an attack: the earlier releases of the same method."""
UNBOUND: frozenset[str] = frozenset({"informed", "intersection"})
"""Threats against which k-anonymity promises nothing: who knows the others of a group, or has another release."""


class AttackSpec(Table):
    """One attempt to find out who is who.

    `knows` (with `informed`) is how many other members of a group are known, all without it, and several numbers make an attack
    each; `budget` is in seconds; `own` is a source of people to
    learn on; `with` (with `intersection`) names
    methods whose releases the attacker has, too; `pictures` of one person are taken together.
    """

    name: Name
    use: Use
    threat: Threat
    gallery: Literal["enrol", "exact", "unseen"] = "enrol"
    encoders: Annotated[tuple[Use, ...], Field(max_length=10, strict=False)] = ()
    pictures: Annotated[int, Field(ge=1, le=100)] = 1
    knows: Annotated[tuple[Annotated[int, Field(ge=1, le=1_000_000)], ...], Field(max_length=20, strict=False)] = ()
    budget: Annotated[float, Field(gt=0, le=1e7)] | None = None
    own: Part | None = None
    attribute: Literal["sex", "age"] | None = None
    others: Annotated[tuple[Name, ...], Field(max_length=20, strict=False)] = Field(default=(), alias="with")
    params: dict[str, Any] = {}
    environment: Environment = ""

    @field_validator("knows", mode="before")
    @classmethod
    def _one_or_several(cls, given: Any) -> Any:
        return (given,) if isinstance(given, int) else given

    @model_validator(mode="after")
    def _sensible(self) -> AttackSpec:
        if self.knows and self.threat != "informed":
            raise ValueError('knows says how many other members of a group are known; give threat "informed" with it')
        if bool(self.others) != (self.threat == "intersection"):
            raise ValueError(
                'with names the methods whose releases are joined; threat "intersection" needs it, and no other has it'
            )
        if self.own is not None and self.threat not in LEARNING:
            raise ValueError("own says whom an attacker learns on; only threats parrot and reversal learn")
        if (self.attribute is not None) != (self.threat == "attribute"):
            raise ValueError('threat "attribute" needs attribute = "sex" or "age", and no other threat has it')
        if self.threat in ("membership", "attribute") and self.pictures > 1:
            raise ValueError(f"{self.threat} is judged by all pictures of a person")
        if self.threat == "surroundings" and self.pictures > 1:
            raise ValueError("surroundings are found in one picture")
        if self.gallery == "unseen" and self.threat in ("clear", "linkage", "membership", "attribute"):
            raise ValueError(f'threat "{self.threat}" has no gallery of pictures that a method never saw')
        if self.threat == "clear" and self.gallery == "exact":
            raise ValueError('threat "clear" needs gallery "enrol": untouched probes would be matched against themselves')
        return self


class ElbowSpec(Table):
    """A curve of the report from which a number of groups, or a radius, can be read."""

    use: Use
    encoder: Use | None = None
    neighbour: Annotated[int, Field(ge=1, le=1000)] = 3


APPARENT = ("sex", "age_band")
"""What an attribute encoder says of people whom the owner's table says nothing of."""


class QualitySpec(Table):
    """What released pictures are looked at with besides: encoders that nobody aimed at, other detectors, attributes, expressions.

    `utility` names columns of the owner's table (or `sex` and `age_band`, as `attributes` sees them) that a classifier learns.
    """

    encoders: Annotated[tuple[Use, ...], Field(max_length=10, strict=False)] = ()
    detectors: Annotated[tuple[Use, ...], Field(max_length=10, strict=False)] = ()
    attributes: Use | None = None
    expression: Use | None = None
    utility: Annotated[tuple[Name, ...], Field(max_length=20, strict=False)] = ()


class MeasureSpec(Part):
    """A figure of a plugin: `use` and its parameters; `name` tells two of one component apart."""

    name: Slug | None = None

    @property
    def called(self) -> str:
        """Its name in the record and in tables."""
        return self.name or self.use.rpartition(":")[2]


class AuditSpec(Table):
    """A second detector: another detector, and an encoder by which a released face is held against its original."""

    detector: Part
    encoder: Use | None = None


class Interest(Table):
    """Parts of a frame, in pixels of upright videos, outside of which faces are not looked for, and why."""

    boxes: Annotated[
        tuple[Annotated[tuple[float, float, float, float], Field(strict=False)], ...],
        Field(min_length=1, max_length=100, strict=False),
    ]
    reason: Annotated[str, Field(min_length=1, max_length=400)]

    @model_validator(mode="after")
    def _right_way(self) -> Interest:
        if any(not (x0 < x1 and y0 < y1) for x0, y0, x1, y1 in self.boxes):
            raise ValueError("a box is x0, y0, x1, y1 with x0 below x1 and y0 below y1")
        return self


class Exemption(Table):
    """A photo or video whose people are left as they are, and why."""

    photo: Annotated[str, Field(min_length=1, max_length=4096)]
    reason: Annotated[str, Field(min_length=1, max_length=400)]


class SceneSpec(Table):
    """Whole photos: every face that the detector or the audit's detector sees is covered, and photos are released whole.

    `cover` is `fill` (from the pixels around, reads nothing of a face), `mosaic`, or a redactor with its parameters. With methods
    each face is drawn over by what the method makes of it: a `landmarker` says how the surrogate has to lie, `scope` how much is
    erased (`face`: the oval over the mesh; `wide`: .16 of it more on every side; `head`: the head, which is drawn with the
    surrogate's own hair), and where nothing can be drawn the fill stays.
    """

    cover: Part = Part(use="fill")
    scope: Literal["face", "wide", "head"] = "face"
    sound: Literal["keep", "drop"] = "keep"
    landmarker: Part | None = None
    allow_faceless: bool = False
    exempt: Annotated[tuple[Exemption, ...], Field(max_length=10_000, strict=False)] = ()
    roi: Interest | None = None


class ReleaseSpec(Table):
    """How released pictures are stored: as files, or in shards of 10,000 that the usual readers open.

    With `once` a picture that a group shares is stored once, under its hash. `before` names run folders of earlier releases of
    the same database, whose groups and faces are kept; releases that can be intersected below k need `allow_intersection`.
    """

    layout: Literal["files", "webdataset", "parquet"] = "files"
    once: bool = False
    before: Annotated[tuple[str, ...], Field(max_length=20, strict=False)] = ()
    allow_intersection: bool = False

    @model_validator(mode="after")
    def _packed(self) -> ReleaseSpec:
        if self.once and self.layout == "files":
            raise ValueError("once is of shards; give a layout with it")
        return self


class Recipe(Table):
    """Everything a run does: methods on faces, or with `scene` whole photos.

    `plugins` are Python files that bring components, or virtual environments in which such are installed (`venv:FOLDER`),
    relative to the recipe's folder. `precision` is that of every encoder of
    the run which has a choice: encodings of two precisions are never compared.
    """

    format: Literal[1] = Field(alias="schema")
    name: Slug
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    precision: Literal["f32", "bf16", "int8"] = "f32"
    plugins: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...], Field(max_length=50, strict=False)] = ()
    source: SourceSpec
    detector: Part | None = None
    method: Annotated[tuple[MethodSpec, ...], Field(max_length=200, strict=False)] = ()
    attack: Annotated[tuple[AttackSpec, ...], Field(max_length=50, strict=False)] = ()
    audit: AuditSpec | None = None
    quality: QualitySpec | None = None
    measure: Annotated[tuple[MeasureSpec, ...], Field(max_length=20, strict=False)] = ()
    elbow: Annotated[tuple[ElbowSpec, ...], Field(max_length=10, strict=False)] = ()
    scene: SceneSpec | None = None
    release: ReleaseSpec = ReleaseSpec()

    @model_validator(mode="before")
    @classmethod
    def _nobody_is_told_apart(cls, given: Any) -> Any:
        """Scenes are covered whoever is on them, so their source need not say it; methods ask for more."""
        source = given.get("source") if isinstance(given, dict) else None
        if isinstance(given, dict) and "scene" in given and isinstance(source, dict):
            return {**given, "source": {"subjects": "one-per-image", **source}}
        return given

    def _drawn(self, scene: SceneSpec) -> None:
        """Refuse what cannot be drawn into scenes."""
        if not self.method:
            if scene.roi is not None:
                raise ValueError("roi is of videos, which a recipe covers by methods; deidframe video takes --roi")
            return
        if isinstance(self.source.subjects, str):
            raise ValueError(
                'a scene shows several people, so methods need them found: subjects = { use = "average-linkage", encoder = ... }'
            )
        if scene.cover != Part(use="fill"):
            raise ValueError("where no surrogate can be drawn the fill stays; leave out cover, or the methods")
        if scene.landmarker is None:
            raise ValueError("methods need a landmarker, which says how a surrogate has to lie over a face")
        if self.source.carry:
            raise ValueError("columns are released with pictures of faces, not with scenes; leave out carry")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Recipe:
        called = [one.called for one in self.measure]
        if len(set(called)) < len(called):
            twice = next(name for name in called if called.count(name) > 1)
            raise ValueError(f'two measures are called "{twice}"; give one of them a name')
        if self.scene is None and not self.method:
            raise ValueError("a recipe needs at least one [[method]], or a [scene]")
        if self.scene is not None:
            barred = ("elbow",) if self.method else ("attack", "quality", "measure", "elbow")
            extra = [name for name in barred if getattr(self, name)]
            if extra:
                raise ValueError(f"with [scene] whole photos are released; leave out {', '.join(extra)}")
            if self.release.layout != "files":
                raise ValueError("whole photos and videos keep their folders; leave out release.layout")
            if self.release.before:
                raise ValueError("in scenes people are found anew, so groups cannot be kept; leave out release.before")
            self._drawn(self.scene)
            if self.detector is None:
                raise ValueError("[scene] needs a [detector]: what it sees is covered")
        return self
