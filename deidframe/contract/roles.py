"""What the object behind each role can do: one verb each, artifacts in, artifacts out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.arrays import Ids, checked_array, checked_ids
from deidframe.contract.artifacts import Embeddings, FaceSet, LinkScores, Partition, PersonScores, Points, Surrogates, Values
from deidframe.contract.photos import Detections, Photos


@dataclass(frozen=True)
class Recognition:
    """What a detector and an encoder saw in N face pictures.

    Args:
        ids: the N faces that were looked at, in order.
        scores: `(N,)` float32, the detector's best score, 0 where it found nothing.
        embeddings: encodings of the faces that could be encoded, in order; a subset of `ids`.
        landmarks: `(N, 5, 2)` float32 pixels of the face that was found, zeros where none was.
    """

    ids: Ids
    scores: NDArray[np.float32]
    embeddings: Embeddings
    landmarks: NDArray[np.float32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", checked_ids("look", self.ids))
        object.__setattr__(self, "scores", checked_array("look", "scores", self.scores, (len(self.ids),), np.float32))
        object.__setattr__(
            self, "landmarks", checked_array("look", "landmarks", self.landmarks, (len(self.ids), 5, 2), np.float32)
        )

    def unfound(self) -> Ids:
        """Return the ids in which no face was found."""
        return tuple(i for i, score in zip(self.ids, self.scores.tolist(), strict=True) if score <= 0)


@dataclass(frozen=True)
class TorchEncoder:
    """An encoder through which gradients can be followed.

    Args:
        run: from a torch tensor `(N, 3, H, W)`, RGB 0 to 255, of aligned faces to `(N, D)` encodings, not normalised.
        template: `(5, 2)` where the landmarks lie in its input, in pixels.
        size: of its input in pixels, one side of a square or height and width.
    """

    run: Callable[[Any], Any]
    template: NDArray[np.float64]
    size: int | tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of its input in pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


class Recognizer(Protocol):
    """A detector and an encoder, handed by the core to components that need to see what they or others made."""

    @property
    def space(self) -> str:
        """Embedding space of what `look` and `encode` return."""
        ...

    def recognize(self, faces: FaceSet, *, known_landmarks: bool = False) -> Recognition:
        """Find the face in each picture afresh and encode it.

        Args:
            faces: any pictures; their own landmarks are not used to find the face.
            known_landmarks: encode a face that is not found at its own `landmarks` (an attacker who knows where it was).
        """
        ...

    def encode(self, faces: FaceSet) -> Embeddings:
        """Encode faces at their own landmarks, unit length, same ids."""
        ...

    def as_torch(self) -> TorchEncoder | None:
        """Return the encoder for following gradients, None where it is not `Differentiable`."""
        ...


@dataclass(frozen=True)
class Briefing:
    """What an attacker is given before it sees a probe; what its threat does not grant is None.

    All ids are opaque and shuffled for this attack, and the pictures come in an order that says nothing. Subjects, where
    there are any, are opaque names, too: they say which pictures show one person, and never who on a probe it is.

    Args:
        threat: of the recipe.
        exact: the gallery holds the very originals of the release, and not one other picture of each person.
        frame: `(5, 2)` where landmarks lie in every released picture: the public template, in pixels.
        gallery: clear pictures of the candidates, with subjects.
        release: every released picture once, without subjects, for an attacker who looks at the release as a whole.
        own: clear pictures of the attacker's own people, with subjects; none of them is a candidate or on a probe.
        mimic: the method, run on any faces with subjects and read back from files; faces that it would not release are left out.
        invert: the tool's way back, from released faces to an estimate of their originals.
        companions: for each probe the known others of its group: the gallery ids that show each of them.
        others: for each probe what other releases show of the same person: one face set for each release, in which a row's id is
            the probe's.
        attribute: with threat `attribute`, what is asked of people: `"sex"` or `"age"`.
    """

    threat: str
    exact: bool
    frame: NDArray[np.float32]
    gallery: FaceSet
    release: FaceSet | None = None
    own: FaceSet | None = None
    mimic: Callable[[FaceSet], FaceSet] | None = None
    invert: Callable[[FaceSet], FaceSet] | None = None
    companions: Mapping[str, tuple[tuple[str, ...], ...]] | None = None
    others: tuple[FaceSet, ...] = ()
    attribute: str | None = None


@runtime_checkable
class Source(Protocol):
    def load(self) -> Photos | Embeddings:
        """List the pictures; opening them is left to `Photos.open`. A source of encodings returns those."""
        ...


@runtime_checkable
class Detector(Protocol):
    def detect(self, photos: Photos) -> Detections:
        """Find every face in a batch of pictures that can all be opened."""
        ...


@runtime_checkable
class Encoder(Protocol):
    def encode(self, faces: FaceSet) -> Embeddings:
        """Encode a batch of faces at their landmarks: `(N, D)` float32 under the same ids."""
        ...


@runtime_checkable
class Fits(Protocol):
    """What an encoder or a redactor can do besides: look at the database before its first batch. The core calls it once."""

    def fit(self, faces: FaceSet) -> None:
        """Look at all clear faces of the run, in batches."""
        ...


@runtime_checkable
class RedactsScenes(Protocol):
    """What a redactor can do besides, and does where its parameters say `takes` = `"scene"`: it is given whole photos."""

    def redact_scene(self, photos: Photos, seen: Detections) -> Photos:
        """Return the photos redacted, each of its own size; faces are then cut out of them.

        Args:
            photos: some of the database, to be opened by it.
            seen: all faces that were found in them, in each photo the one that is meant first; boxes and landmarks of the others
                are rough.

        Returns:
            Photos of the same ids; what could not be made is not among them and in `skipped`, with the reason.
        """
        ...


@runtime_checkable
class Differentiable(Protocol):
    """What an encoder can do besides: be followed backwards, by torch, to the picture that it saw."""

    def as_torch(self) -> TorchEncoder:
        """Return the same network for torch.

        Raises:
            PluginError: torch is not installed. WeightsError: the network cannot be followed.
        """
        ...


@runtime_checkable
class Clusterer(Protocol):
    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Group people (a row is the mean of a person's unit encodings); -1 is noise. k is what the method asked for, a hint."""
        ...


