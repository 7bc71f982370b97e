"""What a plugin says about each part that it brings, and all that the part is given to work with."""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from deidframe.contract.params import Params
    from deidframe.contract.roles import Recognizer

T = TypeVar("T")

ROLES = (
    "source",
    "detector",
    "encoder",
    "clusterer",
    "outlier-handler",
    "anonymizer",
    "synthesizer",
    "redactor",
    "landmarker",
    "attacker",
    "measure",
)
"""The eleven roles, in the order in which a run meets them."""


class Need(enum.Enum):
    """What a component is given only if it asks for it.

    `ATTRIBUTES`: of a clusterer, an outlier handler or an anonymizer: people come with `Embeddings.columns`, what the owner's
    table says of them.
    `GPU`: `Context.device` is then the one of `--device` (without it CUDA, where torch sees that), and not the processor.
    """

    SUBJECTS = "subjects"
    RECOGNIZER = "recognizer"
    ATTRIBUTES = "attributes"
    GPU = "gpu"
    WEIGHTS = "weights"
    NETWORK = "network"


@dataclass(frozen=True)
class SamePerson:
    """How alike pictures of one person are in an encoder's space, measured on people who were split into two labels.

    Args:
        deviations: two labels are in doubt where the cosine of their mean encodings, the database's mean subtracted, lies at
            least so many standard deviations above that of two people; more where many labels make more pairs by chance.
        cosine: the least cosine of two labels of 1, of 2, of 3 or more pictures that are in doubt; used where labels are few.
        certain: a cosine that pictures of two people do not reach.
        stray: a picture less alike than this to the rest of its label shows somebody else; the database's mean subtracted.
        stray_few: the same without subtracting, where labels are few.
        genuine: mean and standard deviation of the same measure for two labels of one person, of 1, of 2, of 3 or more pictures
            each: it says how many of them are noticed.
        measured_on: the data, for people.
        authors: distance of unit encodings up to which the encoder's authors take two pictures for one person's, None if they
            say none.
    """

    deviations: float
    cosine: tuple[float, float, float]
    certain: float
    stray: float
    stray_few: float
    genuine: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    measured_on: str
    authors: float | None = None


@dataclass(frozen=True)
class Component:
    """One part that a plugin brings.

    Args:
        name: what a recipe says after `use =`; lowercase letters, digits and dashes.
        make: `"package.module:Class"`, imported on first use and called as `Class(params, context)`.
        params: a subclass of `Params`; its fields are the recipe's keys and its ranges their bounds, its properties what the core
            has to know besides.
        summary: one sentence for lists.
        example: the recipe lines that use it, valid TOML; the conformance kit tries it with the parameters given there.
        needs: what is withheld unless named here.
        spaces: embedding spaces: the one an encoder produces, the ones a synthesizer accepts; empty accepts any.
        weights: names from the plugin's `weights.toml` that it loads.
        deterministic: equal input and seed give equal bits.
        protects: False for a baseline that changes nothing; its faces are measured and never released.
        one_picture_per_group: True for a synthesizer that gives every face of a group the same picture.
        moves_targets: True for an anonymizer whose targets are, on purpose, not the weighted means of their members.
        every_space: True for an anonymizer that may be asked once for each encoder by which the synthesizer aims, with the same
            people and groups, and moves the targets alike in all of them; with `Need.RECOGNIZER` it sees with that encoder. It is
            told people by tokens that stay the same under the same key.
        takes_targets: True for a synthesizer that aims at the targets; without it only the members' weights decide, and a recipe
            with an anonymizer that moves targets is refused.
        shows_person: True for an anonymizer or a synthesizer whose surrogates may, by design, be one real person's face
            (k-Same-Select). Where they are, certificate and folder say it; without this such faces are withheld.
        elbow: of a clusterer, the curve from which its parameter is read: `"groups"` where it has a parameter `clusters` (the SSE
            for each number of groups), `"distances"` where it has a radius (sorted distances to a neighbour), empty for none.
        same_person: of an encoder, how alike it sees pictures of one person; without it the encoder cannot look for people under
            two labels.
        sure: of a detector, the score from which on a face is upright; a picture with less is looked at in four turns. None where
            scores do not say.
        eager: of a detector, parameters with which it rather sees a face too many than one too few, a set for each look worth
            taking (another size, a lower score); what is covered wrongly does no harm.
        guesses: of a redactor that says how it is undone, parameters that are tried where an unknown tool is guessed.
        fictitious: True for a source whose people do not exist, so that a report may show their pictures.
        unit: of a measure, what its numbers are, for people: `"pixels"`, `"share, 0 to 1"`.
        better: of a measure, which way is better, empty where neither is.
        contract: contract version it was written for, as a number that stays when another is installed: it has no default.
        reference: the paper it follows, if any.
    """

    name: str
    make: str
    params: type[Params]
    summary: str
    example: str = ""
    needs: frozenset[Need] = frozenset()
    spaces: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    deterministic: bool = True
    protects: bool = True
    one_picture_per_group: bool = False
    shows_person: bool = False
    moves_targets: bool = False
    every_space: bool = False
    takes_targets: bool = False
    elbow: Literal["", "groups", "distances"] = ""
    same_person: SamePerson | None = None
    sure: float | None = None
    eager: tuple[Mapping[str, Any], ...] = ()
    guesses: tuple[Mapping[str, Any], ...] = ()
    fictitious: bool = False
    unit: str = ""
    better: Literal["", "lower", "higher"] = ""
    contract: int = field(kw_only=True)
    reference: str = ""


