"""Choose one face of nobody for each group: the best of a few candidates, judged by encoding them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, IndexedStack, PluginError, Surrogates, new_pictures
from deidframe_stylegan.bank import Bank, load_bank
from deidframe_stylegan.generator import Generator
from deidframe_stylegan.plugin import StyleGanParams
from deidframe_stylegan.targets import group_targets

if TYPE_CHECKING:
    from deidframe_stylegan.gradient import GradientAim

SCALES = (1.0, 1.6)
"""How far a prediction goes from the mean face: as the map says, and further, since a ridge map is too cautious."""
BLEND = 6
"""Faces of the bank whose W are averaged for one candidate."""


@dataclass(frozen=True)
class _Candidate:
    """A face that could stand for a group.

    Args:
        loss: squared distance of its encoding to the target.
        w: `(512,)`.
        row: in the bank, -1 for a made one.
        picture: if it has been made.
        sure: the detector's score is high enough.
    """

    loss: float
    w: NDArray[np.float32]
    row: int
    picture: NDArray[np.uint8] | None
    sure: bool


class StyleGan:
    """Synthesizer `stylegan`.

    Args:
        params: how many candidates, and how sure the detector must be.
        context: its recogniser encodes in the grouping encoder's space.
    """

    def __init__(self, params: StyleGanParams, context: Context) -> None:
        if context.recognizer is None:
            raise PluginError("stylegan needs a recognizer: a detector and the encoder that made the groups")
        self._params, self._context, self._recognizer = params, context, context.recognizer
        self._generator = Generator(context)
        if params.aim == "start":
            self._bank = load_bank(context.recognizer.space)
        else:
            self._aimed = _gradient_aim(params, context, self._generator)

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return one face for each group, different for different groups, shown by all the group's faces.

        Raises:
            PluginError: the targets are of another space than the recogniser's, or nothing can be aimed at.
        """
        if surrogates.space != self._recognizer.space:
            raise PluginError(f"stylegan sees in {self._recognizer.space!r}, the targets are of {surrogates.space!r}")
        groups, first, inverse = np.unique(surrogates.groups, return_index=True, return_inverse=True)
        height, width = faces.size
        pictures = new_pictures(len(groups), height, width, self._context.scratch)
        made = self._chosen(surrogates.targets[first], height)
        if self._params.aim == "gradient":
            targets, plain = group_targets(faces, surrogates, self._recognizer, self._aimed.recognizers, inverse)
            if plain and self._aimed.watched:
                targets |= group_targets(faces, surrogates, self._recognizer, self._aimed.watched, inverse)[0]
            # where targets were moved away from the members, what the members look like must not come back by their attributes
            wanted = self._wanted(faces, surrogates, inverse, len(groups)) if plain else None
            made = self._aimed.make(targets, height, wanted)
        for place, picture in enumerate(self._context.track(made, len(groups), "make surrogates")):
            pictures[place] = picture
        return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)), faces.landmarks)

    def _wanted(
        self, faces: FaceSet, surrogates: Surrogates, inverse: NDArray[np.int64], groups: int
    ) -> NDArray[np.float32] | None:
        """Return what the attribute encoder should say of each group's face: the majority's sex, the median age."""
        if self._params.attributes is None:
            return None
        said = self._context.recognizers[self._params.attributes].encode(faces).vectors
        male = said[:, 1] / np.maximum(said[:, 0] + said[:, 1], 1e-9)
        years = said[:, 2] / np.maximum(said[:, 2] + said[:, 3], 1e-9)
        wanted = np.zeros((groups, 4), np.float32)
        for group in range(groups):
            rows = np.flatnonzero(inverse == group)
            majority = float((surrogates.weights[rows] * (male[rows] > 0.5)).sum() >= 0.5)
            age = float(np.median(years[rows]))
            wanted[group] = (1 - majority, majority, age, 1 - age)
        return wanted

    def _chosen(self, targets: NDArray[np.float32], size: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the best candidate for each target."""
        taken: set[int] = set()
        for target in targets:
            yield self._best(target, size, taken)

    def _best(self, target: NDArray[np.float32], size: int, taken: set[int]) -> NDArray[np.uint8]:
        """Return the picture of the best candidate; a face of the bank that another group has is not one."""
        candidates = self._candidates(self._bank, target, size, taken)
        chosen = min(candidates, key=lambda c: (not c.sure, c.loss))
        if chosen.row >= 0:
            taken.add(chosen.row)
        return self._generator.picture(chosen.w, size) if chosen.picture is None else chosen.picture

    def _candidates(self, bank: Bank, target: NDArray[np.float32], size: int, taken: set[int]) -> list[_Candidate]:
        near = np.array(
            [r for r in bank.nearest(target, self._params.candidates + BLEND + len(taken)) if r not in taken], np.int64
        )
        points = [bank.predict(target, scale) for scale in SCALES] + [bank.blend(target, near[:BLEND])]
        points = points[: self._params.candidates]
        made = self._made(points, target, size)
        known = near[: max(0, self._params.candidates - len(points))]
        far = ((bank.encodings[known] - target) ** 2).sum(axis=1)
        # every face of the bank was found by the detector with a score above the threshold when the bank was made
        return made + [_Candidate(float(d), bank.w[r], int(r), None, True) for d, r in zip(far, known.tolist(), strict=True)]

    def _made(self, points: list[NDArray[np.float32]], target: NDArray[np.float32], size: int) -> list[_Candidate]:
        if not points:
            return []
        pictures = np.stack([self._generator.picture(w, size) for w in points])
        names = tuple(str(n) for n in range(len(points)))
        recognition = self._recognizer.recognize(FaceSet(names, pictures))
        far = {
            name: float(((vector - target) ** 2).sum())
            for name, vector in zip(recognition.embeddings.ids, recognition.embeddings.vectors, strict=True)
        }
        return [
            _Candidate(far.get(name, float("inf")), w, -1, picture, float(score) >= self._params.min_score)
            for name, w, picture, score in zip(names, points, pictures, recognition.scores, strict=True)
        ]


def _gradient_aim(params: StyleGanParams, context: Context, generator: Generator) -> GradientAim:
    """Return what aims, if torch is there."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise PluginError(
            'stylegan: aim = "gradient" needs torch (python -m pip install torch); aim = "start" does without, and'
            " its faces lie about half as far again from their groups"
        ) from None
    from deidframe_stylegan.gradient import GradientAim

    return GradientAim(params, context, generator)
