"""Mix the proxies nearest to each group and let the network draw the mixture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, IndexedStack, PluginError, Surrogates, new_pictures
from deidframe.models import Network, read_graph
from deidframe_gnn.plugin import GnnParams

PEOPLE = 200
"""Entries of the network's identity vector."""
POSE = 4
SIDE = 128
BATCH = 10
"""Pictures drawn at once: the network holds some 20 MB for each."""
WEIGHTS = Path(__file__).parent / "gnn.xml"
Array = NDArray[np.float32]


class Drawer:
    """The trained network.

    Raises:
        PluginError: its files are not in the package, or it is another network.
    """

    def __init__(self, path: Path = WEIGHTS) -> None:
        if not path.is_file() or not path.with_suffix(".bin").is_file():
            raise PluginError(f"deidframe-gnn: {path.name} is not in the installed package; reinstall it, or train it")
        try:
            self._network = Network(read_graph(path, path.with_suffix(".bin")), [(-1, PEOPLE), (-1, POSE)])
        except Exception as error:
            raise PluginError(f"deidframe-gnn: {path.name} is not the network of this version: {error}") from error

    def draw(self, identities: Array, size: int) -> NDArray[np.uint8]:
        """Return `(N, size, size, 3)` pictures of `(N, 200)` identity vectors, in the usual pose."""
        pictures = np.empty((len(identities), size, size, 3), np.uint8)
        for start in range(0, len(identities), BATCH):
            part = np.asarray(identities[start : start + BATCH], np.float32)
            made = self._network(part, np.zeros((len(part), POSE), np.float32))[0]
            small = np.rint(np.clip(made.transpose(0, 2, 3, 1), 0, 1) * 255).astype(np.uint8)
            for place, one in enumerate(small, start):
                pictures[place] = cv2.resize(one, (size, size), interpolation=cv2.INTER_CUBIC)
        return pictures


class GnnFaces:
    """Synthesizer `gnn`.

    Args:
        params: how proxies are mixed.
        context: its recogniser encodes in the grouping encoder's space.
    """

    def __init__(self, params: GnnParams, context: Context) -> None:
        if context.recognizer is None:
            raise PluginError("gnn needs a recognizer: a detector and the encoder that made the groups")
        self._params, self._context, self._recognizer = params, context, context.recognizer
        self._drawer = Drawer()
        self._known: tuple[NDArray[np.int64], Array] | None = None

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return one face for each group, shown by all the group's faces.

        Raises:
            PluginError: the targets are not of the recogniser's space, or a group has more people than proxies.
        """
        if surrogates.space != self._recognizer.space:
            raise PluginError(f"gnn sees in {self._recognizer.space!r}, the targets are of {surrogates.space!r}")
        if faces.subjects is None:
            raise PluginError("gnn needs to know who is who, so that it mixes at least as many proxies as a group has people")
        groups, first, inverse = np.unique(surrogates.groups, return_index=True, return_inverse=True)
        height, width = faces.size
        pictures = new_pictures(len(groups), height, width, self._context.scratch)
        people: list[set[str]] = [set() for _ in groups]
        for row, subject in zip(inverse.tolist(), faces.subjects, strict=True):
            people[row].add(subject)
        for place in self._context.track(range(len(groups)), len(groups), "make surrogates"):
            pictures[place] = self._best(surrogates.targets[first[place]], len(people[place]), height)
        return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)), faces.landmarks)

    def proxies(self, size: int) -> tuple[NDArray[np.int64], Array]:
        """Return the proxies in which the detector sees a face and their encodings, seen by the recogniser once."""
        if self._known is None:
            drawn = self._drawer.draw(np.eye(PEOPLE, dtype=np.float32), size)
            recognition = self._recognizer.recognize(FaceSet(tuple(str(n) for n in range(PEOPLE)), drawn))
            self._known = np.array([int(i) for i in recognition.embeddings.ids], np.int64), recognition.embeddings.vectors
        return self._known

    def _best(self, target: Array, people: int, size: int) -> NDArray[np.uint8]:
        """Return the picture of the mixture whose encoding is nearest to the target."""
        rows, encodings = self.proxies(size)
        if people > len(rows):
            raise PluginError(f"gnn has {len(rows)} proxies, too few for a group of {people} people; take a smaller k")
        unit = target / max(float(np.linalg.norm(target)), 1e-12)
        alike = encodings @ unit
        order = np.argsort(-alike, kind="stable")
        mixtures = []
        for width in sorted({min(people * w, len(rows)) for w in self._params.widths}):
            near = order[:width]
            for temperature in self._params.temperatures:
                mixtures.append(mixture(alike[near], rows[near], temperature))
        pictures = self._drawer.draw(np.stack(mixtures), size)
        recognition = self._recognizer.recognize(FaceSet(tuple(str(n) for n in range(len(pictures))), pictures))
        if not len(recognition.embeddings):
            return np.asarray(pictures[-1])
        far = ((recognition.embeddings.vectors - target) ** 2).sum(axis=1)
        return np.asarray(pictures[int(recognition.embeddings.ids[int(far.argmin())])])


def mixture(alike: Array, rows: NDArray[np.int64], temperature: float) -> Array:
    """Return the `(200,)` identity vector of these proxies: weights that sum to one, none of them zero.

    Args:
        alike: `(M,)` cosine of each proxy to the target.
        rows: `(M,)` the proxies.
        temperature: above 0.
    """
    weights = np.exp((alike - alike.max()) / max(temperature, 1e-6))
    # every proxy counts for something, so that as many people as the group has are in the picture
    weights = np.maximum(weights / weights.sum(), 0.1 / len(rows))
    vector = np.zeros(PEOPLE, np.float32)
    vector[rows] = weights / weights.sum()
    return vector