def _quiet(message: str) -> None:
    """Drop a log message."""


def _unrecorded(name: str, data: Mapping[str, Any]) -> None:
    """Drop a record."""


def _plain(items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    """Yield the items without showing anything."""
    return iter(items)


@dataclass(frozen=True)
class Context:
    """All that a component gets besides its parameters.

    Args:
        seed: of this component in this run, 0 to 2**63 - 1; equal runs give equal seeds.
        scratch: an existing private folder for temporary files, removed after the run.
        device: `"cpu"` or a torch-style device name; the processor unless `Need.GPU`, or `Params.gpu`, asks for another.
        threads: how many threads it may start. Inside a call, an attacker's apart, linear algebra and torch have one each, since
            the order of their sums changes with the number: work on several faces or groups side by side instead.
        log: takes one line for the run's log.
        track: `track(items, total, what)` yields the items and shows progress.
        recognizer: detection and encoding in one, for components that need `Need.RECOGNIZER`; else None.
        offline: nothing may be fetched.
        recognizers: by the names in the parameters' `recognizers`, one with each of those encoders.
        record: takes a name and plain data worth keeping with the run; kept under `private`.
        secret: of this component in this run, the same when the run goes on, never published: who has the recipe cannot choose
            again what was chosen by it.
    """

    seed: int
    scratch: Path
    device: str = "cpu"
    log: Callable[[str], None] = _quiet
    track: Callable[[Iterable[Any], int | None, str], Iterator[Any]] = _plain
    recognizer: Recognizer | None = None
    offline: bool = False
    recognizers: Mapping[str, Recognizer] = field(default_factory=dict)
    record: Callable[[str, Mapping[str, Any]], None] = _unrecorded
    secret: bytes = b""
    threads: int = 1

    def seed_for(self, item: str) -> int:
        """Return the seed of one item: HMAC-SHA256 of its name under the component's seed, so that order never matters."""
        digest = hmac.new(str(self.seed).encode(), item.encode(), hashlib.sha256).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def rng(self, item: str = "") -> np.random.Generator:
        """Return a generator that depends on the seed and the item's name alone."""
        import numpy as np

        return np.random.default_rng(self.seed_for(item))