@runtime_checkable
class OutlierHandler(Protocol):
    def settle(self, people: Embeddings, partition: Partition, k: int) -> Partition:
        """Return groups of at least k people each; -1 is withheld."""
        ...


@runtime_checkable
class Anonymizer(Protocol):
    def anonymize(self, people: Embeddings, partition: Partition) -> Surrogates:
        """Return the target encoding of each grouped person; people of label -1 are left out."""
        ...


@runtime_checkable
class Synthesizer(Protocol):
    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return a picture for each face; both arguments have one row for each face, in one order."""
        ...


@runtime_checkable
class Redactor(Protocol):
    def redact(self, faces: FaceSet) -> FaceSet:
        """Return a batch of faces with something taken away, same ids, same size; `Partial` where some could not be made."""
        ...


@runtime_checkable
class Landmarker(Protocol):
    def mark(self, faces: FaceSet) -> Points:
        """Lay a mesh over each face of a batch, same ids: by it a surrogate is posed in a scene."""
        ...


@runtime_checkable
class Inverts(Protocol):
    """What a redactor can do besides: say how it is undone, so that nobody is reassured by an attacker who did not ask."""

    def invert(self, faces: FaceSet) -> FaceSet:
        """Return an estimate of the originals of a batch of redacted faces: same ids, same size."""
        ...


@runtime_checkable
class Judges(Protocol):
    """An attacker may also say who is in a database at all (threat `membership`); `prepare` comes first, with the release."""

    def judge(self, people: FaceSet) -> PersonScores:
        """Say how surely each person is in the release that `prepare` was given.

        Args:
            people: clear pictures with subjects; some of the people are in the release and others are not.
        """
        ...


@runtime_checkable
class Attacker(Protocol):
    def prepare(self, briefing: Briefing) -> None:
        """Take in what this attack may know: encode the gallery, learn on own people. Called once, on a fresh instance."""
        ...

    def attack(self, probes: FaceSet) -> LinkScores:
        """Say how alike each probe and each face of the gallery are; higher means the same person.

        Probes of a large database come in several calls, so none may be judged by the others of its call.
        """
        ...


@runtime_checkable
class Measure(Protocol):
    def measure(self, originals: FaceSet, released: FaceSet) -> Values:
        """Say something in numbers of each face, from what it was and what is released for it.

        The core takes means over people with their intervals, and, as the ceiling, the same of untouched faces that were moved a
        little. Faces of a large database come in several calls, so none may be judged by the others of its call.

        Args:
            originals: untouched faces; released: what the files show for the same ids, in the same order.
        """
        ...


VERBS: Mapping[str, tuple[type, str]] = {
    "source": (Source, "load"),
    "detector": (Detector, "detect"),
    "encoder": (Encoder, "encode"),
    "clusterer": (Clusterer, "cluster"),
    "outlier-handler": (OutlierHandler, "settle"),
    "anonymizer": (Anonymizer, "anonymize"),
    "synthesizer": (Synthesizer, "synthesize"),
    "redactor": (Redactor, "redact"),
    "landmarker": (Landmarker, "mark"),
    "attacker": (Attacker, "attack"),
    "measure": (Measure, "measure"),
}
"""Role -> its protocol and its verb."""
